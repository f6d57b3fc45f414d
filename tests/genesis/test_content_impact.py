"""The impact of a change: what later stages are told when an earlier one is confirmed anew."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.content.cast import Cast, Character
from genesis.content.catalog import CONTENT, Content
from genesis.content.fields import Item, specs
from genesis.content.ids import items
from genesis.content.impact import MAX_STALE, STRENGTH, StaleReason, impact, merge_stale
from genesis.content.impact_graph import FREE, GRAPH, Field
from genesis.content.outline import Chapter, Outline
from genesis.content.world import Faction, Place, Rule, World
from genesis.session.stages import ORDER, Stage
from tests import examples
from tests.genesis.full_size import at_full_size

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
EXAMPLE: dict[Stage, Content] = {stage: examples.CANDIDATES[stage][0] for stage in Stage}
FULL: dict[Stage, Content] = {stage: at_full_size(stage) for stage in Stage}


def with_item(content: Content, items: str, item_id: str, **changed: object) -> Any:
    """The content with these fields of one of its items changed."""
    members = tuple(
        each.model_copy(update=changed) if each.id == item_id else each for each in getattr(content, items)
    )
    return content.model_copy(update={items: members})


def without(content: Content, items: str, item_id: str) -> Any:
    return content.model_copy(update={items: tuple(each for each in getattr(content, items) if each.id != item_id)})


def told(stale: Mapping[Stage, tuple[StaleReason, ...]], stage: Stage) -> list[tuple[str, str, str]]:
    return [(each.path, each.kind, each.because) for each in stale.get(stage, ())]


# -- the graph is whole


def every_field() -> Iterator[tuple[Field, bool]]:
    """Each content field of all models, lists of items aside, and whether it is a reference."""
    for stage, model in CONTENT.items():
        for spec in specs(model):
            if spec.items is None:
                yield Field(stage, "", spec.name), spec.refers is not None
            else:
                for inner in specs(spec.items):
                    yield Field(stage, spec.name, inner.name), inner.refers is not None


FIELDS = dict(every_field())
LISTS = {Field(field.stage, field.items, "") for field in FIELDS if field.items}
LATER = {field for row in GRAPH for field in row.later}
SOURCES = {field for row in GRAPH for field in row.sources}


def named(fields: set[Field]) -> set[Field]:
    """These fields, with every field of the lists among them."""
    return {field for field in FIELDS if field in fields or field._replace(name="") in fields}


@pytest.mark.parametrize("field", FIELDS, ids="/".join)
def test_every_field_is_in_the_graph_or_refers_or_is_free(field: Field) -> None:
    in_graph = field in named(LATER | SOURCES)
    assert in_graph or FIELDS[field] or field in FREE
    assert not (field in FREE and (in_graph or FIELDS[field])), "a free field needs no other home"


def test_every_name_in_the_graph_exists() -> None:
    assert (LATER | SOURCES) <= {*FIELDS, *LISTS}
    assert FREE <= set(FIELDS)


def test_only_the_teller_of_a_chapter_is_made_and_refers() -> None:
    made = {field for field in FIELDS if field in LATER and FIELDS[field]}
    assert made == {Field(OUTLINE, "chapters", "pov")}


def test_the_graph_leads_from_earlier_to_later_stages_only() -> None:
    for row in GRAPH:
        assert max(ORDER.index(each.stage) for each in row.sources) < min(
            ORDER.index(each.stage) for each in row.later
        )


def test_a_row_for_some_roles_is_a_row_of_characters() -> None:
    known = {"minor", "protagonist", "antagonist", "ally", "mentor", "rival", "love_interest"}
    for row in GRAPH:
        assert row.roles <= known
        if row.roles:
            assert {(each.stage, each.items) for each in row.later} == {(CAST, "characters")}
        if row.of_its_cast:
            assert {(each.stage, each.items) for each in row.sources} == {(CAST, "characters")}
            assert {(each.stage, each.items) for each in row.later} == {(OUTLINE, "chapters")}


# -- derivation


def test_another_premise_reaches_what_the_story_made_of_it() -> None:
    changed = examples.CONCEPTS[0].model_copy(update={"premise": "On Mornay the tide is a tax."})
    stale = impact(CONCEPT, EXAMPLE[CONCEPT], changed, EXAMPLE)
    # The example has no promise: what is empty can't disagree.
    assert told(stale, STORY) == [
        ("/title", "derivation", "CONCEPT_SELECTION/premise"),
        ("/synopsis", "derivation", "CONCEPT_SELECTION/premise"),
    ]
    assert set(stale) == {STORY}, "the world was made from the synopsis, which has not changed yet"


def test_a_concept_from_another_candidate_is_compared_field_by_field() -> None:
    stale = impact(CONCEPT, examples.CONCEPTS[0], examples.CONCEPTS[1], EXAMPLE)
    assert ("/conflict", "derivation", "CONCEPT_SELECTION/opposition") in told(stale, WORLD)
    assert ("/factions/f1", "derivation", "CONCEPT_SELECTION/opposition") in told(stale, WORLD)
    # Same genre, no tone, no question: nothing of these changed.
    assert not {"/era", "/places/p1", "/rules/r1"} & {path for path, _, _ in told(stale, WORLD)}


def test_a_rule_reaches_plants_and_the_secrets_of_all_but_the_antagonist() -> None:
    cast = with_item(
        with_item(EXAMPLE[CAST], "characters", "c1", secret="She signed"), "characters", "c2", secret="He"
    )
    changed = with_item(EXAMPLE[WORLD], "rules", "r1", cost="The writer forgets a year")
    stale = impact(WORLD, EXAMPLE[WORLD], changed, {**EXAMPLE, CAST: cast})
    assert told(stale, CAST) == [("/characters/c1/secret", "derivation", "WORLDVIEW/rules/r1/cost")]
    assert told(stale, OUTLINE) == [("/plants/x1", "derivation", "WORLDVIEW/rules/r1/cost")]


def test_the_tension_in_the_world_reaches_the_antagonist_and_every_conflict() -> None:
    outline = with_item(EXAMPLE[OUTLINE], "chapters", "h2", conflict="Her book against his price")
    changed = EXAMPLE[WORLD].model_copy(update={"conflict": "The moon has stopped paying"})
    stale = impact(WORLD, EXAMPLE[WORLD], changed, {**EXAMPLE, OUTLINE: outline})
    assert told(stale, CAST) == [("/characters/c2/want", "derivation", "WORLDVIEW/conflict")]
    assert told(stale, OUTLINE) == [("/chapters/h2/conflict", "derivation", "WORLDVIEW/conflict")]


def test_a_want_reaches_the_chapters_of_whoever_wants() -> None:
    outline = with_item(EXAMPLE[OUTLINE], "chapters", "h1", conflict="Truth or bread")
    outline = with_item(outline, "chapters", "h2", conflict="A bargain", cast=("c2",))
    changed = with_item(EXAMPLE[CAST], "characters", "c1", want="Burn the book")
    stale = impact(CAST, EXAMPLE[CAST], changed, {**EXAMPLE, OUTLINE: outline})
    assert told(stale, OUTLINE) == [
        ("/threads/t1", "derivation", "CHARACTERS/characters/c1/want"),
        ("/chapters/h1/conflict", "derivation", "CHARACTERS/characters/c1/want"),
    ]


def test_a_new_point_of_view_and_length_reach_every_chapter() -> None:
    changed = EXAMPLE[STORY].model_copy(update={"pov": "omniscient", "target_words": 12_000})
    stale = impact(STORY, EXAMPLE[STORY], changed, EXAMPLE)
    assert {(path.rpartition("/")[2], because) for path, _, because in told(stale, OUTLINE)} == {
        ("pov", "STORY_CONCEPTION/pov"),
        ("words", "STORY_CONCEPTION/target_words"),
    }


def test_what_is_new_reaches_what_was_made_without_it() -> None:
    changed = EXAMPLE[WORLD].model_copy(
        update={"rules": (*examples.WORLD.rules, Rule(id="r2", name="Grey ink", statement="It can't be unwritten"))}
    )
    assert told(impact(WORLD, EXAMPLE[WORLD], changed, EXAMPLE), OUTLINE) == [
        ("/plants/x1", "derivation", "WORLDVIEW/rules/r2")
    ]


# -- reference


def test_a_removed_place_leaves_the_chapters_there_behind() -> None:
    two = examples.WORLD.model_copy(update={"places": (*examples.WORLD.places, Place(id="p2", name="The Shallows"))})
    outline = with_item(EXAMPLE[OUTLINE], "chapters", "h2", place="p2")
    stale = impact(WORLD, two, EXAMPLE[WORLD], {**EXAMPLE, OUTLINE: outline})
    assert told(stale, OUTLINE) == [("/chapters/h2/place", "reference", "WORLDVIEW/places/p2")]


def test_a_removed_person_is_missed_in_cast_and_text() -> None:
    cast = without(EXAMPLE[CAST], "characters", "c2")
    stale = impact(CAST, EXAMPLE[CAST], cast, EXAMPLE)
    found = told(stale, OUTLINE)
    for chapter in ("h1", "h2", "h3"):
        assert (f"/chapters/{chapter}/cast", "reference", "CHARACTERS/characters/c2") in found
    assert ("/chapters/h2/summary", "mention", "CHARACTERS/characters/c2") in found


def test_a_removed_faction_is_missed_by_its_members() -> None:
    stale = impact(WORLD, EXAMPLE[WORLD], without(EXAMPLE[WORLD], "factions", "f1"), EXAMPLE)
    assert ("/characters/c2/faction", "reference", "WORLDVIEW/factions/f1") in told(stale, CAST)


def test_a_renamed_place_needs_no_new_reference() -> None:
    changed = with_item(EXAMPLE[WORLD], "places", "p1", name="The Salt House", description="Empty now")
    assert impact(WORLD, EXAMPLE[WORLD], changed, EXAMPLE) == {}


# -- mention


def test_a_renamed_heroine_is_found_wherever_the_outline_calls_her_by_the_old_name() -> None:
    changed = with_item(EXAMPLE[CAST], "characters", "c1", name="Ada Varga")
    stale = impact(CAST, EXAMPLE[CAST], changed, EXAMPLE)
    assert told(stale, OUTLINE) == [("/chapters/h1/summary", "mention", "CHARACTERS/characters/c1/name")]


def test_a_part_of_a_name_counts_only_as_it_was_written_and_while_nobody_else_bears_it() -> None:
    hope = Cast(characters=(Character(id="c1", name="Hope Lane"), Character(id="c2", name="Tom Lane")))
    changed = with_item(hope, "characters", "c1", name="Faith Hill")
    outline = Outline(
        chapters=(
            Chapter(id="h1", summary="There is no hope in the lane."),
            Chapter(id="h2", summary="Lane goes home."),
            Chapter(id="h3", summary="They wait for Hope."),
            Chapter(id="h4", summary="HOPE LANE, says the stone."),
        )
    )
    assert [path for path, _, _ in told(impact(CAST, hope, changed, {OUTLINE: outline}), OUTLINE)] == [
        "/chapters/h3/summary",
        "/chapters/h4/summary",
    ]


def test_an_old_name_inside_the_new_one_is_no_mention() -> None:
    ilse = Cast(characters=(Character(id="c1", name="Ilse"),))
    changed = with_item(ilse, "characters", "c1", name="Ilse-Marie")
    outline = Outline(
        chapters=(Chapter(id="h1", summary="Ilse-Marie comes."), Chapter(id="h2", summary="Ilse comes."))
    )
    stale = impact(CAST, ilse, changed, {OUTLINE: outline})
    assert [path for path, _, _ in told(stale, OUTLINE)] == ["/chapters/h2/summary"]


def test_a_name_that_became_an_alias_is_still_a_name() -> None:
    changed = with_item(EXAMPLE[CAST], "characters", "c1", name="Ilse Holm", aliases=("Ilse Varga",))
    assert impact(CAST, EXAMPLE[CAST], changed, EXAMPLE) == {}


def test_a_dropped_alias_is_a_lost_name() -> None:
    before = with_item(EXAMPLE[CAST], "characters", "c1", aliases=("the Clerk",))
    outline = with_item(EXAMPLE[OUTLINE], "chapters", "h3", hook="Who follows the clerk?")
    stale = impact(CAST, before, EXAMPLE[CAST], {OUTLINE: outline})
    assert told(stale, OUTLINE) == [("/chapters/h3/hook", "mention", "CHARACTERS/characters/c1/aliases")]


def test_a_faction_is_known_without_its_article() -> None:
    changed = with_item(EXAMPLE[WORLD], "factions", "f1", name="The Buyers")
    cast = with_item(EXAMPLE[CAST], "characters", "c2", profile="Youngest Lessee, in grey")
    stale = impact(WORLD, EXAMPLE[WORLD], changed, {CAST: cast})
    assert told(stale, CAST) == [("/characters/c2/profile", "mention", "WORLDVIEW/factions/f1/name")]


def test_a_kind_is_not_taken_for_a_name() -> None:
    world = World(factions=(Faction(id="f1", name="Ally"),))
    cast = Cast(characters=(Character(id="c1", name="Tom", role="ally"),))
    assert impact(WORLD, world, with_item(world, "factions", "f1", name="Crew"), {CAST: cast}) == {}


def test_a_name_is_found_in_a_script_without_spaces() -> None:
    world = World(places=(Place(id="p1", name="潮楼"),))
    cast = Cast(characters=(Character(id="c1", profile="她在潮楼长大"),))
    stale = impact(WORLD, world, with_item(world, "places", "p1", name="盐楼"), {CAST: cast})
    assert [path for path, _, _ in told(stale, CAST)] == ["/characters/c1/profile"]


def test_another_title_is_found_in_later_texts() -> None:
    changed = examples.STORY.model_copy(update={"title": "Midsummer"})
    world = examples.WORLD.model_copy(update={"overview": "What the Salt Ledger says becomes true"})
    stale = impact(STORY, EXAMPLE[STORY], changed, {WORLD: world})
    assert told(stale, WORLD) == [("/overview", "mention", "STORY_CONCEPTION/title")]


# -- how it is told


def test_a_path_reached_in_several_ways_is_told_once_with_the_strongest() -> None:
    changed = with_item(EXAMPLE[WORLD], "factions", "f1", name="The Buyers")
    changed = changed.model_copy(update={"conflict": "Nobody owns anything"})
    cast = with_item(EXAMPLE[CAST], "characters", "c2", want="Lead the Lessees")
    stale = impact(WORLD, EXAMPLE[WORLD], changed, {CAST: cast})
    assert told(stale, CAST) == [("/characters/c2/want", "mention", "WORLDVIEW/factions/f1/name")]


def test_a_path_under_one_that_is_stale_as_a_whole_is_told_with_it() -> None:
    outline = with_item(EXAMPLE[OUTLINE], "threads", "t1", question="Did Anton Reyl know?")
    changed = with_item(EXAMPLE[CAST], "characters", "c2", name="Anton Brandt", want="Leave")
    found = told(impact(CAST, EXAMPLE[CAST], changed, {OUTLINE: outline}), OUTLINE)
    assert found[0] == ("/threads/t1", "mention", "CHARACTERS/characters/c2/name")
    assert not [path for path, _, _ in found if path.startswith("/threads/t1/")]


def test_more_than_a_stage_may_carry_falls_back_to_items_and_then_to_lists() -> None:
    changed = FULL[STORY].model_copy(update={"pov": "omniscient", "synopsis": "Another"})
    found = told(impact(STORY, FULL[STORY], changed, FULL), OUTLINE)
    assert [path for path, _, _ in found] == [
        "/structure",
        "/final_image",
        *(f"/acts/a{number}" for number in range(1, 7)),
        "/chapters",
    ]
    assert found[-1] == ("/chapters", "derivation", "STORY_CONCEPTION/pov")


def test_the_same_again_and_mere_white_space_are_no_change() -> None:
    spaced = examples.CONCEPTS[0].model_copy(update={"premise": f"  {examples.CONCEPTS[0].premise} \n"})
    assert impact(CONCEPT, EXAMPLE[CONCEPT], spaced, EXAMPLE) == {}
    turned = EXAMPLE[CAST].model_copy(update={"characters": examples.CAST.characters[::-1]})
    assert impact(CAST, EXAMPLE[CAST], turned, EXAMPLE) == {}


# -- whatever the change

NAMES = sorted(
    {each for content in EXAMPLE.values() for _, item in items(content) if (each := getattr(item, "name", ""))}
)
WRITTEN = st.one_of(
    st.sampled_from(["", " ", "Another", "The Buyers", "Reyl's sister", "s", "ss", "(x", "潮楼", *NAMES]),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
)


@st.composite
def edits(draw: st.DrawFn, content: Content) -> Content:
    """The content with fields rewritten, items dropped and items put in."""
    changed: dict[str, object] = {}
    for spec in specs(type(content)):
        if spec.text:
            changed |= draw(rewritten(content, spec.name))
        elif spec.items:
            kept = [draw(edited(item)) for item in getattr(content, spec.name) if draw(st.integers(0, 3))]
            if draw(st.booleans()):
                kept.append(spec.items(id=f"{spec.items.PREFIX}{draw(st.integers(70, 99))}"))
            changed[spec.name] = tuple(kept)
    return content.model_copy(update=changed)


def rewritten(item: Item, name: str) -> st.SearchStrategy[dict[str, object]]:
    listed = isinstance(getattr(item, name), tuple)
    value = st.lists(WRITTEN, max_size=4).map(tuple) if listed else WRITTEN
    return st.one_of(st.just({}), st.just({}), value.map(lambda drawn: {name: drawn}))


@st.composite
def edited(draw: st.DrawFn, item: Item) -> Item:
    changed: dict[str, object] = {}
    for spec in specs(type(item)):
        if spec.text:
            changed |= draw(rewritten(item, spec.name))
    return item.model_copy(update=changed)


@st.composite
def confirmed_anew(draw: st.DrawFn) -> tuple[Stage, Content, Content, dict[Stage, Content]]:
    shelf = draw(st.sampled_from([EXAMPLE, EXAMPLE, FULL]))
    stage = draw(st.sampled_from(ORDER))
    others = draw(st.sets(st.sampled_from(ORDER)))
    old = draw(edits(shelf[stage])) if shelf is EXAMPLE else shelf[stage]
    new = draw(edits(old)) if shelf is EXAMPLE else draw(st.sampled_from([CONTENT[stage](), EXAMPLE[stage]]))
    return stage, old, new, {each: shelf[each] for each in others}


def resolves(content: Content, path: str) -> bool:
    tokens = path.split("/")[1:]
    here: Any = content
    for token in tokens:
        if isinstance(here, tuple):
            here = next((each for each in here if each.id == token), None)
        else:
            here = getattr(here, token, None)
        if here is None:
            return False
    return True


@given(confirmed_anew())
def test_only_later_confirmed_stages_are_told_and_only_of_what_they_hold(
    case: tuple[Stage, Content, Content, dict[Stage, Content]],
) -> None:
    stage, old, new, confirmed = case
    stale = impact(stage, old, new, confirmed)
    assert list(stale) == [each for each in ORDER if each in stale]
    for later, reasons in stale.items():
        assert ORDER.index(later) > ORDER.index(stage)
        assert 0 < len(reasons) <= MAX_STALE
        for reason in reasons:
            assert resolves(confirmed[later], reason.path)
            where, _, inside = reason.because.partition("/")
            assert where == stage
            assert resolves(old, f"/{inside}") or resolves(new, f"/{inside}")
        paths = [reason.path for reason in reasons]
        assert len(set(paths)) == len(paths)
        assert not [one for one in paths for other in paths if one.startswith(f"{other}/")]


@given(confirmed_anew())
def test_equal_contents_reach_nothing_and_equal_changes_reach_the_same(
    case: tuple[Stage, Content, Content, dict[Stage, Content]],
) -> None:
    stage, old, new, confirmed = case
    again = CONTENT[stage].model_validate_json(new.model_dump_json())
    assert impact(stage, new, again, confirmed) == {}
    assert impact(stage, old, new, confirmed) == impact(stage, old, again, confirmed)


# -- stale already

PATHS = st.sampled_from(
    ["/structure", "/final_image", "/chapters", "/threads/t1"]
    + [f"/chapters/h{number}/{name}" for number in range(1, 31) for name in ("conflict", "words")]
    + [f"/plants/x{number}" for number in range(1, 25)]
)
REASONS = st.lists(
    st.builds(
        StaleReason,
        path=PATHS,
        because=st.sampled_from(["WORLDVIEW/conflict", "STORY_CONCEPTION/pov"]),
        kind=st.sampled_from(STRENGTH),
    ),
    max_size=120,
)


def covers(reasons: tuple[StaleReason, ...], one: StaleReason) -> bool:
    """True where something at this path or above it is said to be at least as surely stale."""
    return any(
        (one.path == each.path or one.path.startswith(f"{each.path}/"))
        and STRENGTH.index(each.kind) <= STRENGTH.index(one.kind)
        for each in reasons
    )


@settings(max_examples=200)
@given(REASONS, REASONS)
def test_what_comes_to_a_stale_stage_joins_what_was_there(before: list[StaleReason], more: list[StaleReason]) -> None:
    first = merge_stale((), before)
    both = merge_stale(first, more)
    assert len(both) <= MAX_STALE
    assert all(covers(both, each) for each in (*before, *more))
    assert merge_stale(both, more) == both
    assert merge_stale(both, ()) == both


def test_of_two_equally_sure_reasons_the_older_stays() -> None:
    one = StaleReason(path="/structure", because="STORY_CONCEPTION/ending", kind="derivation")
    other = one.model_copy(update={"because": "STORY_CONCEPTION/synopsis"})
    assert merge_stale((one,), (other,)) == (one,)
    stronger = other.model_copy(update={"kind": "mention"})
    assert merge_stale((one,), (stronger,)) == (stronger,)
