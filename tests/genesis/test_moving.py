"""Going back, and what a change means for what comes later, told as stories; the free-form session beside it."""

from datetime import timedelta

import pytest

from genesis.content.operations import Operation
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import available_actions
from genesis.session.handles import HandleStatus
from genesis.session.moving import preview
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from genesis.session.state import Status
from tests import examples
from tests.spec import Story

CONCEPT, STORY, WORLD, CAST, OUTLINE = Stage


def rename_the_heroine(story: Story) -> Story:
    """Go back to the cast and give Ilse Varga another name."""
    story.given(m.NavigateToStage(stage=CAST))
    draft = story.draft(CAST)
    patch = (Operation(op="replace", path="/characters/c1/name", value="Ines Moor"),)
    return story.given(
        m.ProvideFeedback(stage=CAST, proposal_id=draft.proposal_id, revision=draft.revision, patch=patch)
    )


def phases(story: Story) -> list[str]:
    return [story.session.slot(stage).phase.name for stage in Stage]


# -- going back


def test_a_confirmed_stage_is_opened_as_a_copy_and_holds_until_that_is_confirmed():
    story = Story().confirmed_up_to(OUTLINE)
    before = story.session.slot(CAST).confirmed
    story.when(m.NavigateToStage(stage=CAST)).then(e.StageEntered, e.ProposalOpened, e.InputRequested)
    draft = story.draft(CAST)
    assert (draft.kind, draft.parent, draft.candidates) == ("reopened", before.proposal_id, (before.content,))
    assert draft.proposal_id != before.proposal_id
    assert story.session.current_stage == CAST
    assert story.session.slot(CAST).confirmed == before
    assert story.session.confirmed_contents()[CAST] == before.content


def test_confirming_the_copy_unchanged_touches_nothing_and_comes_back():
    story = Story().confirmed_up_to(CAST).proposed(OUTLINE).given(m.NavigateToStage(stage=CONCEPT))
    story.confirm(CONCEPT).then(e.InputReceived, e.StageConfirmed, e.StageEntered)
    assert phases(story) == ["CONFIRMED", "CONFIRMED", "CONFIRMED", "CONFIRMED", "REVIEW"]
    assert story.session.current_stage == OUTLINE


def test_the_stages_in_between_stay_as_they_are_and_a_session_has_several_open_handles():
    story = Story().confirmed_up_to(CAST).proposed(OUTLINE).given(m.NavigateToStage(stage=WORLD))
    open_handles = [stage for stage, handle in story.session.handles().items() if handle.is_open]
    assert open_handles == [WORLD, OUTLINE]
    story.when(m.NavigateToStage(stage=OUTLINE)).then(e.StageEntered)
    story.when(m.NavigateToStage(stage=OUTLINE)).then_refused(Reason.ALREADY_THERE)


def test_a_stage_that_was_never_opened_cannot_be_gone_to():
    story = Story().confirmed_up_to(STORY)
    story.when(m.NavigateToStage(stage=CAST)).then_refused(Reason.STAGE_CLOSED)


# -- what a change means


def test_the_impact_of_an_edit_is_seen_before_it_is_confirmed():
    story = Story().confirmed_up_to(OUTLINE).given(m.NavigateToStage(stage=CAST))
    assert preview(story.session, story.draft(CAST)) == {}
    draft = story.draft(CAST)
    patch = (Operation(op="replace", path="/characters/c1/name", value="Ines Moor"),)
    story.given(m.ProvideFeedback(stage=CAST, proposal_id=draft.proposal_id, revision=1, patch=patch))
    seen = preview(story.session, story.draft(CAST))
    story.confirm(CAST)
    assert seen == story.event(e.StagesMarkedStale).stages
    assert {reason.kind for reason in seen[OUTLINE]} == {"mention"}


def test_a_later_stage_that_no_longer_agrees_is_stale_with_the_reason_and_the_session_comes_to_it():
    story = rename_the_heroine(Story().confirmed_up_to(OUTLINE)).confirm(CAST)
    story.then(e.InputReceived, e.StageConfirmed, e.StagesMarkedStale, e.StageEntered)
    assert phases(story) == ["CONFIRMED", "CONFIRMED", "CONFIRMED", "CONFIRMED", "STALE"]
    assert story.session.current_stage == OUTLINE
    reason = story.session.slot(OUTLINE).stale[0]
    assert reason.path.startswith("/chapters/h1")
    assert reason.because == "CHARACTERS/characters/c1/name"
    assert (reason.was, reason.now) == ("Ilse Varga", "Ines Moor")
    story.when(m.FinishGenesis()).then_refused(Reason.STALE_STAGES)
    offered = {(action.action, action.stage, action.accept_stale) for action in available_actions(story.session)}
    assert ("mend", OUTLINE, False) in offered
    assert ("confirm", OUTLINE, False) in offered
    assert ("finish", None, True) in offered


def test_only_the_stale_paths_are_written_anew():
    story = rename_the_heroine(Story().confirmed_up_to(OUTLINE)).confirm(CAST)
    stale = [reason.path for reason in story.session.slot(OUTLINE).stale]
    story.when(m.GenerateInspiration(stage=OUTLINE, what="stale")).then(e.GenerationRequested)
    [request] = story.last.requests
    assert list(request.paths) == stale
    assert request.stale == story.session.slot(OUTLINE).stale
    assert request.previous == (examples.OUTLINE,)
    chapters = tuple(
        each.model_copy(update={"summary": each.summary.replace("Ilse", "Ines"), "title": "Taken for nothing"})
        for each in examples.OUTLINE.chapters
    )
    mended = examples.OUTLINE.model_copy(update={"chapters": chapters, "final_image": "Taken for nothing"})
    task = story.generating(OUTLINE).task
    story.given(examples.success(task.task_id, OUTLINE).model_copy(update={"candidates": (mended,)}))
    outline = story.draft(OUTLINE).candidates[0]
    assert "Ines" in outline.chapters[0].summary
    assert outline.chapters[0].title == examples.OUTLINE.chapters[0].title
    assert outline.final_image == examples.OUTLINE.final_image
    story.confirm(OUTLINE)
    assert phases(story) == ["CONFIRMED"] * 5
    assert story.session.slot(OUTLINE).stale == ()


def test_a_mending_that_fails_leaves_the_stage_stale():
    story = rename_the_heroine(Story().confirmed_up_to(OUTLINE)).confirm(CAST)
    story.given(m.GenerateInspiration(stage=OUTLINE, what="stale"))
    task = story.generating(OUTLINE).task
    failure = m.GenerationFailed(task_id=task.task_id, attempt=1, stage=OUTLINE, code="x")
    story.when(failure, numbered=False).then(e.GenerationFailed)
    assert phases(story)[-1] == "STALE"
    assert story.session.handles() == {}


def test_a_stale_stage_is_confirmed_as_it_is():
    story = rename_the_heroine(Story().confirmed_up_to(OUTLINE)).confirm(CAST)
    confirmed = story.session.slot(OUTLINE).confirmed
    names = {"stage": OUTLINE, "proposal_id": confirmed.proposal_id}
    story.when(m.ConfirmStage(**names, revision=2)).then_refused(Reason.OTHER_REVISION)
    story.when(m.ProvideFeedback(**names, text="darker")).then_refused(Reason.STAGE_STALE)
    story.when(m.GenerateInspiration(stage=OUTLINE)).then_refused(Reason.STAGE_STALE)
    story.when(m.ConfirmStage(**names, note="she kept her old name there")).then(e.StageConfirmed)
    assert phases(story) == ["CONFIRMED"] * 5
    assert story.session.slot(OUTLINE).confirmed.content == confirmed.content


def test_a_session_may_be_finished_with_stale_stages_if_the_person_says_so():
    story = rename_the_heroine(Story().confirmed_up_to(OUTLINE)).confirm(CAST)
    stale = [reason.path for reason in story.session.slot(OUTLINE).stale]
    story.when(m.FinishGenesis(accept_stale=True)).then(e.NovelCreated, e.SessionFinished)
    assert list(story.event(e.NovelCreated).novel.provenance[OUTLINE].accepted_stale) == stale


def test_a_removed_item_that_is_still_used_is_an_error_that_no_acceptance_passes():
    story = Story().confirmed_up_to(OUTLINE).given(m.NavigateToStage(stage=CAST))
    draft = story.draft(CAST)
    patch = (
        Operation(op="remove", path="/relationships/b1"),
        Operation(op="remove", path="/characters/c2"),
    )
    story.given(m.ProvideFeedback(stage=CAST, proposal_id=draft.proposal_id, revision=1, patch=patch)).confirm(CAST)
    assert {reason.kind for reason in story.session.slot(OUTLINE).stale} >= {"reference"}
    story.when(m.FinishGenesis(accept_stale=True)).then_refused(Reason.CONTENT_ERRORS)
    assert story.event(e.CommandRejected).details[0].path.startswith("PLOT_OUTLINE/chapters/h1/cast")
    confirmed = story.session.slot(OUTLINE).confirmed
    as_it_is = m.ConfirmStage(stage=OUTLINE, proposal_id=confirmed.proposal_id)
    story.when(as_it_is).then_refused(Reason.CONTENT_ERRORS)


def test_what_is_being_worked_on_again_keeps_its_draft_and_shows_the_reasons():
    story = Story().confirmed_up_to(OUTLINE).given(m.NavigateToStage(stage=OUTLINE))
    rename_the_heroine(story).confirm(CAST)
    assert phases(story)[-1] == "REVIEW"
    assert story.session.slot(OUTLINE).stale
    story.when(m.GenerateInspiration(stage=OUTLINE, what="stale")).then(e.InputReceived, e.GenerationRequested)


# -- free-form


def test_free_form_opens_every_stage_and_asks_for_nothing_by_itself():
    story = Story().started(mode="free_form").then(e.SessionStarted, e.StageEntered)
    assert phases(story) == ["EMPTY"] * 5
    assert story.last.requests == ()


def test_five_generations_run_at_once_each_with_its_own_handle_and_none_twice():
    story = Story().started(mode="free_form")
    for stage in reversed(Stage):
        story.when(m.GenerateInspiration(stage=stage)).then(e.GenerationRequested)
        story.when(m.GenerateInspiration(stage=stage)).then_refused(Reason.GENERATING)
    assert len(story.session.running()) == 5
    assert len({handle.handle_id for handle in story.session.handles().values()}) == 5
    for stage in (WORLD, CONCEPT, OUTLINE, STORY, CAST):
        story.proposed(stage).then(e.ProposalMade, e.InputRequested)
    assert phases(story) == ["REVIEW"] * 5


def test_references_to_stages_that_do_not_exist_yet_are_empty_and_said_so():
    story = Story().started(mode="free_form").given(m.GenerateInspiration(stage=OUTLINE)).proposed(OUTLINE)
    chapter = story.draft(OUTLINE).candidates[0].chapters[0]
    assert (chapter.pov, chapter.place, chapter.cast) == ("", "", ())
    codes = {finding.code for finding in story.event(e.ProposalMade).warnings}
    assert "reference_stage_missing" in codes


def test_free_form_finishes_when_all_five_are_confirmed_in_any_order():
    story = Story().started(mode="free_form")
    for stage in (OUTLINE, CAST, WORLD, STORY, CONCEPT):
        story.when(m.FinishGenesis()).then_refused(Reason.STAGES_UNCONFIRMED)
        story.given(m.GenerateInspiration(stage=stage)).proposed(stage).confirm(stage)
        assert story.session.current_stage == CONCEPT, "nobody is sent anywhere"
    story.when(m.FinishGenesis()).then(e.NovelCreated, e.SessionFinished)


# -- stopping


def test_a_stop_returns_the_stage_to_what_it_was_and_remembers_the_task():
    story = Story().started(mode="free_form").given(m.GenerateInspiration(stage=WORLD))
    task = story.generating(WORLD).task.task_id
    story.when(m.ProvideFeedback(stage=WORLD, stop=True)).then(e.GenerationStopped)
    assert phases(story)[2] == "EMPTY"
    story.when(examples.success(task, WORLD)).then(e.GenerationDiscarded)
    assert story.session.spent.amount == "0"
    story.when(examples.success(task, WORLD)).then_nothing()


def test_a_stop_with_a_draft_opens_a_new_handle_and_settles_the_kept_answer():
    story = Story().started().proposed(CONCEPT).given(m.GenerateInspiration(stage=CONCEPT))
    task = story.generating(CONCEPT).task.task_id
    story.given(m.ConfirmStage(stage=CONCEPT, proposal_id=task, candidate="k3"))
    kept = story.last_envelope.message_id
    story.when(m.ProvideFeedback(stage=CONCEPT, stop=True, proposal_id=task))
    story.then(e.GenerationStopped, e.CommandRejected, e.InputRequested)
    assert story.last.events[1].causation_id == kept
    assert story.event(e.CommandRejected).reason == Reason.GENERATION_ENDED
    assert story.review(CONCEPT).handle.status is HandleStatus.WAITING


@pytest.mark.parametrize("proposal", [None, examples.a_uuid("another task")])
def test_what_does_not_run_cannot_be_stopped(proposal: object):
    story = Story().started().proposed(CONCEPT)
    story.when(m.ProvideFeedback(stage=CONCEPT, stop=True, proposal_id=proposal)).then_refused(Reason.NOTHING_RUNNING)


# -- the end of patience


def test_an_untouched_session_expires_with_all_that_waits():
    story = Story().started(mode="free_form").given(m.GenerateInspiration(stage=WORLD)).proposed(WORLD)
    story.given(m.GenerateInspiration(stage=CAST)).after(timedelta(days=30))
    story.when(m.SessionExpired(last_sequence=story.session.sequence)).then(e.GenerationStopped, e.SessionAbandoned)
    assert story.event(e.SessionAbandoned).cause == "expired"
    assert story.session.status is Status.ABANDONED
    assert available_actions(story.session) == ()


def test_a_session_somebody_came_back_to_does_not_expire():
    story = Story().started()
    last = story.session.sequence
    story.proposed(CONCEPT).when(m.SessionExpired(last_sequence=last)).then_refused(Reason.OVERTAKEN)
    story.given(m.AbandonGenesis())
    story.when(m.SessionExpired(last_sequence=story.session.sequence)).then_refused(Reason.OVERTAKEN)


def test_several_stages_expire_one_after_the_other_and_the_last_one_pauses_the_session():
    story = Story().started(mode="free_form")
    for stage in (CONCEPT, WORLD):
        story.given(m.GenerateInspiration(stage=stage)).proposed(stage)
    for stage, last in ((CONCEPT, False), (WORLD, True)):
        handle = story.review(stage).handle
        gone = m.HandleExpired(stage=stage, handle_id=handle.handle_id, expires_at=handle.expires_at)
        story.when(gone).then(*((e.InputExpired, e.SessionPaused) if last else (e.InputExpired,)))
    draft = story.draft(WORLD)
    story.when(m.ProvideFeedback(stage=WORLD, proposal_id=draft.proposal_id, lock=("/name",)))
    story.then(e.SessionResumed, e.InputRequested, e.InputRequested, e.ProposalEdited)
