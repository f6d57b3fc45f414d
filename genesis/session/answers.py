"""Answers of the person to a proposal: choosing, feedback, confirming, and the answer that comes too early."""

from typing import assert_never

from genesis.content.sizes import KIB
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.asking import request, task_for
from genesis.session.decision import Decision
from genesis.session.editing import edit, merge, restore, still_there, write_own
from genesis.session.findings import errors_among, errors_of_confirmed, findings_of
from genesis.session.moving import confirmed_anew, go_on
from genesis.session.reasons import Reason
from genesis.session.stages import CHOICE
from genesis.session.state import Closed, Confirmed, ConfirmedStage, Draft, Empty, Generating, Review, Stale

KEPT_CAP = 8 * KIB
"""Most bytes of an answer that is kept for a proposal still being made: it lives in the session's state."""


def answer_to(d: Decision, answer: m.Answer) -> None:
    """Apply an answer to the proposal it names, keep it for a proposal that is being made, or say why not."""
    match d.state.slot(answer.stage).phase:
        case Closed():
            d.refuse(Reason.STAGE_CLOSED)
        case Confirmed():
            d.refuse(Reason.STAGE_CONFIRMED)
        case Stale():
            _answer_stale(d, answer)
        case Empty() if isinstance(answer, m.ProvideFeedback) and answer.patch and answer.proposal_id is None:
            write_own(d, answer)
        case Empty():
            d.refuse(Reason.NOTHING_PROPOSED)
        case Generating() as phase:
            _answer_early(d, answer, phase)
        case Review(draft=draft):
            _answer_review(d, answer, draft)


def _answer_early(d: Decision, answer: m.Answer, phase: Generating) -> None:
    """An answer to the running task's proposal is kept; of those to the draft only edits are done (design §5)."""
    if answer.proposal_id == phase.task.task_id:
        _keep(d, answer, phase)
    elif phase.draft is None or answer.proposal_id != phase.draft.proposal_id or not _is_edit(answer):
        d.refuse(Reason.GENERATING)
    elif answer.revision != phase.draft.revision:
        d.refuse(Reason.OTHER_REVISION)
    else:
        assert isinstance(answer, m.ProvideFeedback)  # _is_edit says so
        edit(d, answer, phase.draft)


def _is_edit(answer: m.Answer) -> bool:
    return isinstance(answer, m.ProvideFeedback) and answer.edits and not answer.asks_for_a_round


def _keep(d: Decision, answer: m.Answer, phase: Generating) -> None:
    if phase.handle.kept:
        d.refuse(Reason.ANSWER_ALREADY_KEPT)
    elif answer.revision != 1:
        d.refuse(Reason.OTHER_REVISION)
    elif len(answer.model_dump_json().encode()) > KEPT_CAP:
        d.refuse(Reason.GENERATING)
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


def _answer_stale(d: Decision, answer: m.Answer) -> None:
    """A stale stage is confirmed as it is, or gone to: there is no draft that anything else could change."""
    confirmed = d.state.slot(answer.stage).confirmed
    assert confirmed is not None  # the phase says so
    if not isinstance(answer, m.ConfirmStage):
        d.refuse(Reason.STAGE_STALE)
    elif answer.proposal_id != confirmed.proposal_id:
        d.refuse(Reason.OTHER_PROPOSAL)
    elif answer.revision != confirmed.revision:
        d.refuse(Reason.OTHER_REVISION)
    elif answer.candidate not in ("", confirmed.content.id):
        d.refuse(Reason.UNKNOWN_CANDIDATE)
    elif errors := errors_of_confirmed(d.state, answer.stage):
        d.refuse(Reason.CONTENT_ERRORS, details=errors)
    else:
        d.grant()
        again = {"version": d.state.sequence + 1, "confirmed_at": d.at, "note": answer.note}
        d.emit(e.StageConfirmed(stage=answer.stage, confirmed=confirmed.model_copy(update=again)))
        go_on(d, answer.stage)


def _answer_review(d: Decision, answer: m.Answer, draft: Draft) -> None:
    if answer.proposal_id is None:
        d.refuse(Reason.ALREADY_PROPOSED)
    elif answer.proposal_id != draft.proposal_id:
        d.refuse(Reason.OTHER_PROPOSAL)
    elif answer.revision != draft.revision:
        d.refuse(Reason.OTHER_REVISION)
    else:
        match answer:
            case m.SelectConcept():
                _choose(d, answer, draft)
            case m.ProvideFeedback():
                _feedback(d, answer, draft)
            case m.ConfirmStage():
                _confirm(d, answer, draft)
            case _:
                assert_never(answer)


def _choose(d: Decision, answer: m.SelectConcept, draft: Draft) -> None:
    if answer.stage not in CHOICE or len(draft.candidates) == 1:
        d.refuse(Reason.NOTHING_TO_CHOOSE)
    elif draft.candidate(answer.base) is None:
        d.refuse(Reason.UNKNOWN_CANDIDATE)
    elif answer.take:
        merge(d, answer, draft)
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


def _feedback(d: Decision, answer: m.ProvideFeedback, draft: Draft) -> None:
    if answer.restore:
        return restore(d, answer, draft)
    if answer.edits and not edit(d, answer, draft):
        return
    if answer.asks_for_a_round:
        _ask_for_another_round(d, answer)


def _ask_for_another_round(d: Decision, answer: m.ProvideFeedback) -> None:
    d.grant()
    draft = d.review(answer.stage).draft
    d.resume_handle(answer.stage)
    d.emit(
        e.FeedbackGiven(
            stage=answer.stage,
            proposal_id=draft.proposal_id,
            revision=draft.revision,
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
    before = d.state.slot(answer.stage).confirmed
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
                merged_from=draft.merged_from if chosen == draft.chosen else (),
                # Only what lies in the chosen candidate: the others are gone.
                locks=still_there(draft.stage, (content,), draft.locks),
                user_paths=still_there(draft.stage, (content,), draft.user_paths),
                accepted_warnings=tuple(sorted({finding.code for finding in findings})),
                note=answer.note,
                provenance=draft.provenance,
                version=d.state.sequence + 1,
                confirmed_at=d.at,
                confirmed_by=d.envelope.user_id,
            ),
        )
    )
    confirmed_anew(d, answer.stage, before.content if before else None)
    go_on(d, answer.stage)
