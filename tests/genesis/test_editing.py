"""What a person changes by hand, told as stories: patches, locks, own text, merges, earlier versions."""

import pytest

from genesis.content.operations import Operation
from genesis.content.paths import resolve
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.handles import HandleStatus
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from tests import examples
from tests.spec import Story

CONCEPT, STORY, WORLD, CAST, OUTLINE = Stage


def op(kind: str, path: str, value: object = None, **more: object) -> Operation:
    return Operation.model_validate({"op": kind, "path": path, "value": value, **more})


def change(story: Story, stage: Stage, *patch: Operation, **how: object) -> m.ProvideFeedback:
    """An answer to the draft as it stands."""
    draft = story.draft(stage)
    names = {"stage": stage, "proposal_id": draft.proposal_id, "revision": draft.revision}
    return m.ProvideFeedback(**{**names, "patch": patch, **how})


def in_review(stage: Stage) -> Story:
    story = Story().started(mode="free_form")
    return story.given(m.GenerateInspiration(stage=stage)).proposed(stage)


# -- patches


def test_a_patch_makes_a_new_revision_locks_what_it_touches_and_renews_the_handle():
    story = in_review(WORLD).after(examples.minutes(20))
    story.when(change(story, WORLD, op("replace", "/rules/r1/cost", "A year"))).then(e.ProposalEdited)
    draft = story.draft(WORLD)
    assert (draft.revision, draft.user_paths, draft.locks) == (2, ("/rules/r1/cost",), ("/rules/r1/cost",))
    assert draft.candidates[0].rules[0].cost == "A year"
    assert story.review(WORLD).handle.expires_at == story.at + examples.minutes(30)
    assert not story.last.requests, "no provider is asked"


def test_a_patch_that_is_kept_unlocked_is_the_person_s_and_may_still_be_regenerated():
    story = in_review(WORLD)
    story.when(change(story, WORLD, op("replace", "/era", "yesterday"), keep_unlocked=True))
    assert (story.draft(WORLD).user_paths, story.draft(WORLD).locks) == (("/era",), ())
    story.given(m.GenerateInspiration(stage=WORLD)).proposed(WORLD)
    assert story.draft(WORLD).candidates[0].era == examples.WORLD.era
    assert story.draft(WORLD).user_paths == (), "what is written over is the person's no more"


def test_a_patch_is_all_or_nothing_and_says_where_it_failed():
    story = in_review(WORLD)
    before = story.draft(WORLD)
    story.when(
        change(story, WORLD, op("replace", "/era", "yesterday"), op("test", "/name", "Elsewhere"))
    ).then_refused(Reason.BAD_PATCH)
    [finding] = story.event(e.CommandRejected).details
    assert (finding.code, finding.path) == ("test_failed", "/name")
    assert story.draft(WORLD) == before


def test_an_item_that_is_added_gets_an_id_that_no_other_ever_had():
    story = in_review(WORLD)
    story.given(change(story, WORLD, op("add", "/places/-", {"name": "The Bell", "description": "It rings."})))
    story.given(change(story, WORLD, op("remove", "/places/p2")))
    story.given(change(story, WORLD, op("add", "/places/-", {"name": "The Quay", "description": "It floods."})))
    assert [place.id for place in story.draft(WORLD).candidates[0].places] == ["p1", "p3"]
    assert story.draft(WORLD).user_paths == ("/places/p3",), "the path of what was removed is gone"


def test_an_answer_to_an_older_revision_is_refused():
    story = in_review(WORLD)
    old = change(story, WORLD, op("replace", "/era", "tomorrow"))
    story.given(change(story, WORLD, op("replace", "/era", "yesterday")))
    story.when(old).then_refused(Reason.OTHER_REVISION)
    assert story.draft(WORLD).candidates[0].era == "yesterday"


def test_an_edit_that_is_so_already_is_told_so():
    story = in_review(WORLD)
    story.when(change(story, WORLD, op("replace", "/era", examples.WORLD.era))).then_refused(Reason.NOTHING_CHANGED)
    story.given(change(story, WORLD, lock=("/era",)))
    story.when(change(story, WORLD, lock=("/era",))).then_refused(Reason.NOTHING_CHANGED)


def test_an_edit_over_the_stage_s_size_is_refused_and_the_draft_stays():
    story = in_review(CONCEPT)
    wave = "\U0001f30a"  # four bytes
    wide = {name: wave * 240 for name in ("hook", "lead", "opposition", "stakes", "fresh_because")}
    large = op("add", "/-", {"title": "Deep", "premise": wave * 1200, **wide})
    story.given(change(story, CONCEPT, large)).given(change(story, CONCEPT, large))
    before = story.draft(CONCEPT)
    story.when(change(story, CONCEPT, large)).then_refused(Reason.TOO_LARGE)
    assert story.draft(CONCEPT) == before


# -- own text


@pytest.mark.parametrize(
    ("stage", "patch"),
    [
        (CONCEPT, op("add", "/-", {"title": "Mine"})),
        (STORY, op("add", "/-", {"title": "Mine"})),
        (WORLD, op("replace", "/name", "Mine")),
        (CAST, op("add", "/characters/-", {"name": "Mine"})),
        (OUTLINE, op("replace", "/final_image", "Mine")),
    ],
)
def test_an_empty_stage_can_be_written_by_hand(stage: Stage, patch: Operation):
    story = Story().started(mode="free_form")
    own = m.ProvideFeedback(stage=stage, proposal_id=None, revision=0, patch=(patch,))
    story.when(own).then(e.ProposalOpened, e.InputRequested)
    draft = story.draft(stage)
    assert (draft.kind, draft.revision, draft.provenance, draft.round) == ("own", 1, None, 0)
    assert draft.locks == draft.user_paths != ()
    assert draft.chosen == draft.candidates[0].id != ""
    assert story.review(stage).handle.status is HandleStatus.WAITING
    story.when(own).then_refused(Reason.ALREADY_PROPOSED)


def test_own_text_grows_by_patches_until_it_can_be_confirmed():
    story = Story().started(mode="free_form")
    value = examples.CONCEPTS[0].model_dump(exclude={"id"})
    story.given(
        m.ProvideFeedback(stage=CONCEPT, proposal_id=None, revision=0, patch=(op("add", "/-", {"title": "Mine"}),))
    )
    draft = story.draft(CONCEPT)
    story.when(m.ConfirmStage(stage=CONCEPT, proposal_id=draft.proposal_id)).then_refused(Reason.CONTENT_ERRORS)
    patch = [op("replace", f"/k1/{name}", text) for name, text in value.items() if text]
    story.given(change(story, CONCEPT, *patch)).confirm(CONCEPT)
    assert story.session.slot(CONCEPT).confirmed.provenance is None


# -- locks


def test_what_is_locked_survives_a_fresh_round_and_feedback_byte_for_byte():
    story = in_review(WORLD)
    story.given(change(story, WORLD, op("replace", "/rules/r1/cost", "A year"), lock=("/name", "/places/p1")))
    before = story.draft(WORLD)
    for ask in (m.GenerateInspiration(stage=WORLD), change(story, WORLD, text="darker")):
        if isinstance(ask, m.ProvideFeedback):
            ask = ask.model_copy(update={"proposal_id": story.draft(WORLD).proposal_id, "revision": 1})
        story.given(ask)
        assert set(story.last.requests[0].locks) == set(before.locks)
        story.proposed(WORLD)
        draft = story.draft(WORLD)
        for path in before.locks:
            assert resolve(WORLD, draft.candidates, path) == resolve(WORLD, before.candidates, path)
        assert set(draft.locks) == set(before.locks)
        assert draft.user_paths == ("/rules/r1/cost",)


def test_a_lock_makes_no_revision_and_unlocking_frees_what_lies_under_it():
    story = in_review(WORLD)
    story.given(change(story, WORLD, lock=("/places/p1/name", "/places/p1/detail", "/era")))
    assert story.draft(WORLD).revision == 1
    story.given(change(story, WORLD, unlock=("/places/p1",)))
    assert story.draft(WORLD).locks == ("/era",)


def test_a_path_that_leads_nowhere_is_named():
    story = in_review(WORLD)
    story.when(change(story, WORLD, lock=("/era", "/rules/r9"))).then_refused(Reason.UNKNOWN_PATH)
    assert [finding.path for finding in story.event(e.CommandRejected).details] == ["/rules/r9"]


def test_what_is_edited_while_a_generation_runs_survives_its_result():
    story = in_review(WORLD)
    story.given(m.GenerateInspiration(stage=WORLD))
    draft = story.generating(WORLD).draft
    edit = m.ProvideFeedback(
        stage=WORLD,
        proposal_id=draft.proposal_id,
        revision=draft.revision,
        patch=(op("replace", "/era", "yesterday"),),
        keep_unlocked=True,
    )
    story.when(edit).then(e.ProposalEdited)
    story.proposed(WORLD)
    assert story.draft(WORLD).candidates[0].era == "yesterday"
    assert story.draft(WORLD).locks == ()


def test_while_a_generation_runs_only_edits_of_the_draft_are_done():
    story = in_review(WORLD).given(m.GenerateInspiration(stage=WORLD))
    draft = story.generating(WORLD).draft
    names = {"stage": WORLD, "proposal_id": draft.proposal_id, "revision": draft.revision}
    story.when(m.ProvideFeedback(**names, text="darker")).then_refused(Reason.GENERATING)
    story.when(m.ProvideFeedback(**names, restore=draft.candidates)).then_refused(Reason.GENERATING)
    story.when(m.ConfirmStage(**names)).then_refused(Reason.GENERATING)
    wrong = {**names, "revision": 7}
    story.when(m.ProvideFeedback(**wrong, lock=("/era",))).then_refused(Reason.OTHER_REVISION)


def test_a_patch_with_feedback_edits_first_and_then_asks_for_a_round():
    story = in_review(WORLD)
    story.when(change(story, WORLD, op("replace", "/era", "yesterday"), text="darker"))
    story.then(e.ProposalEdited, e.InputReceived, e.FeedbackGiven, e.GenerationRequested)
    assert story.event(e.FeedbackGiven).revision == 2
    assert story.last.requests[0].previous[0].era == "yesterday"


# -- one candidate, some paths, a blend


def test_one_candidate_is_made_anew_and_keeps_its_id_while_the_others_stay():
    story = in_review(CONCEPT)
    story.given(m.GenerateInspiration(stage=CONCEPT, what="candidate", candidates=("k2",)))
    task = story.generating(CONCEPT).task
    fresh = examples.CONCEPTS[0].model_copy(update={"id": "k1", "title": "Quite another"})
    story.given(examples.success(task.task_id, CONCEPT).model_copy(update={"candidates": (fresh,)}))
    one, two = story.draft(CONCEPT).candidates
    assert (one, two.id, two.title) == (examples.CONCEPTS[0], "k2", "Quite another")


def test_only_the_paths_asked_for_are_taken_from_the_result():
    story = in_review(WORLD)
    story.given(m.GenerateInspiration(stage=WORLD, what="paths", paths=("/era", "/places/p1/detail")))
    task = story.generating(WORLD).task
    place = examples.WORLD.places[0].model_copy(update={"detail": "tar and gulls", "name": "Elsewhere"})
    other = examples.WORLD.model_copy(update={"era": "yesterday", "name": "Nowhere", "places": (place,)})
    story.given(examples.success(task.task_id, WORLD).model_copy(update={"candidates": (other,)}))
    world = story.draft(WORLD).candidates[0]
    assert (world.era, world.name, world.places[0].detail) == ("yesterday", "Mornay", "tar and gulls")
    assert world.places[0].name == "The Tide House"


def test_a_blend_stands_beside_the_candidates_it_was_made_of():
    story = in_review(CONCEPT)
    story.given(m.GenerateInspiration(stage=CONCEPT, what="blend", candidates=("k1", "k2")))
    task = story.generating(CONCEPT).task
    blend = examples.CONCEPTS[0].model_copy(update={"id": "k1", "title": "Both"})
    story.given(examples.success(task.task_id, CONCEPT).model_copy(update={"candidates": (blend,)}))
    assert [(each.id, each.title) for each in story.draft(CONCEPT).candidates] == [
        ("k3", "Both"),
        ("k1", "The Salt Ledger"),
        ("k2", "A Lamp for the Drowned"),
    ]
    assert story.draft(CONCEPT).candidates[0].derived_from == ("k1", "k2")


def test_a_blend_has_no_room_where_everything_is_locked():
    story = in_review(CONCEPT)
    for number in range(3):
        story.given(change(story, CONCEPT, op("add", "/-", {"title": f"Mine {number}"})))
    assert len(story.draft(CONCEPT).candidates) == 5
    story.given(change(story, CONCEPT, lock=("/k1", "/k2")))
    ask = m.GenerateInspiration(stage=CONCEPT, what="blend", candidates=("k1", "k2"))
    story.when(ask).then_refused(Reason.NO_ROOM)


# -- choosing and merging


def test_fields_of_another_candidate_are_taken_into_the_chosen_one():
    story = in_review(CONCEPT)
    draft = story.draft(CONCEPT)
    command = m.SelectConcept(proposal_id=draft.proposal_id, base="k1", take=(m.Take(field="stakes", source="k2"),))
    story.when(command).then(e.ProposalEdited)
    merged = story.draft(CONCEPT)
    assert (merged.chosen, merged.revision, merged.merged_from) == ("k1", 2, ("k2",))
    assert merged.candidates[0].stakes == examples.CONCEPTS[1].stakes
    assert merged.candidates[0].derived_from == ("k1", "k2")
    story.confirm(CONCEPT)
    assert story.session.slot(CONCEPT).confirmed.merged_from == ("k2",)


def test_a_field_that_does_not_exist_cannot_be_taken():
    story = in_review(CONCEPT)
    take = (m.Take(field="colour", source="k2"),)
    command = m.SelectConcept(proposal_id=story.draft(CONCEPT).proposal_id, base="k1", take=take)
    story.when(command).then_refused(Reason.BAD_MERGE)


def test_locks_of_the_candidates_that_were_not_chosen_end_with_them():
    story = in_review(CONCEPT)
    story.given(change(story, CONCEPT, lock=("/k1/title", "/k2/title"))).confirm(CONCEPT)
    assert story.session.slot(CONCEPT).confirmed.locks == ("/k1/title",)


def test_what_was_edited_and_then_removed_while_a_generation_runs_is_protected_no_more():
    story = in_review(WORLD).given(m.GenerateInspiration(stage=WORLD))
    for patch in (op("replace", "/rules/r1/cost", "A year"), op("remove", "/rules/r1")):
        draft = story.generating(WORLD).draft
        names = {"stage": WORLD, "proposal_id": draft.proposal_id, "revision": draft.revision}
        story.when(m.ProvideFeedback(**names, patch=(patch,), keep_unlocked=True)).then(e.ProposalEdited)
    story.proposed(WORLD)
    assert [rule.id for rule in story.draft(WORLD).candidates[0].rules] == ["r2"]


# -- earlier versions


def test_an_earlier_round_is_put_back_by_its_content():
    story = in_review(WORLD)
    first = story.draft(WORLD)
    story.given(change(story, WORLD, op("replace", "/era", "yesterday")))
    story.given(m.GenerateInspiration(stage=WORLD)).proposed(WORLD)
    story.when(change(story, WORLD, restore=first.candidates)).then(e.ProposalEdited)
    draft = story.draft(WORLD)
    assert (draft.candidates, draft.kind) == (first.candidates, "restore")
    assert (draft.provenance.provider, draft.provenance.cost) == ("example", None), "what is not known is null"
    story.when(change(story, WORLD, restore=first.candidates)).then_refused(Reason.NOTHING_CHANGED)


def test_what_was_never_shown_here_cannot_be_put_back():
    story = in_review(WORLD)
    strange = examples.WORLD.model_copy(update={"name": "Atlantis"})
    story.when(change(story, WORLD, restore=(strange,))).then_refused(Reason.UNKNOWN_VERSION)


def test_only_the_last_twenty_versions_are_remembered():
    story = in_review(WORLD)
    first = story.draft(WORLD).candidates
    for number in range(20):
        story.given(change(story, WORLD, op("replace", "/era", f"era {number}")))
    assert len(story.session.slot(WORLD).versions) == 20
    story.when(change(story, WORLD, restore=first)).then_refused(Reason.UNKNOWN_VERSION)
