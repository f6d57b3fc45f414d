"""The guided session, told as stories: its main way, its refusals, its pauses."""

import pytest

from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import available_actions
from genesis.session.handles import HandleStatus
from genesis.session.machine import Turn, reject
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.stages import FINISHED, Stage
from genesis.session.state import Status
from genesis.wire import state_hash
from tests import examples
from tests.spec import SESSION, Story

CONCEPT, STORY, OUTLINE = Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION, Stage.PLOT_OUTLINE


def offered(story: Story) -> set[tuple[str, str | None]]:
    return {(action.action, action.stage) for action in available_actions(story.session)}


def expired(story: Story, stage: Stage) -> m.HandleExpired:
    handle = story.review(stage).handle
    assert handle.expires_at is not None
    return m.HandleExpired(stage=stage, handle_id=handle.handle_id, expires_at=handle.expires_at)


def answer(story: Story, stage: Stage, **how: object) -> m.ConfirmStage:
    draft = story.draft(stage)
    return m.ConfirmStage(
        **{"stage": stage, "proposal_id": draft.proposal_id, "candidate": draft.candidates[0].id, **how}
    )


# -- the main way


def test_a_start_asks_for_the_first_proposal_by_itself():
    story = Story().started().then(e.SessionStarted, e.StageEntered, e.GenerationRequested)
    [request] = story.last.requests
    assert request.task_id == story.generating(CONCEPT).task.task_id
    assert request.brief.idea == "a clerk who sells the sea"
    assert story.generating(CONCEPT).handle.status is HandleStatus.PENDING_PAUSE


def test_a_proposal_opens_the_pause():
    story = Story().started().proposed(CONCEPT).then(e.ProposalMade, e.InputRequested)
    handle = story.review(CONCEPT).handle
    assert handle.status is HandleStatus.WAITING
    assert handle.expires_at == examples.NOON + examples.minutes(30)
    assert offered(story) == {
        ("select", CONCEPT),
        ("merge", CONCEPT),
        ("blend", CONCEPT),
        ("feedback", CONCEPT),
        ("edit", CONCEPT),
        ("lock", CONCEPT),
        ("regenerate", CONCEPT),
        ("abandon", None),
    }


def test_confirming_with_a_candidate_chooses_confirms_and_goes_on():
    story = Story().started().proposed(CONCEPT).confirm(CONCEPT)
    story.then(e.ProposalChosen, e.InputReceived, e.StageConfirmed, e.StageEntered, e.GenerationRequested)
    assert story.session.current_stage == STORY
    [request] = story.last.requests
    assert request.confirmed[CONCEPT].title == "The Salt Ledger"


def test_choosing_first_renews_the_pause_and_then_confirm_needs_no_candidate():
    story = Story().started().proposed(CONCEPT).after(examples.minutes(20))
    draft = story.draft(CONCEPT)
    story.when(m.SelectConcept(proposal_id=draft.proposal_id, base="k2")).then(e.ProposalChosen)
    assert story.review(CONCEPT).handle.expires_at == examples.NOON + examples.minutes(50)
    assert ("confirm", CONCEPT) in offered(story)
    story.when(m.ConfirmStage(stage=CONCEPT, proposal_id=draft.proposal_id))
    assert story.session.confirmed_contents()[CONCEPT].title == "A Lamp for the Drowned"


def test_five_stages_lead_to_a_novel():
    story = Story().confirmed_up_to(OUTLINE)
    assert offered(story) == {("finish", None), ("abandon", None), *(("navigate", stage) for stage in Stage)}
    story.when(m.FinishGenesis(title="Salt")).then(e.NovelCreated, e.SessionFinished)
    novel = story.event(e.NovelCreated).novel
    assert (novel.title, novel.chapter_count, novel.content.cast) == ("Salt", 3, novel.content.cast)
    assert (story.session.status, story.session.current_stage) == (Status.COMPLETED, FINISHED)
    assert available_actions(story.session) == ()


def test_feedback_asks_for_a_new_round_that_knows_the_old_one():
    story = Story().started().proposed(CONCEPT)
    draft = story.draft(CONCEPT)
    story.when(m.ProvideFeedback(stage=CONCEPT, proposal_id=draft.proposal_id, text="darker, please"))
    story.then(e.InputReceived, e.FeedbackGiven, e.GenerationRequested)
    [request] = story.last.requests
    assert (request.round, request.feedback, request.previous) == (2, "darker, please", draft.candidates)
    story.proposed(CONCEPT)
    assert [concept.id for concept in story.draft(CONCEPT).candidates] == ["k1", "k2"], "the same ideas, revised"
    assert story.draft(CONCEPT).parent == draft.proposal_id


def test_regenerating_closes_the_pause_and_opens_another():
    story = Story().started().proposed(CONCEPT).when(m.GenerateInspiration(stage=CONCEPT, guidance="at sea"))
    story.then(e.InputReceived, e.GenerationRequested)
    assert story.generating(CONCEPT).task.guidance == "at sea"


# -- the early answer


def early(story: Story, **how: object) -> m.ConfirmStage:
    task = story.generating(CONCEPT).task
    return m.ConfirmStage(**{"stage": CONCEPT, "proposal_id": task.task_id, "candidate": "k1", **how})


def test_an_answer_before_the_pause_is_kept_and_applied_when_the_proposal_comes():
    story = Story().started()
    story.when(early(story)).then(e.InputReceived)
    assert story.event(e.InputReceived).kept
    answer_id = story.last_envelope.message_id
    story.proposed(CONCEPT).then(
        e.ProposalMade,
        e.InputRequested,
        e.ProposalChosen,
        e.InputReceived,
        e.StageConfirmed,
        e.StageEntered,
        e.GenerationRequested,
    )
    causes = [recorded.causation_id for recorded in story.last.events]
    assert causes[:2] == [story.last_envelope.message_id] * 2
    assert set(causes[2:]) == {answer_id}
    assert len({recorded.event_id for recorded in story.last.events}) == 7


def test_an_early_answer_that_does_not_fit_is_refused_then_and_the_pause_stays():
    story = Story().started()
    story.given(early(story, candidate="k9"))
    answer_id = story.last_envelope.message_id
    story.proposed(CONCEPT).then(e.ProposalMade, e.InputRequested, e.CommandRejected)
    assert story.last.events[-1].causation_id == answer_id
    assert story.event(e.CommandRejected).command_type == "CONFIRM_STAGE"
    assert story.review(CONCEPT).handle.status is HandleStatus.WAITING


def test_a_second_early_answer_is_refused():
    story = Story().started()
    story.given(early(story)).when(early(story)).then_refused(Reason.ANSWER_ALREADY_KEPT)


def test_an_answer_to_the_draft_before_a_running_round_has_to_wait():
    story = Story().started().proposed(CONCEPT)
    old = answer(story, CONCEPT)
    story.given(m.GenerateInspiration(stage=CONCEPT)).when(old).then_refused(Reason.GENERATING)


def test_a_failed_generation_settles_the_kept_answer():
    story = Story().started()
    story.given(early(story))
    answer_id = story.last_envelope.message_id
    failure = m.GenerationFailed(
        task_id=story.generating(CONCEPT).task.task_id, attempt=1, stage=CONCEPT, code="declined"
    )
    story.when(failure, numbered=False).then(e.GenerationFailed, e.CommandRejected)
    assert story.last.events[1].causation_id == answer_id
    assert offered(story) == {("generate", CONCEPT), ("write", CONCEPT), ("abandon", None)}


# -- generations that end otherwise


def test_a_failed_feedback_round_returns_to_the_proposal_with_a_new_pause():
    story = Story().started().proposed(CONCEPT)
    draft, before = story.draft(CONCEPT), story.review(CONCEPT).handle.handle_id
    story.given(m.ProvideFeedback(stage=CONCEPT, proposal_id=draft.proposal_id, chips=("darker",)))
    task = story.generating(CONCEPT).task
    story.when(m.GenerationFailed(task_id=task.task_id, attempt=1, stage=CONCEPT, code="x"), numbered=False)
    story.then(e.GenerationFailed, e.InputRequested)
    assert story.draft(CONCEPT) == draft
    assert story.review(CONCEPT).handle.status is HandleStatus.WAITING
    assert story.review(CONCEPT).handle.handle_id != before


def test_a_result_after_the_deadline_is_discarded_and_its_cost_kept_once():
    story = Story().started()
    task = story.generating(CONCEPT).task
    late = m.GenerationFailed(task_id=task.task_id, stage=CONCEPT, code="timed_out", timed_out=True)
    story.when(late).then(e.GenerationFailed)
    result = examples.success(task.task_id, CONCEPT)
    story.when(result).then(e.GenerationDiscarded)
    assert story.event(e.GenerationDiscarded).provenance == examples.PROVENANCE
    story.when(result).then_nothing()


def test_a_deadline_that_comes_after_the_result_is_overtaken():
    story = Story().started()
    task = story.generating(CONCEPT).task
    story.proposed(CONCEPT)
    late = m.GenerationFailed(task_id=task.task_id, stage=CONCEPT, code="timed_out", timed_out=True)
    story.when(late).then_refused(Reason.OVERTAKEN)
    assert story.event(e.CommandRejected).internal


def test_the_same_result_twice_changes_nothing():
    story = Story().started().proposed(CONCEPT)
    story.deliver(story.last_envelope).then_nothing()


def test_abandoning_stops_what_runs_and_settles_what_is_kept():
    story = Story().started()
    task = story.generating(CONCEPT).task
    story.given(early(story)).when(m.AbandonGenesis(reason="enough"))
    story.then(e.GenerationStopped, e.CommandRejected, e.SessionAbandoned)
    story.when(examples.success(task.task_id, CONCEPT)).then(e.GenerationDiscarded)
    story.when(m.GenerateInspiration(stage=CONCEPT)).then_refused(Reason.SESSION_ENDED)
    story.when(m.AbandonGenesis()).then_refused(Reason.SESSION_ENDED)


# -- the pause expires


def test_an_expired_handle_pauses_the_session_and_any_granted_command_resumes_it():
    story = Story().started().proposed(CONCEPT)
    story.after(examples.minutes(31)).when(expired(story, CONCEPT)).then(e.InputExpired, e.SessionPaused)
    assert story.session.status is Status.PAUSED
    story.when(answer(story, CONCEPT, candidate="k9")).then_refused(Reason.UNKNOWN_CANDIDATE)
    assert story.session.status is Status.PAUSED
    story.when(answer(story, CONCEPT)).then(
        e.SessionResumed,
        e.InputRequested,
        e.ProposalChosen,
        e.InputReceived,
        e.StageConfirmed,
        e.StageEntered,
        e.GenerationRequested,
    )
    assert story.session.status is Status.IN_PROGRESS


def test_an_expiry_of_a_renewed_or_answered_handle_is_overtaken():
    story = Story().started().proposed(CONCEPT)
    first = expired(story, CONCEPT)
    story.after(examples.minutes(10)).given(m.SelectConcept(proposal_id=story.draft(CONCEPT).proposal_id, base="k1"))
    story.when(first).then_refused(Reason.OVERTAKEN)
    second = expired(story, CONCEPT)
    story.confirm(CONCEPT).when(second).then_refused(Reason.OVERTAKEN)


# -- refusals


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (m.StartGenesis(), Reason.ALREADY_STARTED),
        (m.GenerateInspiration(stage=STORY), Reason.STAGE_CLOSED),
        (m.NavigateToStage(stage=STORY), Reason.STAGE_CLOSED),
        (m.NavigateToStage(stage=CONCEPT), Reason.ALREADY_THERE),
        (m.FinishGenesis(), Reason.STAGES_UNCONFIRMED),
        (m.ConfirmStage(stage=STORY, proposal_id=SESSION), Reason.STAGE_CLOSED),
        (m.ConfirmStage(stage=CONCEPT, proposal_id=SESSION), Reason.OTHER_PROPOSAL),
    ],
)
def test_what_is_not_possible_is_refused_with_its_reason(message: m.Message, reason: Reason):
    story = Story().started().proposed(CONCEPT)
    before = story.session
    story.when(message).then_refused(reason)
    rejected = story.event(e.CommandRejected)
    assert rejected.message
    assert rejected.available_actions == available_actions(before)
    assert story.session.version == before.version
    assert story.session.sequence == before.sequence + 1


def test_answers_name_the_revision_they_mean_and_the_candidate_exists():
    story = Story().started().proposed(CONCEPT)
    proposal = story.draft(CONCEPT).proposal_id
    story.when(answer(story, CONCEPT, revision=2)).then_refused(Reason.OTHER_REVISION)
    story.when(answer(story, CONCEPT, candidate="")).then_refused(Reason.NOT_CHOSEN)
    story.when(m.SelectConcept(proposal_id=proposal, base="k9")).then_refused(Reason.UNKNOWN_CANDIDATE)
    story.given(m.SelectConcept(proposal_id=proposal, base="k1"))
    story.when(m.SelectConcept(proposal_id=proposal, base="k1")).then_refused(Reason.ALREADY_CHOSEN)


def test_a_confirmed_stage_and_an_empty_one_have_nothing_to_answer():
    story = Story().started().proposed(CONCEPT)
    old = answer(story, CONCEPT)
    story.confirm(CONCEPT).when(old).then_refused(Reason.STAGE_CONFIRMED)
    story.when(m.GenerateInspiration(stage=CONCEPT)).then_refused(Reason.STAGE_CONFIRMED)
    task = story.generating(STORY).task
    failure = m.GenerationFailed(task_id=task.task_id, attempt=1, stage=STORY, code="x")
    story.given(failure, numbered=False)
    story.when(m.ConfirmStage(stage=STORY, proposal_id=task.task_id)).then_refused(Reason.NOTHING_PROPOSED)


def test_a_single_candidate_is_confirmed_not_chosen():
    story = Story().confirmed_up_to(STORY).proposed(Stage.WORLDVIEW)
    draft = story.draft(Stage.WORLDVIEW)
    command = m.SelectConcept(stage=Stage.WORLDVIEW, proposal_id=draft.proposal_id, base=draft.candidates[0].id)
    story.when(command).then_refused(Reason.NOTHING_TO_CHOOSE)
    assert ("confirm", Stage.WORLDVIEW) in offered(story)


def test_content_with_errors_cannot_be_confirmed_and_says_what_is_wrong():
    story = Story().started()
    task = story.generating(CONCEPT).task
    result = examples.success(task.task_id, CONCEPT)
    bare = result.candidates[0].model_copy(update={"hook": ""})
    story.given(result.model_copy(update={"candidates": (bare,)}))
    story.when(answer(story, CONCEPT)).then_refused(Reason.CONTENT_ERRORS)
    assert [detail.path for detail in story.event(e.CommandRejected).details] == ["/k1/hook"]


def test_a_stale_expected_version_is_refused():
    story = Story().started().proposed(CONCEPT)
    story.when(answer(story, CONCEPT), expected_version=1).then_refused(Reason.VERSION_CONFLICT)
    story.when(answer(story, CONCEPT), expected_version=story.session.version)
    assert story.session.current_stage == STORY


def test_a_command_to_a_session_that_was_never_started_is_refused_and_so_is_the_session():
    story = Story().when(m.AbandonGenesis()).then_refused(Reason.NOT_STARTED)
    assert (story.session.status, story.session.version) == (Status.REFUSED, 1)
    assert available_actions(story.session) == ()


# -- repeats, gaps, caps, crashes


def test_a_repeat_is_skipped_and_a_command_ahead_of_its_turn_changes_nothing():
    story = Story().started()
    first = story.last_envelope
    story.deliver(first).then_nothing(Turn.REPEAT)
    ahead = type(first)(
        message_id=examples.a_uuid("ahead"),
        session_id=SESSION,
        user_id=examples.OWNER,
        correlation_id=examples.a_uuid("ahead"),
        at=examples.NOON,
        message=m.AbandonGenesis(),
        command_no=3,
    )
    story.deliver(ahead).then_nothing(Turn.AHEAD)


def test_a_session_that_would_grow_beyond_its_cap_refuses_the_command_and_fails_the_result():
    story = Story()
    story.rules = Rules(state_cap=2000)
    story.when(m.StartGenesis(idea="x" * 3000)).then_refused(Reason.TOO_LARGE)
    story = Story()
    story.started()
    story.rules = Rules(state_cap=len(story.last.record) + 100)
    story.proposed(CONCEPT).then(e.GenerationFailed)
    assert story.event(e.GenerationFailed).code == "too_large"


def test_a_command_that_cannot_be_read_still_has_an_outcome():
    story = Story().started()
    step = reject(
        message_id=examples.a_uuid("poison"),
        session_id=SESSION,
        user_id="",
        command_no=2,
        command_type="CONFIRM_STAGE",
        at=examples.NOON,
        reason=Reason.UNREADABLE,
        state=story.session,
    )
    [recorded] = step.events
    assert (recorded.causation_id, recorded.command_no) == (examples.a_uuid("poison"), 2)
    assert step.state.command_no == 2


def test_time_never_goes_back_within_a_session():
    story = Story().started().after(-examples.minutes(5)).proposed(CONCEPT)
    assert story.last.events[0].created_at == examples.NOON


def test_a_replay_rebuilds_the_same_state():
    story = Story().confirmed_up_to(OUTLINE).given(m.FinishGenesis())
    assert story.replayed() == story.session
    assert state_hash(story.replayed()) == state_hash(story.session)
