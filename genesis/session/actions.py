"""What the person may do next, computed from the state (content model §4)."""

from typing import Literal
from uuid import UUID

from genesis.session.findings import errors_among, errors_of_confirmed, findings_of
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Closed, Confirmed, Draft, Empty, Generating, Review, Session, Slot, Stale
from genesis.values import Frozen, Text

Name = Literal[
    "generate",
    "write",
    "stop",
    "select",
    "merge",
    "feedback",
    "edit",
    "lock",
    "restore",
    "regenerate",
    "blend",
    "mend",
    "navigate",
    "confirm",
    "finish",
    "abandon",
]

COMMANDS: dict[Name, str] = {
    "generate": "GENERATE_INSPIRATION",
    "write": "PROVIDE_FEEDBACK",
    "stop": "PROVIDE_FEEDBACK",
    "select": "SELECT_CONCEPT",
    "merge": "SELECT_CONCEPT",
    "feedback": "PROVIDE_FEEDBACK",
    "edit": "PROVIDE_FEEDBACK",
    "lock": "PROVIDE_FEEDBACK",
    "restore": "PROVIDE_FEEDBACK",
    "regenerate": "GENERATE_INSPIRATION",
    "blend": "GENERATE_INSPIRATION",
    "mend": "GENERATE_INSPIRATION",
    "navigate": "NAVIGATE_TO_STAGE",
    "confirm": "CONFIRM_STAGE",
    "finish": "FINISH_GENESIS",
    "abandon": "ABANDON_GENESIS",
}
"""The command that does it. `write` is a patch that names no proposal, `mend` a generation of what is stale."""


class Action(Frozen):
    """One thing that would be granted now, and the command that does it."""

    action: Name
    command: Text
    stage: Stage | None = None
    proposal_id: UUID | None = None
    """The proposal to name in the command."""
    accept_stale: bool = False
    """True: only with `accept_stale`, since stages no longer agree with an earlier one."""


def available_actions(state: Session | None) -> tuple[Action, ...]:
    """Every action that would be granted in this state; none before the start and after the end."""
    if state is None or state.status.is_over:
        return ()
    actions = [action for stage in Stage for action in _in_stage(state, stage)]
    if may_finish(state):
        stale = any(isinstance(state.slot(stage).phase, Stale) for stage in Stage)
        actions.append(_action("finish", accept_stale=stale))
    actions.append(_action("abandon"))
    return tuple(actions)


def may_finish(state: Session) -> bool:
    """True when every stage is confirmed and none has an error, so that the novel can be made."""
    return all(isinstance(state.slot(stage).phase, Confirmed | Stale) for stage in Stage) and not any(
        errors_of_confirmed(state, stage) for stage in Stage
    )


def _action(
    name: Name, stage: Stage | None = None, proposal_id: UUID | None = None, accept_stale: bool = False
) -> Action:
    return Action(
        action=name, command=COMMANDS[name], stage=stage, proposal_id=proposal_id, accept_stale=accept_stale
    )


def _in_stage(state: Session, stage: Stage) -> list[Action]:
    slot = state.slot(stage)
    offered: list[Name]
    match slot.phase:
        case Closed():
            return []
        case Empty():
            offered, meant = ["generate", "write"], None
        case Generating(task=task, draft=None):
            return [_action("stop", stage, task.task_id), *_going_there(state, stage)]
        case Generating(task=task, draft=Draft(proposal_id=meant)):
            changes = [_action(name, stage, meant) for name in _CODE_ALONE]
            return [_action("stop", stage, task.task_id), *changes, *_going_there(state, stage)]
        case Review(draft=draft):
            offered, meant = _in_review(state, slot, draft), draft.proposal_id
        case Confirmed():
            offered, meant = [], None
        case Stale():
            assert slot.confirmed is not None  # the phase says so
            offered, meant = ["mend"], slot.confirmed.proposal_id
            if not errors_of_confirmed(state, stage):
                offered.append("confirm")
    return [*(_action(name, stage, meant) for name in offered), *_going_there(state, stage)]


_CODE_ALONE: tuple[Name, ...] = ("edit", "lock")


def _in_review(state: Session, slot: Slot, draft: Draft) -> list[Name]:
    several = draft.stage in CHOICE and len(draft.candidates) > 1
    offered: list[Name] = ["select", "merge", "blend"] if several else []
    offered += ["feedback", "edit", "lock", "regenerate"]
    if any(version.content_hash != draft.content_hash for version in slot.versions):
        offered.append("restore")
    if slot.stale:
        offered.append("mend")
    if draft.chosen and not errors_among(findings_of(state, draft, draft.chosen)):
        offered.append("confirm")
    return offered


def _going_there(state: Session, stage: Stage) -> list[Action]:
    elsewhere = state.current_stage != stage
    reopens = isinstance(state.slot(stage).phase, Confirmed | Stale)
    return [_action("navigate", stage)] if elsewhere or reopens else []
