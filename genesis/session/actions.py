"""What the person may do next, computed from the state (content model §4)."""

from typing import Literal
from uuid import UUID

from genesis.session.findings import errors_among, findings_of
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Empty, Review, Session
from genesis.values import Frozen, Text


class Action(Frozen):
    """One thing that would be granted now, and the command that does it."""

    action: Literal["generate", "select", "feedback", "regenerate", "confirm", "finish", "abandon"]
    command: Text
    stage: Stage | None = None
    proposal_id: UUID | None = None


def available_actions(state: Session | None) -> tuple[Action, ...]:
    """Every action that would be granted in this state; none before the start and after the end."""
    if state is None or state.status.is_over:
        return ()
    actions: list[Action] = []
    for stage in Stage:
        match state.slot(stage).phase:
            case Empty():
                actions.append(Action(action="generate", command="GENERATE_INSPIRATION", stage=stage))
            case Review(draft=draft):
                actions.extend(_in_review(state, stage, draft))
            case _:
                pass
    if all_confirmed(state):
        actions.append(Action(action="finish", command="FINISH_GENESIS"))
    actions.append(Action(action="abandon", command="ABANDON_GENESIS"))
    return tuple(actions)


def all_confirmed(state: Session) -> bool:
    """True when every stage is confirmed, so that the novel can be made."""
    return all(state.slot(stage).phase.name == "CONFIRMED" for stage in Stage)


def _in_review(state: Session, stage: Stage, draft: Draft) -> list[Action]:
    names: list[tuple[Literal["select", "feedback", "regenerate", "confirm"], str]] = []
    if stage in CHOICE and len(draft.candidates) > 1:
        names.append(("select", "SELECT_CONCEPT"))
    names.append(("feedback", "PROVIDE_FEEDBACK"))
    names.append(("regenerate", "GENERATE_INSPIRATION"))
    if draft.chosen and not errors_among(findings_of(state, draft, draft.chosen)):
        names.append(("confirm", "CONFIRM_STAGE"))
    return [
        Action(action=action, command=command, stage=stage, proposal_id=draft.proposal_id)
        for action, command in names
    ]
