"""A heroine who was renamed by hand is called by her new name wherever the text is mended."""

import pytest

from connectors.providers.builtin import rehearsal
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.mending import called_as_today
from connectors.providers.builtin.provider import BuiltinProvider
from connectors.providers.builtin.single import told_by_who_is_there
from connectors.providers.protocol import Final
from genesis.content.catalog import Content
from genesis.content.impact import StaleReason, impact
from genesis.content.outline import Outline
from genesis.content.world import World
from genesis.session.brief import Brief
from genesis.session.messages import GenerationRequest
from genesis.session.stages import Stage
from tests import examples


def the_salt_ledger_renamed(name: str) -> GenerationRequest:
    """A request to mend the example outline after its heroine got this name."""
    cast = examples.CAST
    heroine = cast.characters[0].model_copy(update={"name": name})
    renamed = cast.model_copy(update={"characters": (heroine, *cast.characters[1:])})
    confirmed = {stage: contents[0] for stage, contents in examples.CANDIDATES.items()}
    stale = impact(Stage.CHARACTERS, cast, renamed, confirmed)[Stage.PLOT_OUTLINE]
    return GenerationRequest.model_validate(
        {
            "task_id": examples.a_uuid("task"),
            "session_id": examples.a_uuid("session"),
            "user_id": examples.OWNER,
            "correlation_id": examples.a_uuid("correlation"),
            "stage": Stage.PLOT_OUTLINE,
            "what": "stale",
            "paths": tuple(reason.path for reason in stale),
            "stale": stale,
            "round": 2,
            "brief": {"idea": "a clerk who sells the sea", "seed": 7},
            "confirmed": {**confirmed, Stage.CHARACTERS: renamed},
            "previous": (examples.OUTLINE,),
            "requested_at": examples.NOON,
            "deadline": examples.NOON + examples.minutes(15),
        }
    )


async def mended(name: str) -> tuple[Outline, Final]:
    async for event in BuiltinProvider().generate(the_salt_ledger_renamed(name)):
        if isinstance(event, Final):
            [outline] = event.candidates
            assert isinstance(outline, Outline)
            return outline, event
    raise AssertionError("no proposal")


async def test_every_stale_text_has_the_new_name_and_none_the_old():
    outline, final = await mended("Ines Moor")
    text = outline.model_dump_json()
    assert "Ines" in text
    assert "Ilse" not in text
    assert "Varga" not in text
    assert [each.id for each in outline.chapters] == [each.id for each in examples.OUTLINE.chapters]
    assert not any("no other version" in each for each in final.not_understood)


async def test_a_name_of_one_word_takes_the_place_of_first_and_last():
    outline, _ = await mended("Ines")
    assert "Ilse" not in outline.model_dump_json()
    assert "Ines finds a tide" in outline.chapters[0].summary


def test_of_a_place_only_the_whole_name_is_replaced_with_or_without_its_article():
    outline = examples.OUTLINE
    chapter = outline.chapters[0].model_copy(
        update={
            "summary": "In the Tide House they wait. The Tide House is shut; a house is a house, and a tide a tide."
        }
    )
    stale = StaleReason(
        path="/chapters/h1/summary",
        because="WORLDVIEW/places/p1/name",
        kind="mention",
        was="The Tide House",
        now="The Long Hotel",
    )
    mended_ = called_as_today(outline.model_copy(update={"chapters": (chapter, *outline.chapters[1:])}), [stale])
    assert mended_.chapters[0].summary == (
        "In the Long Hotel they wait. The Long Hotel is shut; a house is a house, and a tide a tide."
    )


@pytest.mark.parametrize("seed", range(1, 13))
def test_a_world_mended_in_all_its_places_has_no_name_twice(seed: int):
    """Found with `genesis demo --mode free-form`: a place that stayed as it was had the name that another one got."""
    brief = Brief(idea="A lighthouse keeper sells the light", seed=seed, mode="free_form")
    confirmed: dict[Stage, Content] = {}
    for stage in (Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION):
        confirmed[stage] = propose(rehearsal.request(stage, brief, {})).candidates[0]
    [world] = propose(rehearsal.request(Stage.WORLDVIEW, brief, {})).candidates
    assert isinstance(world, World)
    paths = tuple(f"/places/{each.id}" for each in world.places)
    asked = rehearsal.request(
        Stage.WORLDVIEW, brief, confirmed, what="stale", paths=paths, previous=(world,), round=2
    )
    [told] = propose(asked).candidates
    assert isinstance(told, World)
    names = [each.name for each in told.places]
    assert len(set(names)) == len(names), names
    assert set(names) != {each.name for each in world.places}


def test_each_chapter_mended_in_part_is_told_by_somebody_who_is_there():
    """Found by random sessions: only the cast of a chapter was stale, and who told it was gone from there."""
    _, former = _whole(Brief(idea="A queen's taster falls in love", seed=11))
    chapter = next(each for each in former.chapters if len(each.cast) > 1)
    others = tuple(each for each in chapter.cast if each != chapter.pov)

    def told(field: str, **change: object) -> tuple[str, tuple[str, ...]]:
        changed = chapter.model_copy(update=change)
        chapters = tuple(changed if each is chapter else each for each in former.chapters)
        outline = former.model_copy(update={"chapters": chapters})
        mended = told_by_who_is_there(outline, former, [f"/chapters/{chapter.id}/{field}"])
        return next((each.pov, each.cast) for each in mended.chapters if each.id == chapter.id)

    assert told("cast", cast=others) == (chapter.pov, (chapter.pov, *others))
    assert told("pov", pov="c99") == (chapter.pov, chapter.cast)
    assert told("synopsis", synopsis="She goes home.") == (chapter.pov, chapter.cast)


def _whole(brief: Brief) -> tuple[dict[Stage, Content], Outline]:
    for stage, before, candidates, _ in rehearsal.session(brief):
        if stage is Stage.PLOT_OUTLINE:
            outline = candidates[0]
            assert isinstance(outline, Outline)
            return before, outline
    raise AssertionError("a session ends with its outline")
