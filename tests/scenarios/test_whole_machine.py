"""Everything a person may do in a session, as a client does it; on the real stack also while the worker dies."""

from typing import Any

import pytest

from genesis.content.operations import Operation
from genesis.session.stages import Stage
from genesis.session.state import Confirmed, Generating, Session, Stale, Status
from tests.scenarios.agreement import must_agree
from tests.scenarios.conftest import Haunted
from tests.scenarios.studio import Novelist, about

pytestmark = pytest.mark.timeout(180)


def patch(path: str, value: Any) -> list[dict[str, Any]]:
    return [Operation(op="replace", path=path, value=value).model_dump(include={"op", "path", "value"})]


async def test_five_generations_at_once_and_answers_in_any_order(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    await novelist.start(mode="free_form", idea="all at once", provider="bench")
    for stage in reversed(Stage):
        await novelist.send("GENERATE_INSPIRATION", {"stage": stage})
    await novelist.come_to(lambda state: len(state.running()) == 5)
    assert await novelist.refused("GENERATE_INSPIRATION", {"stage": Stage.WORLDVIEW}) == "generating"
    haunted.strike()
    for stage in (Stage.CHARACTERS, Stage.PLOT_OUTLINE, Stage.CONCEPT_SELECTION, Stage.WORLDVIEW):
        await novelist.confirm(stage)
    assert await novelist.refused("FINISH_GENESIS", {}) == "stages_unconfirmed"
    await novelist.confirm(Stage.STORY_CONCEPTION)
    haunted.strike()
    stale = any(isinstance(novelist.replayed().slot(stage).phase, Stale) for stage in Stage)
    await novelist.send("FINISH_GENESIS", {"accept_stale": stale})
    await novelist.until("session-finished")
    await must_agree(haunted.studio, novelist)


async def test_an_early_answer_is_kept_and_applied_and_a_second_one_refused(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    await novelist.start(idea="early", provider="bench")
    task = (await novelist.until("generation-requested"))["payload"]["task"]["task_id"]
    early = {"stage": Stage.CONCEPT_SELECTION, "proposal_id": task}
    kept = await novelist.send("CONFIRM_STAGE", {**early, "candidate": "k1"})
    assert (await novelist.until("input-received"))["payload"]["kept"]
    assert await novelist.refused("PROVIDE_FEEDBACK", {**early, "text": "darker"}) == "answer_already_kept"
    haunted.strike()
    confirmed = await novelist.until("stage-confirmed")
    assert confirmed["causation_id"] == str(kept.command_id)
    await novelist.review(Stage.STORY_CONCEPTION)  # guided: asked for by itself; then nothing moves any more
    await must_agree(haunted.studio, novelist)


async def test_a_stop_ends_a_generation_at_once_and_what_comes_late_is_discarded(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    session = await novelist.start(idea="stop", provider="bench")
    stage = Stage.CONCEPT_SELECTION
    first = (await novelist.until("generation-requested"))["payload"]["task"]["task_id"]
    await novelist.send("PROVIDE_FEEDBACK", {"stage": stage, "stop": True, "proposal_id": first})
    stopped = await novelist.until("generation-stopped")
    assert stopped["payload"]["stopped"]["task_id"] == first
    haunted.strike()
    # The stage is empty again; the next round is reviewed, and a stop of the one after it leaves that in review.
    await novelist.send("GENERATE_INSPIRATION", {"stage": stage})
    draft = await novelist.review(stage)
    await novelist.send("PROVIDE_FEEDBACK", {**about(draft), "chips": ["darker"]})
    await novelist.come_to(lambda state: isinstance(state.slot(stage).phase, Generating))
    await novelist.send("PROVIDE_FEEDBACK", {"stage": stage, "stop": True})
    assert await novelist.review(stage) == draft
    again = await novelist.refused("PROVIDE_FEEDBACK", {"stage": stage, "stop": True})
    assert again == "nothing_running"
    haunted.strike()

    def discarded() -> set[str]:
        return {each["payload"]["task_id"] for each in novelist.seen if each["event_type"] == "generation-discarded"}

    while len(discarded()) < 2:
        await novelist.until("generation-discarded")
    assert first in discarded()
    assert len([each for each in novelist.seen if each["event_type"] == "proposal-made"]) == 1
    assert (await haunted.studio.state(session))["stages"][stage]["phase"] == "REVIEW"
    await must_agree(haunted.studio, novelist)


def stale(state: Session) -> set[Stage]:
    return {stage for stage in Stage if isinstance(state.slot(stage).phase, Stale)}


async def test_going_back_shows_its_impact_and_what_is_stale_is_mended_or_accepted(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    session = await novelist.start(idea="going back", seed=3, provider="builtin")
    for stage in Stage:
        await novelist.confirm(stage)
    await novelist.send("NAVIGATE_TO_STAGE", {"stage": Stage.STORY_CONCEPTION})
    draft = await novelist.review(Stage.STORY_CONCEPTION)
    candidate, path = draft.candidates[0].id, f"/{draft.candidates[0].id}/synopsis"
    haunted.strike()
    edited = await novelist.say(draft, patch=patch(path, "A bell is cast, and nobody will ring it."))
    assert (edited.revision, path in edited.locks) == (draft.revision + 1, True)
    assert await novelist.refused("CONFIRM_STAGE", about(draft)) == "other_revision"
    # What confirming would touch is told before it is done, and then it is just that.
    foreseen = (await haunted.studio.state(session))["stages"][Stage.STORY_CONCEPTION]["impact"]
    assert Stage.WORLDVIEW in foreseen
    await novelist.send("CONFIRM_STAGE", {**about(edited), "candidate": candidate})
    haunted.strike()
    marked = await novelist.until("stages-marked-stale")
    assert marked["payload"]["stages"] == foreseen
    state = await novelist.come_to(lambda state: stale(state) == set(foreseen))
    told = (await haunted.studio.state(session))["stages"]
    assert {stage for stage in Stage if told[stage]["phase"] == "STALE"} == set(foreseen)
    assert told[Stage.WORLDVIEW]["stale"] == foreseen[Stage.WORLDVIEW]
    assert await novelist.refused("FINISH_GENESIS", {}) == "stale_stages"
    # One is mended, one confirmed as it is, the rest accepted at the end.
    before = state.slot(Stage.CHARACTERS).confirmed
    assert before is not None
    await novelist.send("GENERATE_INSPIRATION", {"stage": Stage.WORLDVIEW, "what": "stale"})
    await novelist.confirm(Stage.WORLDVIEW)
    as_it_is = {"stage": Stage.CHARACTERS, "proposal_id": str(before.proposal_id), "revision": before.revision}
    await novelist.send("CONFIRM_STAGE", as_it_is)
    state = await novelist.come_to(lambda state: isinstance(state.slot(Stage.CHARACTERS).phase, Confirmed))
    await novelist.send("FINISH_GENESIS", {"accept_stale": bool(stale(state))})
    await novelist.until("session-finished")
    assert novelist.replayed().status is Status.COMPLETED
    await must_agree(haunted.studio, novelist)


async def test_merge_blend_part_and_restore_leave_locks_alone(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    await novelist.start(idea="parts", seed=5, provider="builtin")
    stage = Stage.CONCEPT_SELECTION
    first = await novelist.review(stage)
    one, two, *_ = (each.id for each in first.candidates)
    await novelist.send("SELECT_CONCEPT", {**about(first), "base": one, "take": [{"field": "stakes", "from": two}]})
    await novelist.until("proposal-edited")
    merged = await novelist.review(stage)
    assert merged.candidate(one).stakes == first.candidate(two).stakes  # type: ignore[union-attr]
    locked = await novelist.say(merged, patch=patch(f"/{one}/title", "The Title That Stays"))
    haunted.strike()
    draft = locked
    for wish in (
        {"what": "candidate", "candidates": [one]},
        {"what": "paths", "paths": [f"/{one}/premise", f"/{one}/hook"]},
        {"what": "blend", "candidates": [one, two]},
    ):
        await novelist.send("GENERATE_INSPIRATION", {"stage": stage, **wish})
        draft = await novelist.review(stage, after=draft.proposal_id)
        assert draft.candidate(one).title == "The Title That Stays"  # type: ignore[union-attr]
        assert f"/{one}/title" in draft.locks
    haunted.strike()
    old = [each.model_dump(mode="json") for each in first.candidates]
    restored = await novelist.say(draft, restore=old)
    assert restored.candidates == first.candidates
    await novelist.confirm(stage)
    await novelist.review(Stage.STORY_CONCEPTION)  # guided: asked for by itself; then nothing moves any more
    await must_agree(haunted.studio, novelist)


async def test_a_command_for_an_older_version_is_refused(haunted: Haunted):
    novelist = Novelist(haunted.studio)
    session = await novelist.start(idea="versions", provider="builtin")
    draft = await novelist.review(Stage.CONCEPT_SELECTION)
    version = (await haunted.studio.state(session))["version"]
    await novelist.say(draft, lock=[f"/{draft.candidates[0].id}/title"])
    haunted.strike()
    late = {**about(draft), "candidate": draft.candidates[0].id}
    assert await novelist.refused("CONFIRM_STAGE", late, expected_version=version) == "version_conflict"
    now = (await haunted.studio.state(session))["version"]
    await novelist.send("CONFIRM_STAGE", late, expected_version=now)
    await novelist.until("stage-confirmed")
    await novelist.review(Stage.STORY_CONCEPTION)  # guided: asked for by itself; then nothing moves any more
    await must_agree(haunted.studio, novelist)
