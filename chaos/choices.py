"""What a novelist may say next, and how it is said: one of the actions that the state offers, or one beside them."""

import random
from typing import Any
from uuid import uuid5

from genesis.session import identity
from genesis.session.actions import Action, available_actions
from genesis.session.stages import Stage
from genesis.session.state import Draft, Generating, Review, Session

Said = tuple[str, dict[str, Any]]
"""A command's type and payload."""

WEIGHTS: dict[str, float] = {
    "confirm": 8.0,
    "finish": 30.0,
    "generate": 4.0,
    "select": 2.0,
    "feedback": 1.5,
    "mend": 1.0,
    "edit": 1.5,
    "lock": 0.7,
    "merge": 0.5,
    "regenerate": 0.7,
    "stop": 0.7,
    "navigate": 0.4,
    "blend": 0.3,
    "abandon": 0.05,
}
"""How often each action is taken, where it is offered; actions that are not named here are left out."""

TO_THE_END = ("confirm", "finish", "generate", "mend")
"""The actions of a novelist who has said enough and wants the novel."""

CHIPS = ("darker", "lighter", "shorter", "stranger", "less_cliche", "more_stakes")


def choose(state: Session | None, chance: random.Random, hurry: bool) -> Said | None:
    """One of the actions offered; None where there is nothing to do but wait."""
    offered = [each for each in available_actions(state) if each.action in WEIGHTS]
    if hurry:
        # Now and then something else: what can't be confirmed as it stands must be changed first.
        direct = [each for each in offered if each.action in TO_THE_END]
        offered = direct if direct and chance.random() < 0.8 else [*direct, *_other_ways(offered)]
    elif all(each.action in ("abandon", "stop", "navigate") for each in offered) and chance.random() < 0.9:
        return None
    if state is None or not offered:
        return None
    [action] = chance.choices(offered, [WEIGHTS[each.action] for each in offered])
    return said(action, state, chance)


def _other_ways(offered: list[Action]) -> list[Action]:
    return [each for each in offered if each.action in ("navigate", "regenerate", "select")]


def said(action: Action, state: Session, chance: random.Random) -> Said | None:
    """The command that does it."""
    if action.stage is None:
        return action.command, {"accept_stale": True} if action.accept_stale else {}
    phase = state.slot(action.stage).phase
    draft = phase.draft if isinstance(phase, Review | Generating) else None
    payload = {"stage": action.stage.value}
    match action.action:
        case "generate" | "regenerate":
            return action.command, payload
        case "navigate":
            return action.command, payload
        case "mend":
            return action.command, {**payload, "what": "stale"}
        case "stop":
            return action.command, {**payload, "proposal_id": _text(action.proposal_id), "stop": True}
        case "confirm" if draft is None:
            return action.command, _naming(payload, action, 1)
    return _about(action, draft, payload, chance) if draft else None


def _about(action: Action, draft: Draft, payload: dict[str, Any], chance: random.Random) -> Said | None:
    """What is said about a draft."""
    payload = _naming(payload, action, draft.revision)
    ids = [each.id for each in draft.candidates]
    match action.action:
        case "confirm":
            return action.command, {**payload, "candidate": draft.chosen or chance.choice(ids)}
        case "select":
            others = [each for each in ids if each != draft.chosen]
            return (action.command, {**payload, "base": chance.choice(others)}) if others else None
        case "feedback":
            return action.command, {**payload, "chips": chance.sample(CHIPS, 2)}
        case "lock":
            return action.command, {**payload, "lock": [_path(draft)]}
        case "edit":
            operation = {"op": "replace", "path": _path(draft), "value": f"Draft {chance.randrange(1000)}"}
            return action.command, {**payload, "patch": [operation]}
        case "merge" if len(ids) > 1:
            base, other = chance.sample(ids, 2)
            return "SELECT_CONCEPT", {**payload, "base": base, "take": [{"field": "title", "from": other}]}
        case "blend":
            stage = {"stage": payload["stage"], "what": "blend"}
            return (action.command, {**stage, "candidates": chance.sample(ids, 2)}) if len(ids) > 1 else None
    return None


def _path(draft: Draft) -> str:
    """A line of text that every content of the stage has."""
    first = draft.candidates[0]
    match draft.stage:
        case Stage.CONCEPT_SELECTION | Stage.STORY_CONCEPTION:
            return f"/{first.id}/title"
        case Stage.WORLDVIEW:
            return "/name"
        case Stage.CHARACTERS:
            return "/characters/c1/name"
        case Stage.PLOT_OUTLINE:
            return "/chapters/h1/title"


def early(state: Session | None, chance: random.Random) -> Said | None:
    """An answer to a proposal that is still being made (design §5)."""
    for stage in Stage:
        phase = state.slot(stage).phase if state else None
        if isinstance(phase, Generating):
            names = {"stage": stage.value, "proposal_id": str(phase.task.task_id), "revision": 1}
            if chance.random() < 0.3:
                return "PROVIDE_FEEDBACK", {**names, "chips": ["darker"]}
            return "CONFIRM_STAGE", {**names, "candidate": "" if chance.random() < 0.5 else "k1"}
    return None


def stale(state: Session | None, seen: list[tuple[str, Any]], chance: random.Random) -> Said | None:
    """An answer that names an old proposal, or one that never was."""
    if state is None or not seen:
        return None
    stage, proposal = chance.choice(seen)
    if chance.random() < 0.3:
        proposal = uuid5(identity.ROOT, str(proposal))
    return "CONFIRM_STAGE", {"stage": stage, "proposal_id": str(proposal), "revision": chance.choice([1, 1, 2])}


def _naming(payload: dict[str, Any], action: Action, revision: int) -> dict[str, Any]:
    return {**payload, "proposal_id": _text(action.proposal_id), "revision": revision}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
