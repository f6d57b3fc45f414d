"""What becomes of a generation: its proposal, its failure, or a result that nobody waits for any more."""

from genesis.content.proposal import Provenance
from genesis.content.sizes import DRAFT_CAP, size
from genesis.content.versions import NoRoomForBlend
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.answers import answer_to
from genesis.session.decision import Decision
from genesis.session.findings import findings_of
from genesis.session.handles import HandleStatus
from genesis.session.proposals import proposal_of
from genesis.session.reasons import Reason
from genesis.session.state import Generating, Review
from genesis.session.stopping import settle_kept


def succeeded(d: Decision, result: m.GenerationSucceeded) -> None:
    phase = d.awaited(result.task_id)
    if phase is None:
        return _discard(d, result)
    stage = phase.task.stage
    if result.stage != stage:
        return _unusable(d, phase, result, "wrong_stage")
    try:
        draft, counters = proposal_of(d.state, phase, result, d.at)
    except NoRoomForBlend:
        return _unusable(d, phase, result, "no_room")
    if size(draft.candidates) > DRAFT_CAP[stage]:
        return _unusable(d, phase, result, "too_large")
    d.emit(
        e.ProposalMade(
            stage=stage,
            task_id=phase.task.task_id,
            attempt=result.attempt,
            proposal=draft,
            counters=counters,
            understood=result.understood,
            not_understood=result.not_understood,
            warnings=findings_of(d.state, draft, draft.chosen),
        )
    )
    d.ask(stage, phase.handle.handle_id)
    if phase.handle.kept:
        with d.caused_by(phase.handle.kept):
            answer_to(d, phase.handle.kept.answer)


def _discard(d: Decision, result: m.GenerationSucceeded | m.GenerationFailed) -> None:
    stopped = d.stopped(result.task_id)
    if stopped is None:
        return
    d.emit(
        e.GenerationDiscarded(
            stage=stopped.stage,
            task_id=stopped.task_id,
            reason=stopped.reason,
            provenance=result.provenance,
        )
    )


def _unusable(d: Decision, phase: Generating, result: m.GenerationSucceeded, code: str) -> None:
    _fail(d, phase, code, "The proposal could not be used.", result.attempt, result.provenance)


def failed(d: Decision, failure: m.GenerationFailed) -> None:
    phase = d.awaited(failure.task_id)
    if phase is not None:
        message = failure.message or "The proposal could not be made; try again."
        _fail(d, phase, failure.code, message, failure.attempt, failure.provenance, failure.timed_out)
    elif d.envelope.command_no is not None:
        d.refuse(Reason.OVERTAKEN)
    else:
        _discard(d, failure)


def _fail(
    d: Decision,
    phase: Generating,
    code: str,
    message: str,
    attempt: int | None,
    provenance: Provenance | None,
    timed_out: bool = False,
) -> None:
    d.emit(
        e.GenerationFailed(
            stage=phase.task.stage,
            task_id=phase.task.task_id,
            handle_id=phase.handle.handle_id,
            attempt=attempt,
            code=code,
            message=message,
            timed_out=timed_out,
            provenance=provenance,
        )
    )
    settle_kept(d, phase.handle.kept, Reason.GENERATION_ENDED)
    if phase.draft is not None:
        d.ask(phase.task.stage, identity.fresh_handle_id(d.envelope.message_id, phase.task.stage))
    d.pause_if_idle()


def expire(d: Decision, message: m.HandleExpired) -> None:
    phase = d.state.slot(message.stage).phase if d.maybe_state else None
    if (
        isinstance(phase, Review)
        and not d.state.status.is_over
        and phase.handle.handle_id == message.handle_id
        and phase.handle.status is HandleStatus.WAITING
        and phase.handle.expires_at == message.expires_at
    ):
        d.emit(e.InputExpired(stage=message.stage, handle_id=message.handle_id))
        d.pause_if_idle()
    else:
        d.refuse(Reason.OVERTAKEN)
