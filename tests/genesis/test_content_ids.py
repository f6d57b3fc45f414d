"""Ids are given by code: a letter and a number, never used twice in a session; references follow."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from genesis.content.cast import Cast, Character, Relationship
from genesis.content.concept import Concept
from genesis.content.fields import specs
from genesis.content.ids import ids_of, items, renumber
from genesis.content.outline import Act, Chapter, Outline, Plant, Thread
from genesis.content.world import Faction, Lore, Place, Rule, World
from genesis.session.stages import Stage

NAMES = st.sampled_from(["", "1", "2", "f1", "f2", "p1", "r1", "thing", "f7"])


def worlds() -> st.SearchStrategy[World]:
    factions = st.builds(Faction, id=NAMES, name=st.just("F"), rivals=st.lists(NAMES, max_size=3).map(tuple))
    places = st.builds(Place, id=NAMES, name=st.just("P"), held_by=NAMES)
    lore = st.builds(Lore, id=NAMES, name=st.just("L"), about=st.lists(NAMES, max_size=3).map(tuple))
    rules = st.builds(Rule, id=NAMES, name=st.just("R"))
    return st.builds(
        World,
        id=NAMES,
        factions=st.lists(factions, max_size=4).map(tuple),
        places=st.lists(places, max_size=4).map(tuple),
        lore=st.lists(lore, max_size=4).map(tuple),
        rules=st.lists(rules, max_size=4).map(tuple),
    )


def references(world: World) -> list[str]:
    found = []
    for _, item in items(world):
        for spec in specs(type(item)):
            if spec.refers:
                value = getattr(item, spec.name)
                found += [value] if isinstance(value, str) else list(value)
    return [each for each in found if each]


@given(st.lists(worlds(), min_size=1, max_size=4))
def test_no_id_is_ever_given_twice_in_a_session(rounds: list[World]) -> None:
    counters: dict[str, int] = {}
    given_ids: Counter[str] = Counter()
    for arriving in rounds:
        (world,), counters = renumber(Stage.WORLDVIEW, [arriving], counters, ())
        every = [world.id, *(item.id for _, item in items(world))]
        assert all(re.fullmatch(r"[a-z][1-9]\d*", each) for each in every)
        given_ids.update(every)
    assert max(given_ids.values()) == 1


@given(worlds())
def test_every_reference_names_something_that_is_there(arriving: World) -> None:
    (world,), _ = renumber(Stage.WORLDVIEW, [arriving], {"f": 5}, ())
    assert set(references(world)) <= ids_of(world)


@given(worlds())
def test_renumbering_changes_ids_and_nothing_else(arriving: World) -> None:
    (world,), _ = renumber(Stage.WORLDVIEW, [arriving], {}, ())
    assert [(name, getattr(item, "name", "")) for name, item in items(world)] == [
        (name, getattr(item, "name", "")) for name, item in items(arriving)
    ]


@given(worlds())
def test_items_kept_from_the_parent_round_keep_their_ids(arriving: World) -> None:
    (world,), counters = renumber(Stage.WORLDVIEW, [arriving], {}, ())
    (again,), after = renumber(Stage.WORLDVIEW, [world], counters, (), kept=ids_of(world))
    assert again == world
    assert after == counters


def test_references_follow_what_they_name() -> None:
    cast = Cast(
        characters=(Character(id="a", name="Ada", faction="f3"), Character(id="b", name="Tib", faction="f9")),
        relationships=(Relationship(id="x", a="b", b="a"),),
    )
    (given_cast,), counters = renumber(Stage.CHARACTERS, [cast], {"c": 4}, {"f3"})
    ada, tib = given_cast.characters
    assert (ada.id, tib.id) == ("c5", "c6")
    assert (given_cast.relationships[0].a, given_cast.relationships[0].b) == ("c6", "c5")
    assert (ada.faction, tib.faction) == ("f3", ""), "a reference to another stage is kept only when it is known"
    assert counters == {"e": 1, "c": 6, "b": 1}


def test_one_name_in_two_lists_means_two_things() -> None:
    outline = Outline(
        acts=(Act(id="1", name="A"),),
        threads=(Thread(id="1", title="T", closes_in="1"),),
        chapters=(Chapter(id="1", act="1", threads=("1",)),),
        plants=(Plant(id="1", text="X", planted_in="1"),),
    )
    (given_outline,), _ = renumber(Stage.PLOT_OUTLINE, [outline], {}, ())
    assert given_outline.chapters[0].act == "a1"
    assert given_outline.chapters[0].threads == ("t1",)
    assert given_outline.threads[0].closes_in == "h1"
    assert given_outline.plants[0].planted_in == "h1"


def test_candidates_of_one_proposal_may_be_derived_from_each_other() -> None:
    concepts = [Concept(id="one"), Concept(id="two", derived_from=("one", "gone"))]
    given_concepts, _ = renumber(Stage.CONCEPT_SELECTION, concepts, {}, ())
    assert given_concepts[1].derived_from == ("k1",)


def test_a_blend_is_derived_from_candidates_of_former_rounds() -> None:
    (blend,), counters = renumber(
        Stage.CONCEPT_SELECTION, [Concept(id="k1", derived_from=("k1", "k3"))], {"k": 3}, ()
    )
    assert blend.id == "k4"
    assert blend.derived_from == ("k1", "k3")
    assert counters == {"k": 4}
