"""Answers of the person to a proposal: choosing, feedback, confirming, and the answer that comes too early."""

from typing import assert_never

from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.asking import request, task_for
from genesis.session.decision import Decision
from genesis.session.findings import errors_among, findings_of
from genesis.session.moving import go_on
from genesis.session.reasons import Reason
from genesis.session.stages import CHOICE
from genesis.session.state import Closed, Confirmed, ConfirmedStage, Draft, Generating, Review


def answer_to(d: Decision, answer: m.Answer) -> None:
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
    request(d, task_for(d, m.GenerateInspiration(stage=answer.stage), answer))


def _confirm(d: Decision, answer: m.ConfirmStage, draft: Draft) -> None:
    chosen = answer.candidate or draft.chosen
    content = draft.candidate(chosen)
    if not chosen:
        return d.refuse(Reason.NOT_CHOSEN)
    if content is None:
        return d.refuse(Reason.UNKNOWN_CANDIDATE)
    findings = findings_of(d.state, draft, chosen)
    if errors := errors_among(findings):
        return d.refuse(Reason.CONTENT_ERRORS, details=errors)
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
                accepted_warnings=tuple(sorted({finding.code for finding in findings})),
                note=answer.note,
                provenance=draft.provenance,
                version=d.state.sequence + 1,
                confirmed_at=d.at,
                confirmed_by=d.envelope.user_id,
            ),
        )
    )
    go_on(d, answer.stage)
