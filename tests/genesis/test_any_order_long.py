"""Ten thousand random sessions: the rules of `AnySession` drawn by chance alone, faster than Hypothesis draws them.

The seed is printed and may be given again: `GENESIS_SEED=7 make test-long`. Session n of seed s is the same for ever;
a failure names both.
"""

import os
import random
from collections import Counter
from typing import Any

import pytest

from genesis.session import events as e
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from tests.any_session import AnySession

pytestmark = [pytest.mark.long, pytest.mark.timeout(4 * 3600)]

SESSIONS = int(os.environ.get("GENESIS_SESSIONS", "10000"))
STEPS = 60

INVARIANTS = [
    name for name in dir(AnySession) if getattr(getattr(AnySession, name), "hypothesis_stateful_invariant", None)
]


class Drawn:
    """What `st.data()` offers a rule, by chance alone."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def draw(self, strategy: Any) -> Any:
        return self._chance.choice(list(strategy.elements))


def possible(session: AnySession, chance: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """The rules that may come next, with arguments; what leads on is named more than once."""
    stage, seed = chance.choice(list(Stage)), chance.randrange(2**32)
    off = chance.choice([0, 0, 1])
    rules: list[tuple[str, dict[str, Any]]] = [
        ("generate", {"stage": stage, "seed": seed}),
        (
            "answer",
            {"stage": stage, "seed": seed, "early": chance.random() < 0.5, "revision": off},
        ),
        *[("edit", {"stage": stage, "seed": seed})] * 3,
        ("stop", {"stage": stage}),
        ("navigate", {"stage": stage}),
        ("time_passes", {"minutes": chance.randint(-5, 40)}),
        ("start_again", {}),
        ("a_number_is_missing", {"ahead": 2}),
        ("repeat", {"data": Drawn(chance)}),
        ("repaired", {"data": Drawn(chance)}),
    ]
    if session.requested:
        how = {"fails": chance.random() < 0.3, "timed_out": chance.random() < 0.5, "seed": seed}
        rules.append(("result", {"data": Drawn(chance), **how}))
    if session.state and session.state.running():
        rules += [("the_awaited_result", {"seed": seed})] * 4
    if session.state and not session.state.status.is_over:
        rules += [("go_on", {})] * 2
    if session.handles:
        rules.append(("handle_expires", {"data": Drawn(chance)}))
    if session.open:
        rules.append(("every_handle_expires", {}))
    if len(session.sent) > 45:
        rules += [
            ("finish", {"accept_stale": chance.random() < 0.5}),
            ("abandon", {}),
            ("session_expires", {"behind": chance.choice([0, 1])}),
        ]
    return rules


def walked(seed: str) -> AnySession:
    """One random session, every invariant checked after each step."""
    chance, session = random.Random(seed), AnySession()
    session.begin(mode=chance.choice(["guided", "free_form"]), walked=chance.randint(0, 6))
    for _ in range(STEPS):
        name, arguments = chance.choice(possible(session, chance))
        getattr(session, name)(**arguments)
        for invariant in INVARIANTS:
            getattr(session, invariant)()
    session.teardown()
    return session


def test_ten_thousand_random_sessions():
    seed = os.environ.get("GENESIS_SEED", "1")
    print(f"seed {seed}, {SESSIONS} sessions")
    events: Counter[str] = Counter()
    refusals: Counter[Reason] = Counter()
    for number in range(SESSIONS):
        try:
            session = walked(f"{seed}/{number}")
        except Exception as error:
            raise AssertionError(f"session {number} of seed {seed}") from error
        for recorded in session.history:
            events[recorded.event.type] += 1
            if isinstance(recorded.event, e.CommandRejected):
                refusals[recorded.event.reason] += 1
    print(dict(events), {reason.value: count for reason, count in refusals.items()})
    if SESSIONS >= 1000:
        assert set(events) == {str(kind.model_fields["type"].default) for kind in e.EVENTS}, "every event was met"
