"""What each event changes: the only way a session's state comes about, live, replayed or projected."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import assert_never

from genesis.content.impact import StaleReason
from genesis.content.novel import Cost
from genesis.content.proposal import Provenance
from genesis.session import events as e
from genesis.session.handles import Handle, HandleStatus, KeptAnswer
from genesis.session.stages import FINISHED, Stage
from genesis.session.state import (
    STOPPED_KEPT,
    VERSIONS_KEPT,
    Closed,
    Confirmed,
    Draft,
    Empty,
    Generating,
    Phase,
    Review,
    Session,
    Slot,
    Stale,
    Status,
    StoppedTask,
    Version,
)


def evolve(state: Session | None, recorded: e.Recorded) -> Session:
    """The state after this event.

    Raises ValueError for an event that cannot follow this state: the history it comes from is broken.
    """
    if state is None:
        state = _opened(recorded)
    elif recorded.sequence != state.sequence + 1:
        raise ValueError(
            f"event {recorded.sequence} cannot follow event {state.sequence} of session {state.session_id}"
        )
    changed = _changed(state, recorded)
    return changed.model_copy(
        update={
            "sequence": recorded.sequence,
            "version": state.version if _is_refusal(state, recorded) else recorded.sequence,
            "last_at": recorded.created_at,
            "command_no": max(state.command_no, recorded.command_no or 0),
        }
    )


def fold(history: Iterable[e.Recorded], state: Session | None = None) -> Session | None:
    """The state after all of these events."""
    for recorded in history:
        state = evolve(state, recorded)
    return state


def complete(history: Sequence[e.Recorded]) -> Sequence[e.Recorded]:
    """The history without its last message where not all of that message's events are there (design §6).

    The rest of them is on its way, or comes when the message is handled again, under the same ids.
    """
    if not history or history[-1].part == history[-1].of:
        return history
    return history[: -history[-1].part]


def _is_refusal(state: Session, recorded: e.Recorded) -> bool:
    # A refused START is the session's first and only version (design §6).
    return isinstance(recorded.event, e.CommandRejected) and recorded.sequence > 1


def _opened(recorded: e.Recorded) -> Session:
    if recorded.sequence != 1:
        raise ValueError(f"the history of session {recorded.session_id} begins with {recorded.sequence}, not 1")
    return Session(
        session_id=recorded.session_id,
        user_id=recorded.user_id,
        status=Status.IN_PROGRESS,
        created_at=recorded.created_at,
        last_at=recorded.created_at,
    )


def _changed(state: Session, recorded: e.Recorded) -> Session:
    match recorded.event:
        case e.SessionStarted(mode=mode, brief=brief):
            open_at_once = {stage: Slot(phase=Empty()) for stage in Stage} if mode == "free_form" else {}
            return state.model_copy(update={"mode": mode, "brief": brief, "stages": open_at_once})
        case e.StageEntered(stage=stage):
            return _entered(state, stage).model_copy(update={"current_stage": stage.value})
        case e.GenerationRequested() as event:
            return _generation_requested(state, event, recorded)
        case e.ProposalMade() as event:
            return _proposal_made(state, event)
        case e.GenerationFailed(stage=stage, task_id=task_id, timed_out=timed_out) as event:
            failed = _fallen_back(_spent(state, event.provenance), stage)
            if not timed_out:
                return failed
            return _remember(failed, StoppedTask(task_id=task_id, stage=stage, reason="timed_out"))
        case e.GenerationStopped(stage=stage, stopped=stopped):
            return _remember(_fallen_back(state, stage), stopped)
        case e.GenerationDiscarded(task_id=task_id, provenance=provenance):
            rest = tuple(task for task in state.stopped if task.task_id != task_id)
            return _spent(state, provenance).model_copy(update={"stopped": rest})
        case e.ProposalChosen(stage=stage, candidate=candidate, expires_at=expires_at):
            review = _review(state, stage)
            draft = review.draft.model_copy(update={"chosen": candidate})
            handle = review.handle.model_copy(update={"expires_at": expires_at})
            return _phase(state, stage, Review(draft=draft, handle=handle))
        case e.ProposalEdited() as event:
            return _proposal_edited(state, event)
        case e.ProposalOpened() as event:
            return _proposal_opened(state, event, recorded)
        case e.FeedbackGiven():
            return state
        case e.InputRequested() as event:
            handle = Handle(
                handle_id=event.handle_id,
                status=HandleStatus.WAITING,
                opened_at=recorded.created_at,
                expires_at=event.expires_at,
            )
            return _phase(state, event.stage, Review(draft=_review(state, event.stage).draft, handle=handle))
        case e.InputReceived() as event:
            return _input_received(state, event, recorded)
        case e.InputExpired(stage=stage):
            return _handle_status(state, stage, HandleStatus.EXPIRED)
        case e.SessionPaused():
            return state.model_copy(update={"status": Status.PAUSED})
        case e.SessionResumed():
            return state.model_copy(update={"status": Status.IN_PROGRESS})
        case e.StageConfirmed(stage=stage, confirmed=confirmed):
            update = {"phase": Confirmed(), "confirmed": confirmed, "stale": ()}
            return _with_slot(state, stage, state.slot(stage).model_copy(update=update))
        case e.StagesMarkedStale(stages=stages):
            for stage, reasons in stages.items():
                state = _marked_stale(state, stage, reasons)
            return state
        case e.NovelCreated(novel=novel):
            return state.model_copy(update={"novel_id": novel.id})
        case e.SessionFinished():
            return state.model_copy(update={"status": Status.COMPLETED, "current_stage": FINISHED})
        case e.SessionAbandoned():
            return _abandoned(state)
        case e.CommandRejected():
            if recorded.sequence == 1:
                return state.model_copy(update={"status": Status.REFUSED})
            return state
        case never:
            assert_never(never)


def _with_slot(state: Session, stage: Stage, slot: Slot) -> Session:
    return state.model_copy(update={"stages": {**state.stages, stage: slot}})


def _phase(state: Session, stage: Stage, phase: Phase) -> Session:
    return _with_slot(state, stage, state.slot(stage).model_copy(update={"phase": phase}))


def _review(state: Session, stage: Stage) -> Review:
    phase = state.slot(stage).phase
    if not isinstance(phase, Review):
        raise ValueError(f"stage {stage} of session {state.session_id} is {phase.name}, not REVIEW")
    return phase


def _generating(state: Session, stage: Stage) -> Generating:
    phase = state.slot(stage).phase
    if not isinstance(phase, Generating):
        raise ValueError(f"stage {stage} of session {state.session_id} is {phase.name}, not GENERATING")
    return phase


def _entered(state: Session, stage: Stage) -> Session:
    return _phase(state, stage, Empty()) if isinstance(state.slot(stage).phase, Closed) else state


def _marked_stale(state: Session, stage: Stage, reasons: tuple[StaleReason, ...]) -> Session:
    slot = state.slot(stage)
    # A stage that was opened again keeps its draft; the reasons are shown beside it.
    phase = Stale() if isinstance(slot.phase, Confirmed | Stale) else slot.phase
    return _with_slot(state, stage, slot.model_copy(update={"phase": phase, "stale": reasons}))


def _generation_requested(state: Session, event: e.GenerationRequested, recorded: e.Recorded) -> Session:
    slot = state.slot(event.stage)
    handle = Handle(handle_id=event.handle_id, status=HandleStatus.PENDING_PAUSE, opened_at=recorded.created_at)
    draft = slot.phase.draft if isinstance(slot.phase, Review) else None
    phase = Generating(task=event.task, handle=handle, draft=draft)
    return _with_slot(state, event.stage, slot.model_copy(update={"phase": phase, "rounds": event.task.round}))


def _proposal_made(state: Session, event: e.ProposalMade) -> Session:
    slot, proposal = state.slot(event.stage), event.proposal
    generating = _generating(state, event.stage)
    slot = slot.model_copy(
        update={
            # PENDING_PAUSE until input-requested, which is the next event of the same message.
            "phase": Review(draft=proposal, handle=generating.handle),
            "counters": event.counters,
            "versions": _shown(slot, proposal),
        }
    )
    return _spent(_with_slot(state, event.stage, slot), proposal.provenance)


def _proposal_opened(state: Session, event: e.ProposalOpened, recorded: e.Recorded) -> Session:
    slot = state.slot(event.stage)
    handle = Handle(handle_id=event.handle_id, status=HandleStatus.PENDING_PAUSE, opened_at=recorded.created_at)
    slot = slot.model_copy(
        update={
            "phase": Review(draft=event.proposal, handle=handle),
            "rounds": max(slot.rounds, event.proposal.round),
            "counters": event.counters,
            "versions": _shown(slot, event.proposal),
        }
    )
    return _with_slot(state, event.stage, slot)


def _proposal_edited(state: Session, event: e.ProposalEdited) -> Session:
    slot = state.slot(event.stage)
    if not isinstance(phase := slot.phase, Review | Generating) or phase.draft is None:
        raise ValueError(f"stage {event.stage} of session {state.session_id} has no draft to edit")
    update: dict[str, object] = {"locks": event.locks, "user_paths": event.user_paths}
    if event.candidates is not None:
        update |= {
            "revision": event.revision,
            "kind": "restore" if event.how == "restore" else phase.draft.kind,
            "candidates": event.candidates,
            "chosen": event.chosen,
            "merged_from": event.merged_from,
            "content_hash": event.content_hash,
            "provenance": event.provenance,
        }
    draft = phase.draft.model_copy(update=update)
    if isinstance(phase, Generating):
        edited = tuple(dict.fromkeys((*phase.edited, *event.touched)))
        phase = phase.model_copy(update={"draft": draft, "edited": edited})
    else:
        handle = phase.handle.model_copy(update={"expires_at": event.expires_at})
        phase = Review(draft=draft, handle=handle)
    changed: dict[str, object] = {"phase": phase, "counters": event.counters}
    if event.candidates is not None:
        changed["versions"] = _shown(slot, draft)
    return _with_slot(state, event.stage, slot.model_copy(update=changed))


def _shown(slot: Slot, draft: Draft) -> tuple[Version, ...]:
    made = draft.provenance
    version = (
        Version(content_hash=draft.content_hash, kind=made.kind, provider=made.provider, model=made.model)
        if made
        else Version(content_hash=draft.content_hash)
    )
    others = (each for each in slot.versions if each.content_hash != version.content_hash)
    return (*others, version)[-VERSIONS_KEPT:]


def _input_received(state: Session, event: e.InputReceived, recorded: e.Recorded) -> Session:
    if not event.kept:
        return _handle_status(state, event.stage, HandleStatus.RESUMED)
    if event.answer is None:
        raise ValueError(f"event {recorded.event_id} keeps an answer but carries none")
    phase = _generating(state, event.stage)
    kept = KeptAnswer(command_id=event.command_id, correlation_id=recorded.correlation_id, answer=event.answer)
    handle = phase.handle.model_copy(update={"kept": kept})
    return _phase(state, event.stage, phase.model_copy(update={"handle": handle}))


def _handle_status(state: Session, stage: Stage, status: HandleStatus) -> Session:
    phase = _review(state, stage)
    handle = phase.handle.model_copy(update={"status": status, "expires_at": None, "kept": None})
    return _phase(state, stage, phase.model_copy(update={"handle": handle}))


def _fallen_back(state: Session, stage: Stage) -> Session:
    phase = _generating(state, stage)
    if phase.draft is None:
        # Only a stale stage is worked on without a draft although it is confirmed.
        return _phase(state, stage, Stale() if state.slot(stage).confirmed else Empty())
    cancelled = phase.handle.model_copy(update={"status": HandleStatus.CANCELLED, "kept": None})
    return _phase(state, stage, Review(draft=phase.draft, handle=cancelled))


def _abandoned(state: Session) -> Session:
    stages = {}
    for stage, slot in state.stages.items():
        phase = slot.phase
        if isinstance(phase, Review):
            handle = phase.handle.model_copy(
                update={"status": HandleStatus.CANCELLED, "expires_at": None, "kept": None}
            )
            phase = phase.model_copy(update={"handle": handle})
        stages[stage] = slot.model_copy(update={"phase": phase})
    return state.model_copy(update={"status": Status.ABANDONED, "stages": stages})


def _remember(state: Session, stopped: StoppedTask) -> Session:
    return state.model_copy(update={"stopped": (*state.stopped, stopped)[-STOPPED_KEPT:]})


def _spent(state: Session, provenance: Provenance | None) -> Session:
    if provenance is None:
        return state
    spent = state.spent
    known = provenance.cost is not None
    return state.model_copy(
        update={
            "spent": Cost(
                amount=str(Decimal(spent.amount) + Decimal(provenance.cost or "0")),
                currency=provenance.currency or spent.currency,
                unpriced=spent.unpriced + (0 if known else 1),
                tokens_in=spent.tokens_in + (provenance.tokens_in or 0),
                tokens_out=spent.tokens_out + (provenance.tokens_out or 0),
            )
        }
    )
