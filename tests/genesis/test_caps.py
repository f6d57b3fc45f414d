"""A session as large as one may get, and what is larger: nothing breaks, the person is told (content model §7)."""

import pytest

from genesis import wire
from genesis.content.catalog import MAX_CANDIDATES
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, KIB, size
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.process import owed
from genesis.session.reasons import Reason
from genesis.session.rules import STATE_CAP, Rules
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Status
from genesis.topics import MESSAGE_BYTES
from tests import examples
from tests.at_all_caps import full, the_largest_session, to_its_cap
from tests.spec import Story

WAVE = "\U0001f30a"
"""A letter of four bytes."""


@pytest.mark.parametrize("stage", Stage)
def test_english_at_every_hard_limit_fits(stage: Stage):
    contents = full(stage)
    assert len(contents) == MAX_CANDIDATES[stage]
    assert 0.5 * DRAFT_CAP[stage] < size(contents) <= DRAFT_CAP[stage]
    assert size(contents[:1]) <= CONFIRMED_CAP[stage]


def test_a_session_at_all_caps_does_everything_a_small_one_does():
    story = the_largest_session()
    assert len(story.last.record) > 0.9 * STATE_CAP
    for stage in Stage:
        story.when(m.ProvideFeedback(stage=stage, stop=True)).then(e.GenerationStopped, e.InputRequested)
        story.confirm(stage)
        assert not isinstance(story.last.events[-1].event, e.CommandRejected), stage
    story.when(m.FinishGenesis(accept_stale=True)).then(e.NovelCreated, e.SessionFinished)
    assert story.session.status is Status.COMPLETED


def test_every_message_of_the_largest_session_fits_its_topic():
    story = the_largest_session()
    assert max(len(wire.dump_envelope(envelope)) for envelope in story.envelopes) < MESSAGE_BYTES
    assert max(len(wire.dump_event(recorded)) for recorded in story.history) < MESSAGE_BYTES
    running = owed(story.session).values()
    assert max(len(wire.dump_request(request)) for request in running) < MESSAGE_BYTES


def test_a_brief_over_its_cap_is_refused_and_the_session_with_it():
    story = Story().when(m.StartGenesis(idea=WAVE * 4000, must_have=(WAVE * 120,)))
    story.then_refused(Reason.TOO_LARGE)
    assert (story.session.status, story.session.version) == (Status.REFUSED, 1)
    story.when(m.AbandonGenesis()).then_refused(Reason.SESSION_ENDED)


def test_a_result_over_the_stage_s_cap_is_a_failed_attempt_with_its_cost():
    story = Story().started(mode="free_form").given(m.GenerateInspiration(stage=Stage.WORLDVIEW))
    task = story.generating(Stage.WORLDVIEW).task
    wide = examples.WORLD.model_copy(update={"overview": WAVE * 1500, "daily_life": WAVE * 600, "order": WAVE * 600})
    place = examples.WORLD.places[0]
    places = tuple(
        place.model_copy(update={"id": f"p{n}", "description": WAVE * 400, "name": f"P{n}"}) for n in range(14)
    )
    lore = tuple(each.model_copy(update={"text": WAVE * 300}) for each in full(Stage.WORLDVIEW)[0].lore)
    result = examples.success(task.task_id, Stage.WORLDVIEW).model_copy(
        update={"candidates": (wide.model_copy(update={"places": places, "lore": lore, "rules": ()}),)}
    )
    assert size(result.candidates) > DRAFT_CAP[Stage.WORLDVIEW]
    story.when(result).then(e.GenerationFailed)
    failed = story.event(e.GenerationFailed)
    assert (failed.code, failed.provenance) == ("too_large", examples.PROVENANCE)


def test_an_answer_too_large_to_be_kept_waits_for_the_proposal():
    story = Story().started()
    task = story.generating(Stage.CONCEPT_SELECTION).task.task_id
    patch = ({"op": "add", "path": "/-", "value": {"premise": "x" * 1200, "title": str(n)}} for n in range(10))
    large = m.ProvideFeedback(stage=Stage.CONCEPT_SELECTION, proposal_id=task, patch=tuple(patch))
    assert len(large.model_dump_json()) > 8 * KIB
    story.when(large).then_refused(Reason.GENERATING)


def test_over_the_session_s_cap_a_command_is_refused_and_a_result_fails():
    story = Story(rules=Rules(state_cap=9_000)).started().proposed(Stage.CONCEPT_SELECTION)
    draft = story.draft(Stage.CONCEPT_SELECTION)
    feedback = m.ProvideFeedback(stage=draft.stage, proposal_id=draft.proposal_id, text="darker " * 280)
    story.rules = Rules(state_cap=len(story.last.record) + 600)
    story.when(feedback).then_refused(Reason.TOO_LARGE)
    story.rules = Rules()
    story.given(feedback)
    story.rules = Rules(state_cap=len(story.last.record))
    task = story.generating(Stage.CONCEPT_SELECTION).task
    large = full(Stage.CONCEPT_SELECTION)
    story.when(examples.success(task.task_id, draft.stage).model_copy(update={"candidates": large}))
    story.then(e.GenerationFailed, e.InputRequested)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in CHOICE])
def test_letters_of_two_bytes_reach_the_cap(stage: Stage):
    assert DRAFT_CAP[stage] - 2 * KIB < size(to_its_cap(full(stage), DRAFT_CAP[stage])) <= DRAFT_CAP[stage]
