"""Moving between stages: going back to one, coming to the next, and what a change means for later ones."""

from genesis.content.catalog import Content
from genesis.content.impact import StaleReason, impact, merge_stale
from genesis.content.novel import content_hash
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.asking import enter
from genesis.session.decision import Decision
from genesis.session.findings import findings_of
from genesis.session.reasons import Reason
from genesis.session.stages import Stage, next_stage
from genesis.session.state import Closed, Confirmed, Draft, Session, Stale


def navigate(d: Decision, command: m.NavigateToStage) -> None:
    """Go to a stage. A confirmed one is opened as a copy; the confirmed version holds until the copy is confirmed."""
    match d.state.slot(command.stage).phase:
        case Closed():
            d.refuse(Reason.STAGE_CLOSED)
        case Confirmed() | Stale():
            d.grant()
            _go_to(d, command.stage)
            _reopen(d, command.stage)
        case _ if d.state.current_stage == command.stage:
            d.refuse(Reason.ALREADY_THERE)
        case _:
            d.grant()
            _go_to(d, command.stage)


def _go_to(d: Decision, stage: Stage) -> None:
    if d.state.current_stage != stage:
        d.emit(e.StageEntered(stage=stage))


def _reopen(d: Decision, stage: Stage) -> None:
    slot = d.state.slot(stage)
    confirmed = slot.confirmed
    assert confirmed is not None  # the phase says so
    draft = Draft(
        proposal_id=identity.own_proposal_id(d.envelope.message_id, stage),
        stage=stage,
        round=confirmed.round,
        parent=confirmed.proposal_id,
        kind="reopened",
        candidates=(confirmed.content,),
        chosen=confirmed.content.id,
        merged_from=confirmed.merged_from,
        locks=confirmed.locks,
        user_paths=confirmed.user_paths,
        content_hash=content_hash((confirmed.content,)),
        command_id=d.cause,
        created_at=d.at,
        provenance=confirmed.provenance,
    )
    open_draft(d, draft, slot.counters)


def open_draft(d: Decision, draft: Draft, counters: dict[str, int]) -> None:
    """Put a draft before the person that no generation has made."""
    handle_id = identity.fresh_handle_id(d.envelope.message_id, draft.stage)
    d.emit(
        e.ProposalOpened(
            stage=draft.stage,
            proposal=draft,
            counters=counters,
            handle_id=handle_id,
            warnings=findings_of(d.state, draft, draft.chosen),
        )
    )
    d.ask(draft.stage, handle_id)


def confirmed_anew(d: Decision, stage: Stage, before: Content | None) -> None:
    """Say which confirmed stages no longer agree with this one, now that it has been confirmed again."""
    if before is None:
        return
    contents = d.state.confirmed_contents()
    touched = impact(stage, before, contents[stage], contents)
    if touched:
        marked = {each: merge_stale(d.state.slot(each).stale, reasons) for each, reasons in touched.items()}
        d.emit(e.StagesMarkedStale(stages=marked))


def preview(state: Session, draft: Draft) -> dict[Stage, tuple[StaleReason, ...]]:
    """What confirming this draft as it is would make stale; nothing for a stage never confirmed before."""
    before, after = state.slot(draft.stage).confirmed, draft.candidate(draft.chosen)
    if before is None or after is None:
        return {}
    return impact(draft.stage, before.content, after, state.confirmed_contents())


def go_on(d: Decision, stage: Stage) -> None:
    """Guided mode, after this stage was confirmed: open the next, or come back to what is still to be done."""
    if d.state.mode != "guided":
        return
    following = next_stage(stage)
    if following and isinstance(d.state.slot(following).phase, Closed):
        return enter(d, following)
    unsettled = (each for each in Stage if not isinstance(d.state.slot(each).phase, Confirmed | Closed))
    if target := next(unsettled, None):
        _go_to(d, target)
