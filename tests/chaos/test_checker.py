"""The checker complains of every kind of broken promise, and of nothing else."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.checker.verdict import judge
from chaos.checker.violation import Kind
from tests.chaos.clean import played
from tests.chaos.planted import PLANTED, Planted

SEEDS = st.integers(0, 2**32)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@given(seed=SEEDS)
@settings(PATIENT, max_examples=25)
def test_a_studio_that_keeps_its_promises_is_acquitted(seed: int):
    assert judge(played(random.Random(seed))) == []


def test_what_is_acquitted_is_rich():
    """Runs that never paused, refused or kept an answer would acquit a checker that looks away."""
    seen: set[str] = set()
    for seed in range(25):
        for bodies in played(random.Random(seed)).log.values():
            seen |= {body["event_type"] for body in bodies}
            seen |= {"kept" for body in bodies if body["payload"].get("kept")}
            seen |= {"repeated" for body in bodies if len({each["sequence"] for each in bodies}) < len(bodies)}
    assert seen >= {"kept", "repeated", "command-rejected", "feedback-given", "input-expired", "session-paused"}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
@given(seed=SEEDS)
@settings(PATIENT, max_examples=3)
def test_a_planted_fault_is_called_what_it_is(planted: Planted, seed: int):
    chance = random.Random(seed)
    spoiled = planted.plant(played(chance, steps=8), chance)
    assert planted.kind in {violation.kind for violation in judge(spoiled)}


def test_every_kind_of_complaint_has_a_planted_fault():
    assert {planted.kind for planted in PLANTED} == set(Kind)
