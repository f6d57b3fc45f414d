"""Locks are code: whatever a provider brings, what the person locked or edited stands as it stood."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from genesis.content.catalog import MAX_CANDIDATES, Content
from genesis.content.concept import Concept
from genesis.content.fields import specs
from genesis.content.ids import items
from genesis.content.locks import keep
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.paths import NUMBER, UnknownPath, covers, document, parse, resolve
from genesis.content.world import Faction, Place, Rule, World
from genesis.session.stages import Stage
from tests.examples import CANDIDATES, CONCEPTS, OUTLINE, WORLD


def chapters(*ids: str, **fields: Any) -> tuple[Chapter, ...]:
    return tuple(Chapter(id=each, no=no, title=f"Chapter {each}", **fields) for no, each in enumerate(ids, start=1))


def kept_outline(
    parent: Outline, result: Outline, *protected: str, open_paths: Sequence[str] | None = None
) -> Outline:
    (content,) = keep(Stage.PLOT_OUTLINE, (parent,), (result,), protected, open_paths)
    assert isinstance(content, Outline)
    return content


def kept_world(result: World, *protected: str, open_paths: Sequence[str] | None = None) -> World:
    (content,) = keep(Stage.WORLDVIEW, (WORLD,), (result,), protected, open_paths)
    assert isinstance(content, World)
    return content


def test_a_locked_field_stands_in_a_new_round():
    result = World(id="w2", name="Elsewhere", era="now", rules=(Rule(id="r1", name="Bought tides", cost="Nothing"),))
    world = kept_world(result, "/name", "/rules/r1/cost")
    assert (world.name, world.era) == ("Mornay", "now")
    assert (world.rules[0].name, world.rules[0].cost) == ("Bought tides", "The writer forgets a day")


def test_a_locked_part_of_a_lost_item_brings_the_whole_item_back():
    world = kept_world(World(id="w2", rules=(Rule(id="r2", name="New"),)), "/rules/r1/cost")
    assert world.rules == (WORLD.rules[0], Rule(id="r2", name="New"))


def test_a_locked_list_takes_no_newcomers():
    world = kept_world(World(id="w2", rules=(Rule(id="r2", name="New"),)), "/rules")
    assert world.rules == WORLD.rules


def test_what_a_kept_place_names_comes_back_with_it():
    world = kept_world(World(id="w2", factions=(Faction(id="f2", name="New"),)), "/places/p1")
    assert [each.id for each in world.places] == ["p1"]
    assert [each.id for each in world.factions] == ["f1", "f2"]


def test_where_there_is_no_room_the_reference_is_left_to_the_checks():
    full = World(id="w2", factions=tuple(Faction(id=f"f{n}", name=f"F{n}") for n in range(2, 10)))
    world = kept_world(full, "/places/p1")
    assert world.factions == full.factions
    assert world.places[0].held_by == "f1"


def test_a_lost_chapter_comes_back_behind_its_neighbour_and_all_are_counted():
    parent = Outline(id="o1", chapters=chapters("h1", "h2", "h3"))
    outline = kept_outline(parent, Outline(id="o2", chapters=chapters("h1", "h3", "h4")), "/chapters/h2")
    assert [(each.id, each.no) for each in outline.chapters] == [("h1", 1), ("h2", 2), ("h3", 3), ("h4", 4)]


def test_locked_chapters_keep_their_order_among_themselves():
    parent = Outline(id="o1", chapters=chapters("h1", "h2", "h3"))
    result = Outline(id="o2", chapters=chapters("h3", "h4", "h1"))
    outline = kept_outline(parent, result, "/chapters/h1", "/chapters/h3")
    assert [each.id for each in outline.chapters] == ["h1", "h4", "h3"]


def test_over_the_cap_the_last_unprotected_chapters_give_way_and_nothing_names_them():
    parent = Outline(id="o1", chapters=chapters("h1", "h2"))
    new = Outline(
        id="o2",
        chapters=chapters(*(f"h{n}" for n in range(3, 63))),
        plants=(Plant(id="x1", text="A bell", planted_in="h3", paid_in="h62"),),
    )
    outline = kept_outline(parent, new, "/chapters/h1", "/chapters/h2/title")
    assert len(outline.chapters) == 60
    assert {"h1", "h2", "h60"} <= {each.id for each in outline.chapters}
    assert not {"h61", "h62"} & {each.id for each in outline.chapters}
    assert (outline.plants[0].planted_in, outline.plants[0].paid_in) == ("h3", "")


def test_what_something_locked_names_gives_way_last():
    parent = Outline(id="o1", acts=(Act(id="a1"), Act(id="a2")), chapters=chapters("h1", act="a2"))
    result = Outline(id="o2", acts=tuple(Act(id=f"a{n}") for n in (3, 4, 5, 6, 7, 2)), chapters=chapters("h9"))
    outline = kept_outline(parent, result, "/chapters/h1", "/acts/a1")
    assert [each.id for each in outline.acts] == ["a3", "a4", "a5", "a6", "a1", "a2"]


def test_a_companion_brings_nothing_further():
    parent = Outline(
        id="o1",
        threads=(Thread(id="t1", title="Who sold it", closes_in="h2"),),
        chapters=chapters("h1", threads=("t1",)) + chapters("h2"),
    )
    outline = kept_outline(parent, Outline(id="o2", chapters=chapters("h7")), "/chapters/h1")
    assert {each.id for each in outline.chapters} == {"h1", "h7"}
    assert outline.threads == (Thread(id="t1", title="Who sold it", closes_in=""),)


def test_only_the_open_chapter_is_taken():
    result = OUTLINE.model_copy(update={"chapters": chapters("h1", "h2", "h9"), "final_image": "other", "plants": ()})
    outline = kept_outline(OUTLINE, result, open_paths=["/chapters/h2"])
    assert outline.chapters[1].title == "Chapter h2"
    assert outline.model_copy(update={"chapters": ()}) == OUTLINE.model_copy(update={"chapters": ()})
    assert (outline.chapters[0], outline.chapters[2]) == (OUTLINE.chapters[0], OUTLINE.chapters[2])


def test_an_open_chapter_loses_references_to_what_is_not_taken_with_it():
    result = Outline(threads=(Thread(id="t9"),), chapters=chapters("h2", threads=("t1", "t9"), act="a1"))
    outline = kept_outline(OUTLINE, result, open_paths=["/chapters/h2"])
    assert outline.chapters[1].threads == ("t1",)


def test_a_lock_inside_an_open_item_holds():
    result = World(rules=(Rule(id="r1", name="Other", cost="Other"),))
    world = kept_world(result, "/rules/r1/name", open_paths=["/rules/r1"])
    assert (world.rules[0].name, world.rules[0].cost) == ("Sold tides", "Other")


def test_an_open_path_that_the_result_lacks_leaves_what_was():
    assert kept_world(World(places=(Place(id="p9"),)), open_paths=["/rules/r1", "/places/p1/detail"]) == WORLD


def test_a_candidate_made_anew_needs_no_matching_id():
    fresh = Concept(id="k3", title="A Bell for Nobody")
    concepts = keep(Stage.CONCEPT_SELECTION, CONCEPTS, (fresh,), ("/k2/hook",), ["/k2"])
    assert concepts == (CONCEPTS[0], fresh.model_copy(update={"id": "k2", "hook": CONCEPTS[1].hook}))


def test_a_locked_candidate_stands_beside_the_new_ones():
    fresh = tuple(Concept(id=f"k{n}", title=f"New {n}") for n in range(3, 8))
    concepts = keep(Stage.CONCEPT_SELECTION, CONCEPTS, fresh, ("/k2/title",))
    assert [each.id for each in concepts] == ["k3", "k2", "k4", "k5", "k6"]
    assert concepts[1] == CONCEPTS[1]


def test_a_lock_on_a_theme_holds_all_themes():
    parent, fresh = CANDIDATES[Stage.STORY_CONCEPTION], CANDIDATES[Stage.STORY_CONCEPTION][0]
    other = fresh.model_copy(update={"themes": ("Else", "Where")})
    assert keep(Stage.STORY_CONCEPTION, parent, (other,), ("/s1/themes/0",)) == parent


# Outlines over few ids meet often: the same items in both, in part, in another order, over the cap.
def outlines() -> st.SearchStrategy[Outline]:
    def some(prefix: str, most: int, cap: int) -> st.SearchStrategy[list[str]]:
        names = [f"{prefix}{n}" for n in range(1, most)]
        return st.lists(st.sampled_from(names), unique=True, max_size=cap)

    def chosen(names: list[str]) -> st.SearchStrategy[str]:
        return st.sampled_from(["", *names])

    @st.composite
    def drawn(draw: st.DrawFn) -> Outline:
        acts, threads, hs = draw(some("a", 12, 6)), draw(some("t", 14, 8)), draw(some("h", 8, 60))
        text = st.sampled_from(["one", "two", "three"])
        return Outline(
            id=draw(st.sampled_from(["o1", "o2"])),
            final_image=draw(text),
            acts=tuple(Act(id=each, name=draw(text)) for each in acts),
            threads=tuple(Thread(id=each, title=draw(text), closes_in=draw(chosen(hs))) for each in threads),
            chapters=tuple(
                Chapter(
                    id=each,
                    no=no,
                    title=draw(text),
                    act=draw(chosen(acts)),
                    threads=tuple(
                        draw(st.lists(st.sampled_from(threads), unique=True, max_size=4)) if threads else ()
                    ),
                )
                for no, each in enumerate(hs, start=1)
            ),
        )

    return drawn()


FIELDS = ["/final_image", "/acts", "/threads", "/chapters"]
ITEMS = [f"/acts/a{n}" for n in range(1, 12)] + [f"/threads/t{n}" for n in range(1, 14)]
ITEMS += [f"/chapters/h{n}" for n in range(1, 8)]
PARTS = [f"/acts/a{n}/name" for n in range(1, 12)] + [f"/chapters/h{n}/act" for n in range(1, 8)]
PARTS += [f"/threads/t{n}/closes_in" for n in range(1, 14)] + [f"/chapters/h{n}/threads" for n in range(1, 8)]
PATHS = st.lists(st.sampled_from(FIELDS) | st.sampled_from(ITEMS) | st.sampled_from(PARTS), max_size=8)
OPEN = st.none() | PATHS


def uncounted(value: Any) -> Any:
    """Without `no`, which counts the list and is nobody's own."""
    if isinstance(value, dict):
        return {name: uncounted(each) for name, each in value.items() if name != NUMBER}
    return [uncounted(each) for each in value] if isinstance(value, list) else value


def values(content: Content, paths: Iterable[str]) -> dict[str, Any]:
    """The JSON values under those of these paths that the content has."""
    root, found = document(Stage.PLOT_OUTLINE, (content,)), {}
    for path in paths:
        with suppress(UnknownPath):
            found[path] = uncounted(root.walk(parse(path)).value)
    return found


@given(outlines(), outlines(), PATHS, OPEN)
def test_what_is_protected_survives(parent: Outline, result: Outline, protected: list[str], opened: list[str] | None):
    (kept,) = keep(Stage.PLOT_OUTLINE, (parent,), (result,), protected, opened)
    stood = values(parent, protected)
    assert values(kept, stood) == stood


@given(outlines(), outlines(), PATHS, PATHS)
def test_nothing_outside_the_open_paths_changes(
    parent: Outline, result: Outline, protected: list[str], opened: list[str]
):
    (kept,) = keep(Stage.PLOT_OUTLINE, (parent,), (result,), protected, opened)
    stood = values(parent, FIELDS + ITEMS + PARTS)
    for path in list(stood):
        if any(covers(each, path) or covers(path, each) for each in opened):
            del stood[path]
    assert values(kept, stood) == stood


@given(outlines(), outlines(), PATHS, OPEN)
def test_keeping_twice_is_keeping_once(
    parent: Outline, result: Outline, protected: list[str], opened: list[str] | None
):
    kept = keep(Stage.PLOT_OUTLINE, (parent,), (result,), protected, opened)
    assert keep(Stage.PLOT_OUTLINE, (parent,), kept, protected, opened) == kept


@given(outlines(), PATHS, OPEN)
def test_a_parent_kept_over_itself_is_itself(parent: Outline, protected: list[str], opened: list[str] | None):
    assert keep(Stage.PLOT_OUTLINE, (parent,), (parent,), protected, opened) == (parent,)


@given(outlines(), outlines())
def test_without_locks_a_result_is_taken_as_it_came(parent: Outline, result: Outline):
    assert keep(Stage.PLOT_OUTLINE, (parent,), (result,), ()) == (result,)


@given(outlines(), outlines(), PATHS, OPEN)
def test_lists_keep_to_their_caps_and_ids_stand_once(
    parent: Outline, result: Outline, protected: list[str], opened: list[str] | None
):
    (kept,) = keep(Stage.PLOT_OUTLINE, (parent,), (result,), protected, opened)
    ids = [item.id for _, item in items(kept)]
    assert len(ids) == len(set(ids))
    for spec in specs(Outline):
        if spec.items:
            assert len(getattr(kept, spec.name)) <= spec.cap
    assert isinstance(kept, Outline)
    assert [each.no for each in kept.chapters] == list(range(1, len(kept.chapters) + 1))


CONCEPT_DRAFTS = st.lists(
    st.sampled_from([f"k{n}" for n in range(1, 9)]), unique=True, min_size=1, max_size=5
).flatmap(
    lambda ids: st.tuples(*(st.builds(Concept, id=st.just(each), title=st.text("abc", max_size=3)) for each in ids))
)
CONCEPT_PATHS = st.lists(
    st.sampled_from([f"/k{n}{part}" for n in range(1, 9) for part in ("", "/title")]), max_size=5
)


@given(CONCEPT_DRAFTS, CONCEPT_DRAFTS, CONCEPT_PATHS, st.none() | CONCEPT_PATHS)
def test_candidates_keep_the_same_rules(
    parent: tuple[Concept, ...], result: tuple[Concept, ...], protected: list[str], opened: list[str] | None
):
    stage = Stage.CONCEPT_SELECTION
    kept = keep(stage, parent, result, protected, opened)
    assert len(kept) <= MAX_CANDIDATES[stage]
    assert keep(stage, parent, kept, protected, opened) == kept
    assert keep(stage, parent, parent, protected, opened) == parent
    names = {each.id for each in parent}
    for path in protected:
        if path.split("/")[1] in names:
            assert resolve(stage, kept, path) == resolve(stage, parent, path)
