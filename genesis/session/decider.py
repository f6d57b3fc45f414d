"""The rules of a session: what a message leads to, given the state. No clock, no random ids, no I/O.

`decide` is total: a message that may not be granted ends in a refusal, which is an event like any other.
"""

from typing import assert_never

from genesis.content.ids import ids_of, renumber
from genesis.content.novel import content_hash
from genesis.content.proposal import Provenance
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, size
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.actions import all_confirmed
from genesis.session.decision import Decision
from genesis.session.findings import errors_of, findings_of
from genesis.session.finish import novel_of
from genesis.session.handles import HandleStatus, KeptAnswer
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.stages import CHOICE, ORDER, Stage, next_stage
from genesis.session.state import (
    Closed,
    Confirmed,
    ConfirmedStage,
    Draft,
    Generating,
    Review,
    Session,
    StoppedTask,
    Task,
)

ANSWERS = (m.SelectConcept, m.ProvideFeedback, m.ConfirmStage)


def decide(envelope: Envelope, state: Session | None, rules: Rules) -> Decision:
    """The events that this message leads to, with the state they lead to."""
    decision = Decision(envelope, state, rules)
    message = envelope.message
    if isinstance(message, m.Internal):
        _hear(decision, message)
    elif refusal := _refused_before_all(decision, message):
        decision.refuse(refusal)
    else:
        _obey(decision, message)
    return decision


def _refused_before_all(d: Decision, message: m.PersonCommand) -> Reason | None:
    if isinstance(message, m.StartGenesis):
        return Reason.ALREADY_STARTED if d.maybe_state else None
    if d.maybe_state is None:
        return Reason.NOT_STARTED
    if d.state.status.is_over:
        return Reason.SESSION_ENDED
    expected = d.envelope.expected_version
    return Reason.VERSION_CONFLICT if expected not in (None, d.state.version) else None


def _obey(d: Decision, message: m.PersonCommand) -> None:
    match message:
        case m.StartGenesis():
            d.emit(e.SessionStarted(mode=message.mode, brief=message.brief()))
            _enter(d, ORDER[0])
        case m.GenerateInspiration():
            _generate(d, message)
        case m.SelectConcept() | m.ProvideFeedback() | m.ConfirmStage():
            _answer(d, message)
        case m.NavigateToStage():
            d.refuse(Reason.FORWARD_ONLY)
        case m.FinishGenesis():
            _finish(d, message)
        case m.AbandonGenesis():
            _abandon(d, message)
        case _:
            assert_never(message)


def _hear(d: Decision, message: m.Internal) -> None:
    match message:
        case m.HandleExpired():
            _expire(d, message)
        case m.GenerationSucceeded():
            _succeeded(d, message)
        case m.GenerationFailed():
            _failed(d, message)
        case _:
            assert_never(message)


# -- asking for a proposal


def _enter(d: Decision, stage: Stage) -> None:
    d.emit(e.StageEntered(stage=stage))
    _request(d, _task(d, m.GenerateInspiration(stage=stage)))


def _generate(d: Decision, command: m.GenerateInspiration) -> None:
    match d.state.slot(command.stage).phase:
        case Closed():
            d.refuse(Reason.STAGE_CLOSED)
        case Generating():
            d.refuse(Reason.GENERATING)
        case Confirmed():
            d.refuse(Reason.STAGE_CONFIRMED)
        case Review():
            d.grant()
            d.resume_handle(command.stage)
            _request(d, _task(d, command))
        case _:
            d.grant()
            _request(d, _task(d, command))


def _task(d: Decision, command: m.GenerateInspiration, feedback: m.ProvideFeedback | None = None) -> Task:
    return Task(
        task_id=identity.task_id(d.envelope.message_id, command.stage),
        stage=command.stage,
        round=d.state.slot(command.stage).rounds + 1,
        guidance=command.guidance,
        feedback=feedback.text if feedback else "",
        chips=feedback.chips if feedback else (),
        count=command.count,
        seed=command.seed,
        temperature=command.temperature,
        provider=command.provider or d.state.brief.provider,
        model=command.model or d.state.brief.model,
        command_id=d.cause,
        correlation_id=d.correlation_id,
        requested_at=d.at,
        deadline=d.at + d.rules.generation_ttl,
    )


def _request(d: Decision, task: Task) -> None:
    d.emit(e.GenerationRequested(stage=task.stage, task=task, handle_id=identity.task_handle_id(task.task_id)))


# -- answers of the person


def _answer(d: Decision, answer: m.Answer) -> None:
    match d.state.slot(answer.stage).phase:
        case Closed():
            d.refuse(Reason.STAGE_CLOSED)
        case Confirmed():
            d.refuse(Reason.STAGE_CONFIRMED)
        case Generating() as phase:
            _answer_early(d, answer, phase)
        case Review(draft=draft):
            _answer_review(d, answer, draft)
        case _:
            d.refuse(Reason.NOTHING_PROPOSED)


def _answer_early(d: Decision, answer: m.Answer, phase: Generating) -> None:
    """An answer to the running task's proposal is kept; one to the draft before it has to wait (design §5)."""
    if answer.proposal_id != phase.task.task_id:
        d.refuse(Reason.GENERATING)
    elif phase.handle.kept:
        d.refuse(Reason.ANSWER_ALREADY_KEPT)
    elif answer.revision != 1:
        d.refuse(Reason.OTHER_REVISION)
    else:
        d.grant()
        d.emit(
            e.InputReceived(
                stage=answer.stage,
                handle_id=phase.handle.handle_id,
                kept=True,
                command_type=answer.type,
                command_id=d.cause,
                answer=answer,
            )
        )


def _answer_review(d: Decision, answer: m.Answer, draft: Draft) -> None:
    if answer.proposal_id != draft.proposal_id:
        d.refuse(Reason.OTHER_PROPOSAL)
    elif answer.revision != draft.revision:
        d.refuse(Reason.OTHER_REVISION)
    else:
        match answer:
            case m.SelectConcept():
                _choose(d, answer, draft)
            case m.ProvideFeedback():
                _feedback(d, answer)
            case m.ConfirmStage():
                _confirm(d, answer, draft)
            case _:
                assert_never(answer)


def _choose(d: Decision, answer: m.SelectConcept, draft: Draft) -> None:
    if answer.stage not in CHOICE or len(draft.candidates) == 1:
        d.refuse(Reason.NOTHING_TO_CHOOSE)
    elif draft.candidate(answer.base) is None:
        d.refuse(Reason.UNKNOWN_CANDIDATE)
    elif draft.chosen == answer.base:
        d.refuse(Reason.ALREADY_CHOSEN)
    else:
        d.grant()
        d.emit(_chosen(d, draft, answer.base))


def _chosen(d: Decision, draft: Draft, candidate: str) -> e.ProposalChosen:
    return e.ProposalChosen(
        stage=draft.stage,
        proposal_id=draft.proposal_id,
        revision=draft.revision,
        candidate=candidate,
        expires_at=d.at + d.rules.handle_ttl,
    )


def _feedback(d: Decision, answer: m.ProvideFeedback) -> None:
    d.grant()
    d.resume_handle(answer.stage)
    d.emit(
        e.FeedbackGiven(
            stage=answer.stage,
            proposal_id=answer.proposal_id,
            revision=answer.revision,
            text=answer.text,
            chips=answer.chips,
        )
    )
    _request(d, _task(d, m.GenerateInspiration(stage=answer.stage), answer))


def _confirm(d: Decision, answer: m.ConfirmStage, draft: Draft) -> None:
    chosen = answer.candidate or draft.chosen
    content = draft.candidate(chosen)
    if not chosen:
        return d.refuse(Reason.NOT_CHOSEN)
    if content is None:
        return d.refuse(Reason.UNKNOWN_CANDIDATE)
    if errors := errors_of(d.state, draft, chosen):
        return d.refuse(Reason.CONTENT_ERRORS, details=errors)
    if size([content]) > CONFIRMED_CAP[answer.stage]:
        return d.refuse(Reason.TOO_LARGE)
    d.grant()
    if chosen != draft.chosen:
        d.emit(_chosen(d, draft, chosen))
    d.resume_handle(answer.stage)
    d.emit(
        e.StageConfirmed(
            stage=answer.stage,
            confirmed=ConfirmedStage(
                stage=answer.stage,
                content=content,
                proposal_id=draft.proposal_id,
                round=draft.round,
                revision=draft.revision,
                chosen_from=tuple(each.id for each in draft.candidates),
                locks=draft.locks,
                user_paths=draft.user_paths,
                accepted_warnings=tuple(sorted({finding.code for finding in findings_of(d.state, draft, chosen)})),
                note=answer.note,
                provenance=draft.provenance,
                version=d.state.sequence + 1,
                confirmed_at=d.at,
                confirmed_by=d.envelope.user_id,
            ),
        )
    )
    following = next_stage(answer.stage)
    if following and isinstance(d.state.slot(following).phase, Closed):
        _enter(d, following)


def _finish(d: Decision, command: m.FinishGenesis) -> None:
    if not all_confirmed(d.state):
        return d.refuse(Reason.STAGES_UNCONFIRMED)
    d.grant()
    novel = novel_of(d.state, command.title, d.at)
    d.emit(e.NovelCreated(novel=novel))
    d.emit(e.SessionFinished(novel_id=novel.id))


def _abandon(d: Decision, command: m.AbandonGenesis) -> None:
    for task in d.state.running().values():
        phase = d.awaited(task.task_id)
        assert phase is not None  # running() named it
        d.emit(
            e.GenerationStopped(
                stage=task.stage,
                stopped=StoppedTask(task_id=task.task_id, stage=task.stage, reason="abandoned"),
                handle_id=phase.handle.handle_id,
            )
        )
        _settle_kept(d, phase.handle.kept, Reason.SESSION_ENDED)
    cancelled = tuple(
        handle.handle_id
        for handle in d.state.handles().values()
        if handle.status in (HandleStatus.WAITING, HandleStatus.EXPIRED)
    )
    d.emit(e.SessionAbandoned(reason=command.reason, cancelled_handles=cancelled))


# -- results, failures, expiries


def _succeeded(d: Decision, result: m.GenerationSucceeded) -> None:
    phase = d.awaited(result.task_id)
    if phase is None:
        return _discard(d, result)
    stage, slot = phase.task.stage, d.state.slot(phase.task.stage)
    if result.stage != stage or size(result.candidates) > DRAFT_CAP[stage]:
        code = "too_large" if result.stage == stage else "wrong_stage"
        return _fail(d, phase, code, "The proposal could not be used.", result.attempt, result.provenance)
    known = frozenset[str]().union(*(ids_of(each) for each in d.state.confirmed_contents().values()))
    candidates, counters = renumber(stage, result.candidates, slot.counters, known)
    draft = Draft(
        proposal_id=phase.task.task_id,
        stage=stage,
        round=phase.task.round,
        parent=phase.draft.proposal_id if phase.draft else None,
        kind="feedback" if phase.task.feedback or phase.task.chips else "round",
        candidates=candidates,
        chosen=candidates[0].id if len(candidates) == 1 else "",
        content_hash=content_hash(candidates),
        command_id=phase.task.command_id,
        created_at=d.at,
        provenance=result.provenance,
    )
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
            _answer(d, phase.handle.kept.answer)


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


def _failed(d: Decision, failure: m.GenerationFailed) -> None:
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
    _settle_kept(d, phase.handle.kept, Reason.GENERATION_ENDED)
    if phase.draft is not None:
        d.ask(phase.task.stage, identity.fresh_handle_id(d.envelope.message_id, phase.task.stage))
    d.pause_if_idle()


def _settle_kept(d: Decision, kept: KeptAnswer | None, reason: Reason) -> None:
    if kept:
        with d.caused_by(kept):
            d.refuse(reason)


def _expire(d: Decision, message: m.HandleExpired) -> None:
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
