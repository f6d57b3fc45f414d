"""What a person adds to the world or the cast by hand matters in the plot, in every genre."""

from functools import cache

import pytest

from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.rehearsal import request, session
from genesis.content.cast import Cast, Character
from genesis.content.catalog import Content
from genesis.content.outline import Outline
from genesis.content.texts import mentions
from genesis.content.world import Place, Rule, World
from genesis.session.brief import Brief
from genesis.session.stages import Stage

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
RULE = Rule(
    id="r99",
    name="The third knock",
    statement="Nobody may open before the third knock",
    cost="Whoever opens early owes a winter",
    limit="It does not hold for those who have no door",
)
PLACE = Place(id="p99", name="The Pepper Wharf", kind="other", description="Sacks to the rafters, and one lame gull.")
GUEST = Character(
    id="c99",
    name="Zephyrine Quill",
    role="minor",
    pronouns="she",
    profile="Thirty-one, a chandler; laughs before the joke.",
    want="To be paid for the candles",
)


@cache
def before(name: str, chapters: int) -> dict[Stage, Content]:
    brief = brief_of(name, chapters)
    return {stage: made[0] for stage, _, made, _ in session(brief) if stage != OUTLINE}


def brief_of(name: str, chapters: int) -> Brief:
    return Brief(genre=genre(name).meta.name, seed=7, target_chapters=chapters)


def outlined(name: str, chapters: int, **more: Content) -> Outline:
    confirmed = before(name, chapters) | {Stage(stage): content for stage, content in more.items()}
    (outline,) = propose(request(OUTLINE, brief_of(name, chapters), confirmed)).candidates
    assert isinstance(outline, Outline)
    return outline


@pytest.mark.parametrize("chapters", [12, 24, 40])
@pytest.mark.parametrize("name", genres())
def test_a_chapter_turns_on_a_rule_added_by_hand(name: str, chapters: int) -> None:
    world = before(name, chapters)[WORLD]
    assert isinstance(world, World)
    outline = outlined(name, chapters, WORLDVIEW=world.model_copy(update={"rules": (*world.rules, RULE)}))
    own = [each for each in outline.chapters if "nobody may open before the third knock" in each.summary.casefold()]
    assert len(own) == 1
    later = [each for each in outline.chapters if each.no > own[0].no]
    assert any(mentions(f"{each.summary} {each.conflict}", "third knock") for each in later), "it matters again"


@pytest.mark.parametrize("chapters", [12, 24])
@pytest.mark.parametrize("name", genres())
def test_somebody_added_by_hand_appears_and_is_spoken_of(name: str, chapters: int) -> None:
    cast = before(name, chapters)[CAST]
    assert isinstance(cast, Cast)
    outline = outlined(name, chapters, CHARACTERS=cast.model_copy(update={"characters": (*cast.characters, GUEST)}))
    there = [each for each in outline.chapters if GUEST.id in each.cast]
    assert len(there) >= 2
    assert any(mentions(each.summary, "Zephyrine Quill") for each in there)


@pytest.mark.parametrize("chapters", [12, 24])
@pytest.mark.parametrize("name", genres())
def test_a_place_added_by_hand_is_gone_to_and_named(name: str, chapters: int) -> None:
    world = before(name, chapters)[WORLD]
    assert isinstance(world, World)
    outline = outlined(name, chapters, WORLDVIEW=world.model_copy(update={"places": (*world.places, PLACE)}))
    there = [each for each in outline.chapters if each.place == PLACE.id]
    assert there
    assert any(mentions(f"{each.summary} {each.title}", "Pepper Wharf") for each in there)
