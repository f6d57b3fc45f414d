"""Two minutes of faults at random under people who write: nothing lost, nothing doubled. `make chaos` for more."""

import random

import pytest

from chaos.faults.all import FAULTS
from chaos.run import Plan, run
from stack.launcher import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SHORT = ("worker disk wiped", "connector deleted", "poison")
"""What is not over in a moment but still fits in, beside the kills."""


async def test_two_minutes_of_random_faults(stack: Stack):
    faults = [fault for fault in FAULTS.values() if fault.kind == "kill" or fault.name in SHORT]
    seed = random.randrange(2**32)
    report = await run(stack, Plan(seconds=120, seed=seed, clients=6, faults=faults, calm=3.0, long=0.05))
    told = "\n".join(report.lines())
    print(told)
    assert report.violations == [], told
    assert report.notes == [], told
    assert report.commands > 100, told
    assert sum(report.struck.values()) > 5, told
