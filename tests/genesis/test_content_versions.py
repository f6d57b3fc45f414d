"""A blend stands beside its parents; a merge is copied by code into one candidate."""

import pytest

from genesis.content.catalog import MAX_CANDIDATES
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.content.versions import MergeRefused, NoRoomForBlend, Take, blended, merged
from genesis.session.stages import Stage

CONCEPTS = tuple(Concept(id=f"k{n}", title=f"Title {n}", hook=f"Hook {n}", tags=(f"t{n}",)) for n in range(1, 6))
FULL = MAX_CANDIDATES[Stage.CONCEPT_SELECTION]


def ids(candidates: tuple[Concept, ...]) -> list[str]:
    return [each.id for each in candidates]


def test_a_blend_comes_first_and_knows_its_sources():
    result = blended(CONCEPTS[:3], Concept(id="k6", title="Both"), ("k1", "k3"), (), FULL)
    assert ids(result) == ["k6", "k1", "k2", "k3"]
    assert result[0].derived_from == ("k1", "k3")


def test_where_the_stage_is_full_what_nobody_touched_or_blended_gives_way():
    result = blended(CONCEPTS, Concept(id="k6"), ("k1", "k5"), ("/k4/title",), FULL)
    assert ids(result) == ["k6", "k1", "k2", "k4", "k5"]


def test_a_source_gives_way_before_a_locked_candidate():
    result = blended(CONCEPTS, Concept(id="k6"), ("k1", "k5"), ("/k2", "/k3/hook", "/k4/title", "/k4/hook"), FULL)
    assert ids(result) == ["k6", "k1", "k2", "k3", "k4"]


def test_a_blend_never_pushes_out_what_is_locked():
    with pytest.raises(NoRoomForBlend):
        blended(CONCEPTS, Concept(id="k6"), ("k1",), [f"/{each.id}/title" for each in CONCEPTS], FULL)


def test_a_lock_on_the_tenth_candidate_is_none_on_the_first():
    parents = (Concept(id="k1"), Concept(id="k10"), Concept(id="k11"))
    assert ids(blended(parents, Concept(id="k12"), (), ("/k10", "/k11"), 3)) == ["k12", "k10", "k11"]


def test_a_merge_copies_fields_into_the_base_and_leaves_the_others_alone():
    result = merged(CONCEPTS, "k2", [Take(field="hook", source="k1"), Take(field="tags", source="k3")])
    assert (result[1].id, result[1].title, result[1].hook, result[1].tags) == ("k2", "Title 2", "Hook 1", ("t3",))
    assert result[1].derived_from == ("k2", "k1", "k3")
    assert (result[0], result[2:]) == (CONCEPTS[0], CONCEPTS[2:])


def test_a_merge_that_takes_nothing_from_others_changes_nothing():
    assert merged(CONCEPTS, "k2", []) == CONCEPTS
    assert merged(CONCEPTS, "k2", [Take(field="hook", source="k2")]) == CONCEPTS


def test_stories_merge_too_and_have_no_place_for_their_sources():
    one, other = Story(id="s1", title="One", themes=("a",)), Story(id="s2", title="Two", themes=("b",))
    assert merged((one, other), "s1", [Take(field="themes", source="s2")])[0] == Story(
        id="s1", title="One", themes=("b",)
    )


@pytest.mark.parametrize(
    ("base", "take", "code"),
    [
        ("k9", [], "unknown_candidate"),
        ("k1", [("hook", "k9")], "unknown_candidate"),
        ("k1", [("colour", "k2")], "unknown_field"),
        ("k1", [("id", "k2")], "unknown_field"),
        ("k1", [("derived_from", "k2")], "unknown_field"),
        ("k1", [("hook", "k2"), ("hook", "k3")], "field_twice"),
        ("k1", [("hook", "k2"), ("title", "k3"), ("tone", "k4")], "too_many_sources"),
    ],
)
def test_a_merge_that_can_not_be_done_is_refused(base: str, take: list[tuple[str, str]], code: str):
    with pytest.raises(MergeRefused) as caught:
        merged(CONCEPTS, base, [Take(field=field, source=source) for field, source in take])
    assert caught.value.code == code


def test_a_take_travels_with_the_word_from():
    raw = {"field": "hook", "from": "k2"}
    assert Take.model_validate(raw).model_dump(mode="json") == raw
