"""Whatever a novelist of a chaos run says is a command that the door takes; most of it is granted."""

import random

from chaos import choices
from chaos.checker.replay import replay
from genesis import wire
from genesis.session.state import Session
from tests.chaos.clean import played


def states() -> list[Session]:
    """Every state that some random runs have come through."""
    return [
        state
        for seed in range(12)
        for session, bodies in played(random.Random(seed)).log.items()
        for state in replay(session, bodies).states
    ]


def test_everything_said_can_be_read_and_nearly_every_kind_is_said():
    chance = random.Random(1)
    types, empty = set(), 0
    for state in states():
        proposals = [(stage.value, slot.phase.draft.proposal_id) for stage, slot in drafts(state)]
        for said in (
            choices.choose(state, chance, hurry=False),
            choices.choose(state, chance, hurry=True),
            choices.early(state, chance),
            choices.stale(state, proposals, chance),
        ):
            if said is None:
                empty += 1
            else:
                message = wire.parse_command(*said)
                types.add(message.type)
                types |= {name for name in ("patch", "lock", "take", "stop") if getattr(message, name, None)}
    assert types >= {"CONFIRM_STAGE", "PROVIDE_FEEDBACK", "SELECT_CONCEPT", "GENERATE_INSPIRATION", "patch", "lock"}
    assert types >= {"take", "stop", "NAVIGATE_TO_STAGE"}
    assert empty


def test_nothing_is_said_in_a_session_that_is_over_or_not_begun():
    chance = random.Random(1)
    over = [state for state in states() if state.status.is_over]
    for state in [None, *over]:
        assert choices.choose(state, chance, hurry=False) is None
        assert choices.early(state, chance) is None


def drafts(state: Session):
    return [(stage, slot) for stage, slot in state.stages.items() if getattr(slot.phase, "draft", None)]
