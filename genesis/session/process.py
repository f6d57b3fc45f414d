"""What a session owes the world: the generations that run in its state. A start, a crash and a repair
all ask the same question, so there is one path (design §8)."""

from uuid import UUID

from genesis.content.paths import found
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage
from genesis.session.state import Generating, Session


def owed(state: Session | None) -> dict[UUID, GenerationRequest]:
    """A request per running generation, by task id."""
    if state is None:
        return {}
    return {task_id: _request(state, task_id) for task_id in state.running()}


def newly_owed(before: Session | None, after: Session) -> tuple[GenerationRequest, ...]:
    """What is owed after and was not before: what handling one message must send."""
    known = before.running() if before else {}
    return tuple(_request(after, task_id) for task_id in after.running() if task_id not in known)


def protected(state: Session, stage: Stage) -> tuple[str, ...]:
    """Paths of a stage's draft, or of its confirmed content, that a running generation must leave as they are."""
    slot = state.slot(stage)
    if isinstance(slot.phase, Generating) and (draft := slot.phase.draft):
        # What was edited may have been removed by a later edit.
        edited = found(stage, draft.candidates, slot.phase.edited)
        return tuple(dict.fromkeys((*draft.locks, *edited)))
    return slot.confirmed.locks if slot.confirmed else ()


def _request(state: Session, task_id: UUID) -> GenerationRequest:
    task = state.running()[task_id]
    phase = state.slot(task.stage).phase
    draft = phase.draft if isinstance(phase, Generating) else None
    confirmed = state.confirmed_contents()
    own = confirmed.pop(task.stage, None)
    previous = draft.candidates if draft else (own,) if own else ()
    return GenerationRequest(
        task_id=task_id,
        session_id=state.session_id,
        user_id=state.user_id,
        correlation_id=task.correlation_id,
        stage=task.stage,
        what=task.what,
        candidates=task.candidates,
        paths=task.paths,
        round=task.round,
        brief=state.brief,
        guidance=task.guidance,
        feedback=task.feedback,
        chips=task.chips,
        count=task.count,
        seed=task.seed,
        temperature=task.temperature,
        provider=task.provider,
        model=task.model,
        confirmed=confirmed,
        previous=previous,
        locks=protected(state, task.stage),
        stale=state.slot(task.stage).stale if task.what == "stale" else (),
        requested_at=task.requested_at,
        deadline=task.deadline,
    )
