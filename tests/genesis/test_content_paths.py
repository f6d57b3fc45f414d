"""Paths name a place in a draft by ids, so that they still mean the same when lists change around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.content.catalog import Content
from genesis.content.paths import (
    BadPath,
    UnknownPath,
    collapse,
    covers,
    document,
    format_path,
    normalised,
    outermost,
    parse,
    resolve,
)
from genesis.session.stages import Stage
from tests.examples import CANDIDATES, OUTLINE, STORY, WORLD

TOKENS = st.lists(st.text(max_size=6))
PATHS = st.lists(
    st.builds(
        lambda *tokens: format_path(each for each in tokens if each),
        st.sampled_from(["rules", "places", "name"]),
        st.sampled_from(["", *(f"r{n}" for n in range(1, 13))]),
        st.sampled_from(["", "name", "cost", "limit"]),
    ),
    max_size=60,
)


@given(TOKENS)
def test_what_is_written_is_read_back(tokens: list[str]):
    assert parse(format_path(tokens)) == tuple(tokens)


def kept_as(stage: Stage, candidates: tuple[Content, ...], path: str) -> str:
    return normalised(stage, document(stage, candidates).walk(parse(path)))


def test_signs_inside_names_are_escaped_in_the_order_of_the_rfc():
    assert parse("/a~1b/m~0n/~01/") == ("a/b", "m~n", "~1", "")


@pytest.mark.parametrize("pointer", ["rules", "rules/r1", "/a~2b", "/a~"])
def test_what_is_no_pointer_is_refused(pointer: str):
    with pytest.raises(BadPath):
        parse(pointer)


def test_a_path_covers_what_lies_under_it_and_no_namesake():
    assert covers("/rules/r1", "/rules/r1")
    assert covers("/rules/r1", "/rules/r1/cost")
    assert covers("", "/rules")
    assert not covers("/rules/r1", "/rules/r10")
    assert not covers("/rules/r1/cost", "/rules/r1")


@given(TOKENS, TOKENS)
def test_covering_is_being_the_beginning(outer: list[str], inner: list[str]):
    assert covers(format_path(outer), format_path(inner)) == (inner[: len(outer)] == outer)
    assert covers(format_path(outer), format_path(outer + inner))


@given(PATHS)
def test_the_outermost_cover_all_and_none_covers_another(paths: list[str]):
    kept = outermost(paths)
    assert all(any(covers(each, path) for each in kept) for path in paths)
    assert not any(one != other and covers(one, other) for one in kept for other in kept)


def test_candidates_items_and_fields_are_found_by_id():
    assert (
        resolve(Stage.CONCEPT_SELECTION, CANDIDATES[Stage.CONCEPT_SELECTION], "/k2/title") == "A Lamp for the Drowned"
    )
    assert resolve(Stage.WORLDVIEW, (WORLD,), "/places/p1/held_by") == "f1"
    assert resolve(Stage.STORY_CONCEPTION, (STORY,), "/s1/themes/0") == STORY.themes[0]


def test_an_index_means_the_same_item_as_its_id_and_a_plain_list_is_named_whole():
    assert kept_as(Stage.PLOT_OUTLINE, (OUTLINE,), "/chapters/1/title") == "/chapters/h2/title"
    assert kept_as(Stage.PLOT_OUTLINE, (OUTLINE,), "/chapters/1/cast/0") == "/chapters/h2/cast"
    assert kept_as(Stage.STORY_CONCEPTION, (STORY,), "/0/themes/0") == "/s1/themes"
    assert kept_as(Stage.WORLDVIEW, (WORLD,), "") == ""


@pytest.mark.parametrize(
    "pointer", ["/colour", "/chapters/h9", "/chapters/3", "/chapters/-", "/chapters/01", "/chapters/h1/title/x", "/"]
)
def test_what_is_not_there_is_not_found(pointer: str):
    with pytest.raises(UnknownPath):
        resolve(Stage.PLOT_OUTLINE, (OUTLINE,), pointer)


@given(PATHS, st.integers(min_value=3, max_value=40))
def test_collapsed_paths_are_few_and_cover_all(paths: list[str], limit: int):
    kept = collapse(Stage.WORLDVIEW, paths, limit)
    assert len(kept) <= limit, "three fields are the most that these paths can come down to"
    assert all(any(covers(each, path) for each in kept) for path in paths)


@given(PATHS)
def test_few_paths_are_left_as_they_are(paths: list[str]):
    assert collapse(Stage.WORLDVIEW, paths) == outermost(paths)


def test_only_the_fullest_items_lose_their_detail():
    paths = [f"/chapters/h{n}/{field}" for n in range(1, 60) for field in ("title", "summary", "hook")]
    paths += [f"/chapters/h1/{field}" for field in ("conflict", "change", "tension", "words", "act", "pov")]
    paths += [f"/plants/x{n}/text" for n in range(1, 25)]
    kept = collapse(Stage.PLOT_OUTLINE, paths)
    assert len(kept) <= 200
    assert "/chapters/h1" in kept
    assert "/chapters/h59/title" in kept
    assert "/plants/x24/text" in kept


def test_in_a_stage_with_a_choice_paths_collapse_to_candidates():
    paths = ["/k1/title", "/k1/hook", "/k2/title"]
    assert collapse(Stage.CONCEPT_SELECTION, paths, 2) == ("/k1", "/k2/title")
