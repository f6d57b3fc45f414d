"""How a provider's result becomes the proposal: ids of this session, locked and hand-edited values put back."""

from collections.abc import Sequence
from datetime import datetime

from genesis.content.catalog import MAX_CANDIDATES, Content
from genesis.content.ids import ids_of, renumber
from genesis.content.locks import keep
from genesis.content.novel import content_hash
from genesis.content.paths import found, parse
from genesis.content.versions import blended
from genesis.session import messages as m
from genesis.session.editing import still_chosen, still_there
from genesis.session.process import protected
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Generating, Kind, Session, Task


def proposal_of(
    state: Session, phase: Generating, result: m.GenerationSucceeded, at: datetime
) -> tuple[Draft, dict[str, int]]:
    """The draft that this result comes to, and the highest item numbers given with it.

    `phase` is the one that waited for it; what the person locked, or wrote since asking, is the parent's again.
    """
    task, slot = phase.task, state.slot(phase.task.stage)
    parent = phase.draft.candidates if phase.draft else _confirmed(state, task)
    kept_paths = protected(state, task.stage)
    arrived, counters = _arrived(state, task, result.candidates, parent, kept_paths)
    candidates = _combined(task, parent, arrived, kept_paths)
    before = phase.draft
    written = before.user_paths if before else slot.confirmed.user_paths if slot.confirmed else ()
    locks = before.locks if before else slot.confirmed.locks if slot.confirmed else ()
    draft = Draft(
        proposal_id=task.task_id,
        stage=task.stage,
        round=task.round,
        parent=before.proposal_id if before else slot.confirmed.proposal_id if slot.confirmed else None,
        kind=_kind(task),
        candidates=candidates,
        chosen=still_chosen(before.chosen if before else "", candidates),
        locks=still_there(task.stage, candidates, locks),
        user_paths=_as_before(task.stage, parent, candidates, written),
        content_hash=content_hash(candidates),
        command_id=task.command_id,
        created_at=at,
        provenance=result.provenance,
    )
    return draft, counters


def _confirmed(state: Session, task: Task) -> tuple[Content, ...]:
    confirmed = state.slot(task.stage).confirmed
    return (confirmed.content,) if confirmed else ()


def _kind(task: Task) -> Kind:
    if task.what == "round" and (task.feedback or task.chips):
        return "feedback"
    return task.what


def _arrived(
    state: Session,
    task: Task,
    candidates: Sequence[Content],
    parent: Sequence[Content],
    kept_paths: Sequence[str],
) -> tuple[tuple[Content, ...], dict[str, int]]:
    """The result with ids of this session: what is still the same item keeps its id, all else gets a new one."""
    if task.what == "candidate":
        candidates = (candidates[0].model_copy(update={"id": task.candidates[0]}),)
    elif task.stage not in CHOICE and parent:
        # The one content of such a stage is the same item, whatever its maker calls it.
        candidates = (candidates[0].model_copy(update={"id": parent[0].id}),)
    confirmed = state.confirmed_contents()
    known = frozenset[str]().union(*(ids_of(content) for content in confirmed.values()))
    same = _same_items(task, parent, kept_paths) & frozenset[str]().union(*(ids_of(each) for each in candidates))
    return renumber(task.stage, candidates, state.slot(task.stage).counters, known, same)


def _same_items(task: Task, parent: Sequence[Content], kept_paths: Sequence[str]) -> frozenset[str]:
    """Ids of the parent that mean the same item in the result.

    A revision keeps them all. A fresh round knows only those that something locked belongs to, and a blend none:
    what carries another number there is another thing.
    """
    ids = frozenset[str]().union(*(ids_of(each) for each in parent))
    if task.what == "blend":
        return frozenset()
    if task.what == "round" and not (task.feedback or task.chips):
        named = {token for path in kept_paths for token in parse(path)}
        return (ids & named) | (frozenset() if task.stage in CHOICE else frozenset(each.id for each in parent))
    return ids


def _combined(
    task: Task, parent: Sequence[Content], arrived: tuple[Content, ...], kept_paths: Sequence[str]
) -> tuple[Content, ...]:
    if not parent:
        return arrived
    match task.what:
        case "blend":
            return blended(parent, arrived[0], task.candidates, kept_paths, MAX_CANDIDATES[task.stage])
        case "candidate":
            return keep(task.stage, parent, arrived, kept_paths, (f"/{task.candidates[0]}",))
        case "paths" | "stale":
            return keep(task.stage, parent, arrived, kept_paths, task.paths)
        case _:
            return keep(task.stage, parent, arrived, kept_paths)


def _as_before(
    stage: Stage, parent: Sequence[Content], now: Sequence[Content], paths: Sequence[str]
) -> tuple[str, ...]:
    """Those of these paths where the text is still the person's own."""
    was, is_ = found(stage, parent, paths), found(stage, now, paths)
    return tuple(path for path in paths if path in was and path in is_ and was[path].value == is_[path].value)
