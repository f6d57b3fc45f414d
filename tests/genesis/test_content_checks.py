"""The checks of content: one story for each row of the table that confirms or warns."""

from typing import Any

import pytest

from genesis.content.cast import Cast, Character, Relationship
from genesis.content.catalog import Content
from genesis.content.checks import MAX_FINDINGS, check, has_errors
from genesis.content.concept import Concept
from genesis.content.outline import Act, Outline, Plant, Thread
from genesis.content.texts import mentions
from genesis.content.world import Faction, Place, Rule, World
from genesis.session.stages import Stage
from tests import examples

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
CONFIRMED: dict[Stage, Content] = {stage: examples.CANDIDATES[stage][0] for stage in Stage}


def before(stage: Stage) -> dict[Stage, Content]:
    return {
        each: content for each, content in CONFIRMED.items() if list(Stage).index(each) < list(Stage).index(stage)
    }


def codes(stage: Stage, content: Content, **more: Any) -> set[tuple[str, str]]:
    confirmed = more.pop("confirmed", before(stage))
    return {(each.level[0], each.code) for each in check(stage, [content], content.id, confirmed, **more)}


@pytest.mark.parametrize("stage", list(Stage))
def test_a_whole_content_has_no_error(stage: Stage) -> None:
    for content in examples.CANDIDATES[stage]:
        assert not has_errors(check(stage, examples.CANDIDATES[stage], content.id, before(stage)))


def test_an_empty_required_field_is_named_by_its_path() -> None:
    (finding,) = check(CONCEPT, [examples.CONCEPTS[0].model_copy(update={"hook": "  "})], "k1", {})
    assert (finding.level, finding.code, finding.path) == ("error", "empty_required", "/k1/hook")


def test_items_are_named_by_id() -> None:
    rule = examples.WORLD.rules[0].model_copy(update={"statement": ""})
    found = check(WORLD, [examples.WORLD.model_copy(update={"rules": (rule,)})], "w1", before(WORLD))
    assert [each.path for each in found if each.code == "empty_required"] == ["/rules/r1/statement"]


def test_what_is_larger_than_its_cap_is_an_error() -> None:
    lore = [{"id": f"l{no}", "name": f"Entry {no}", "text": "ä" * 300} for no in range(14)]
    places = [
        {"id": f"p{no}", "name": f"Place {no}", "description": "ä" * 400, "detail": "ä" * 160} for no in range(14)
    ]
    rules = [
        {"id": f"r{no}", "name": f"R{no}", "statement": "ä" * 300, "cost": "ä" * 200, "limit": "ä" * 200}
        for no in range(10)
    ]
    world = World.model_validate(
        examples.WORLD.model_dump()
        | {"lore": lore, "places": places, "rules": rules, "overview": "ä" * 1500, "daily_life": "ä" * 600}
    )
    assert ("e", "over_cap") in codes(WORLD, world)


def test_an_unknown_id_is_an_error() -> None:
    place = examples.WORLD.places[0].model_copy(update={"held_by": "f9"})
    assert ("e", "unknown_id") in codes(WORLD, examples.WORLD.model_copy(update={"places": (place,)}))


def test_an_id_of_a_stage_that_is_not_there_is_unknown() -> None:
    assert ("e", "unknown_id") in codes(CAST, examples.CAST, confirmed={})


def test_an_empty_reference_to_a_missing_stage_is_a_warning_once() -> None:
    people = tuple(each.model_copy(update={"faction": ""}) for each in examples.CAST.characters)
    found = check(CAST, [examples.CAST.model_copy(update={"characters": people})], "e1", {})
    assert [each.code for each in found].count("reference_stage_missing") == 1
    assert not has_errors(found)


def test_a_word_to_be_avoided_is_a_warning_where_it_stands() -> None:
    found = check(CONCEPT, [examples.CONCEPTS[0]], "k1", {}, avoid=("tides",))
    assert {each.path for each in found if each.code == "forbidden_word"} >= {"/k1/premise", "/k1/lead"}


def test_a_red_line_of_the_story_holds_in_later_stages() -> None:
    story = examples.STORY.model_copy(update={"red_lines": ("salt island",)})
    assert ("w", "forbidden_word") in codes(WORLD, examples.WORLD, confirmed={STORY: story})


def test_a_story_may_name_its_own_red_lines() -> None:
    assert ("w", "forbidden_word") not in codes(
        STORY, examples.STORY.model_copy(update={"red_lines": ("No ghosts",)})
    )


@pytest.mark.parametrize(
    ("text", "phrase", "there"),
    [
        ("The bells rang", "bell", True),
        ("The bell rang", "bells", True),
        ("A BELL", "bell", True),
        ("The bellows", "bell", False),
        ("A first kiss", "kiss", True),
        ("anything", "  ", False),
    ],
)
def test_a_phrase_is_found_as_words_of_its_own(text: str, phrase: str, there: bool) -> None:
    assert mentions(text, phrase) is there


def test_a_name_that_no_longer_exists_is_a_warning() -> None:
    assert ("w", "name_gone") in codes(STORY, examples.STORY, gone=("Ilse",))


def test_exactly_one_candidate_must_be_chosen() -> None:
    found = check(CONCEPT, examples.CONCEPTS, "", {})
    assert [(each.level, each.code) for each in found] == [("error", "not_chosen")]


def test_only_the_chosen_candidate_keeps_a_stage_from_being_confirmed() -> None:
    whole, broken = examples.CONCEPTS[0], Concept(id="k2")
    assert not has_errors(check(CONCEPT, (whole, broken), "k1", {}))
    assert has_errors(check(CONCEPT, (whole, broken), "k2", {}))


def test_two_candidates_alike_are_a_warning() -> None:
    twin = examples.CONCEPTS[0].model_copy(update={"id": "k2", "title": "Another title"})
    found = check(CONCEPT, (examples.CONCEPTS[0], twin), "k1", {})
    assert [each.code for each in found] == ["candidates_alike"]


@pytest.mark.parametrize("words", [3 * 799, 3 * 8001])
def test_chapters_of_an_unusual_length_are_a_warning(words: int) -> None:
    assert ("w", "chapter_length") in codes(STORY, examples.STORY.model_copy(update={"target_words": words}))


@pytest.mark.parametrize("words", [3 * 800, 3 * 8000])
def test_chapters_of_a_usual_length_are_not(words: int) -> None:
    assert ("w", "chapter_length") not in codes(STORY, examples.STORY.model_copy(update={"target_words": words}))


def world(**changes: object) -> World:
    return World.model_validate(examples.WORLD.model_dump() | changes)


PLACE = Place(id="p1", name="The quay", description="Stone")


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        (world(places=[PLACE, PLACE.model_copy(update={"id": "p2", "name": "the QUAY"})]), ("e", "doubled_name")),
        (world(rules=[]), ("w", "no_rule")),
        (world(rules=[Rule(id="r1", name="Tide", statement="It comes")]), ("w", "rule_free_of_cost")),
        (world(factions=[Faction(id="f1", name="Crew", goal="Sail")]), ("w", "faction_idle")),
    ],
)
def test_a_world(changed: World, finding: tuple[str, str]) -> None:
    assert finding in codes(WORLD, changed)
    assert finding not in codes(WORLD, examples.WORLD)


def cast(**changes: object) -> Cast:
    return Cast.model_validate(examples.CAST.model_dump() | changes)


LEAD, AGAINST = examples.CAST.characters
THIRD = Character(id="c3", name="Bo Lind", want="Row")


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        (cast(characters=[LEAD, AGAINST.model_copy(update={"name": "ilse varga"})]), ("e", "doubled_name")),
        (cast(characters=[LEAD, AGAINST.model_copy(update={"aliases": ("Ilse Varga",)})]), ("e", "doubled_name")),
        (cast(characters=[LEAD.model_copy(update={"role": "ally"}), AGAINST]), ("e", "no_protagonist")),
        (
            cast(relationships=[Relationship(id="b1", a="c1", b="c1", surface="Herself")]),
            ("e", "self_relationship"),
        ),
        (cast(characters=[LEAD, AGAINST.model_copy(update={"role": "ally"})]), ("w", "no_opposition")),
        (cast(characters=[LEAD, AGAINST, THIRD]), ("w", "character_isolated")),
        (cast(characters=[LEAD.model_copy(update={"need": ""}), AGAINST]), ("w", "protagonist_flat")),
        (cast(characters=[LEAD.model_copy(update={"wound": ""}), AGAINST]), ("w", "protagonist_flat")),
    ],
)
def test_a_cast(changed: Cast, finding: tuple[str, str]) -> None:
    assert finding in codes(CAST, changed)
    assert finding not in codes(CAST, examples.CAST)


def outline(**changes: object) -> Outline:
    return Outline.model_validate(examples.OUTLINE.model_dump() | changes)


def chapters(**changes: object) -> list[dict[str, object]]:
    return [each.model_dump() | changes for each in examples.OUTLINE.chapters]


ACTS = [Act(id="a1", name="One", purpose="Up"), Act(id="a2", name="Two", purpose="Down")]


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        (outline(chapters=chapters(no=1)), ("e", "chapter_numbers")),
        (
            outline(
                acts=ACTS,
                chapters=[{**each, "act": act} for each, act in zip(chapters(), ("a1", "a2", "a1"), strict=True)],
            ),
            ("e", "acts_out_of_order"),
        ),
        (outline(chapters=chapters(cast=("c2",))), ("e", "pov_not_in_cast")),
        (outline(plants=[Plant(id="x1", text="Quill", planted_in="h3", paid_in="h1")]), ("e", "payoff_too_early")),
        (outline(plants=[Plant(id="x1", text="Quill", planted_in="h2", paid_in="h2")]), ("e", "payoff_too_early")),
        (outline(plants=[Plant(id="x1", text="Quill", planted_in="h2")]), ("w", "plant_unpaid")),
        (outline(threads=[Thread(id="t1", title="Who")]), ("w", "thread_open")),
        (outline(chapters=chapters()[:2], plants=[], threads=[]), ("w", "off_plan")),
        (outline(chapters=chapters(words=9000)), ("w", "off_plan")),
        (outline(chapters=chapters(tension=3)), ("w", "tension_low")),
        (outline(chapters=chapters(place="")), ("w", "place_unused")),
        (outline(chapters=chapters(cast=("c1",))), ("w", "character_unused")),
    ],
)
def test_an_outline(changed: Outline, finding: tuple[str, str]) -> None:
    assert finding in codes(OUTLINE, changed)
    assert finding not in codes(OUTLINE, examples.OUTLINE)


def test_a_thread_may_be_left_open_on_purpose() -> None:
    assert ("w", "thread_open") not in codes(OUTLINE, outline(threads=[Thread(id="t1", title="Who", left_open=True)]))


@pytest.mark.parametrize(("pov", "there"), [("first", True), ("close_third", True), ("multiple_third", False)])
def test_several_tellers_need_a_story_told_by_several(pov: str, there: bool) -> None:
    told = [{**each, "pov": person} for each, person in zip(chapters(), ("c1", "c2", "c1"), strict=True)]
    confirmed = {**before(OUTLINE), STORY: examples.STORY.model_copy(update={"pov": pov})}
    assert (("w", "several_pov") in codes(OUTLINE, outline(chapters=told), confirmed=confirmed)) is there


def test_errors_come_first_and_findings_are_bounded() -> None:
    characters = [Character(id=f"c{no}", name=f"Person {no}") for no in range(1, 13)]
    found = check(CAST, [Cast(id="e1", characters=tuple(characters))], "e1", {}, avoid=("person",))
    levels = [each.level for each in found]
    assert len(found) <= MAX_FINDINGS
    assert levels == sorted(levels, key=lambda level: level != "error")
