"""An edit by the person: RFC 6902 operations, all or none, with ids given by code."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from genesis.content.catalog import Content
from genesis.content.ids import ids_of, items
from genesis.content.operations import MAX_VALUE, Operation, PatchRefused
from genesis.content.outline import Outline
from genesis.content.patch import Patched, apply_patch
from genesis.content.paths import UnknownPath, resolve
from genesis.content.world import World
from genesis.session.stages import Stage
from tests.examples import CANDIDATES, CONCEPTS, OUTLINE, WORLD

COUNTERS = {"k": 2, "s": 1, "w": 1, "r": 1, "p": 1, "f": 1, "l": 0, "e": 1, "c": 2, "b": 1}
COUNTERS |= {"o": 1, "a": 1, "t": 1, "h": 3, "x": 1}


def op(kind: str, path: str, value: Any = None, source: str | None = None) -> Operation:
    return Operation.model_validate({"op": kind, "path": path, "value": value, "from": source})


def patched(stage: Stage, *operations: Operation, draft: tuple[Content, ...] | None = None) -> Patched:
    return apply_patch(stage, CANDIDATES[stage] if draft is None else draft, operations, COUNTERS)


def refused(stage: Stage, *operations: Operation, draft: tuple[Content, ...] | None = None) -> PatchRefused:
    with pytest.raises(PatchRefused) as caught:
        patched(stage, *operations, draft=draft)
    assert str(caught.value).endswith(".")
    return caught.value


def world(edit: Patched) -> World:
    (content,) = edit.candidates
    assert isinstance(content, World)
    return content


def outline(edit: Patched) -> Outline:
    (content,) = edit.candidates
    assert isinstance(content, Outline)
    return content


def test_one_field_is_rewritten():
    edit = patched(Stage.WORLDVIEW, op("replace", "/rules/r1/cost", "A year of memory"))
    assert world(edit).rules[0].cost == "A year of memory"
    assert edit.touched == ("/rules/r1/cost",)
    assert edit.counters == COUNTERS


def test_own_text_begins_an_empty_choice():
    edit = patched(Stage.CONCEPT_SELECTION, op("add", "/-", {"title": "My Bell"}), draft=())
    assert [
        (each.id, resolve(Stage.CONCEPT_SELECTION, edit.candidates, "/k3/title")) for each in edit.candidates
    ] == [("k3", "My Bell")]
    assert edit.touched == ("/k3",)
    assert edit.counters["k"] == 3


def test_own_text_fills_an_empty_world():
    edit = patched(
        Stage.WORLDVIEW,
        op("replace", "/name", "Harrow"),
        op("add", "/factions/-", {"id": "wardens", "name": "Wardens"}),
        op("add", "/places/-", {"name": "Foundry", "held_by": "wardens"}),
        op("replace", "/factions/wardens/goal", "Melt the bells"),
        draft=(),
    )
    assert (world(edit).id, world(edit).name) == ("w2", "Harrow")
    assert (world(edit).factions[0].id, world(edit).factions[0].goal) == ("f2", "Melt the bells")
    assert world(edit).places[0].held_by == "f2"
    assert edit.touched == ("/name", "/factions/f2", "/places/p2")


def test_chapters_count_themselves_when_one_is_put_between():
    edit = patched(Stage.PLOT_OUTLINE, op("add", "/chapters/h2", {"title": "Between", "act": "a1", "no": 40}))
    assert [(each.id, each.no) for each in outline(edit).chapters] == [("h1", 1), ("h4", 2), ("h2", 3), ("h3", 4)]
    assert edit.touched == ("/chapters/h4",)


def test_a_chapter_that_moves_keeps_its_id():
    edit = patched(Stage.PLOT_OUTLINE, op("move", "/chapters/0", source="/chapters/h3"))
    assert [(each.id, each.no) for each in outline(edit).chapters] == [("h3", 1), ("h1", 2), ("h2", 3)]
    assert edit.touched == ("/chapters/h3",)
    assert edit.removed == ()


def test_a_removed_item_is_told_and_what_names_it_is_left_to_the_checks():
    edit = patched(Stage.WORLDVIEW, op("remove", "/factions/f1"), op("replace", "/name", "Mornay Sound"))
    assert world(edit).places[0].held_by == "f1"
    assert (edit.touched, edit.removed) == (("/name",), ("/factions/f1",))
    again = patched(Stage.WORLDVIEW, op("add", "/places/-", {"name": "Quay", "held_by": "f1"}), draft=edit.candidates)
    assert world(again).places[1].held_by == "f1"


def test_an_item_taken_out_and_put_in_again_by_one_patch_is_the_same_item():
    value = resolve(Stage.PLOT_OUTLINE, (OUTLINE,), "/chapters/h1")
    edit = patched(Stage.PLOT_OUTLINE, op("remove", "/chapters/h1"), op("add", "/chapters/-", value))
    assert [each.id for each in outline(edit).chapters] == ["h2", "h3", "h1"]
    assert edit.removed == ()


def test_a_replaced_item_keeps_its_id_and_loses_what_the_value_leaves_out():
    edit = patched(Stage.WORLDVIEW, op("replace", "/rules/0", {"name": "Owed tides"}))
    assert (world(edit).rules[0].id, world(edit).rules[0].name, world(edit).rules[0].cost) == ("r1", "Owed tides", "")


def test_an_element_of_a_plain_list_touches_the_list():
    edit = patched(
        Stage.STORY_CONCEPTION, op("add", "/s1/themes/-", "Salt keeps"), op("test", "/s1/themes/1", "Salt keeps")
    )
    assert edit.touched == ("/s1/themes",)


def test_a_removed_field_is_empty_and_touched():
    edit = patched(Stage.CONCEPT_SELECTION, op("remove", "/k2/hook"))
    assert resolve(Stage.CONCEPT_SELECTION, edit.candidates, "/k2/hook") == ""
    assert edit.touched == ("/k2/hook",)


def test_what_is_written_as_it_was_is_not_touched():
    assert patched(Stage.CONCEPT_SELECTION, op("replace", "/k1/title", CONCEPTS[0].title)).touched == ()


def test_a_whole_world_may_be_replaced():
    value = {"name": "Elsewhere", "rules": [{"id": "r1", "name": "Kept"}, {"name": "New"}]}
    edit = patched(Stage.WORLDVIEW, op("replace", "", value))
    assert (world(edit).id, [each.id for each in world(edit).rules]) == ("w1", ["r1", "r2"])
    assert edit.removed == ("/places/p1", "/factions/f1")
    assert edit.touched == ("/name", "/era", "/overview", "/conflict", "/rules", "/places", "/factions")


@pytest.mark.parametrize(
    ("stage", "operation", "code"),
    [
        (Stage.WORLDVIEW, op("replace", "name", "x"), "bad_path"),
        (Stage.WORLDVIEW, op("replace", "/na~me", "x"), "bad_path"),
        (Stage.WORLDVIEW, op("replace", "/colour", "x"), "unknown_field"),
        (Stage.WORLDVIEW, op("add", "/rules/-", {"colour": "x"}), "unknown_field"),
        (Stage.WORLDVIEW, op("replace", "/rules/r7/cost", "x"), "unknown_path"),
        (Stage.WORLDVIEW, op("replace", "/rules/-", {"name": "x"}), "unknown_path"),
        (Stage.WORLDVIEW, op("add", "/rules/2", {"name": "x"}), "unknown_path"),
        (Stage.WORLDVIEW, op("replace", "/name/x", "x"), "unknown_path"),
        (Stage.WORLDVIEW, op("remove", "/name/0"), "unknown_path"),
        (Stage.WORLDVIEW, op("move", "/era", source="/name/0"), "unknown_path"),
        (Stage.WORLDVIEW, op("replace", "/rules/r1/id", "r2"), "id_fixed"),
        (Stage.WORLDVIEW, op("replace", "/rules/r1", {"id": "r2"}), "id_fixed"),
        (Stage.WORLDVIEW, op("add", "/rules/-", {"id": "r1"}), "id_twice"),
        (Stage.CHARACTERS, op("add", "/relationships/-", {"id": "c1"}), "id_twice"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/no", 3), "number_fixed"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/tension", "5"), "bad_value"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/tension", True), "bad_value"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/tension", 11), "bad_value"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/threads", ["t2"]), "unknown_id"),
        (Stage.PLOT_OUTLINE, op("replace", "/chapters/h1/act", "t1"), "unknown_id"),
        (Stage.PLOT_OUTLINE, op("move", "/threads/-", source="/acts/a1"), "bad_move"),
        (Stage.PLOT_OUTLINE, op("move", "/acts/a1/name", source="/acts/a1"), "bad_move"),
        (Stage.STORY_CONCEPTION, op("replace", "/s1/pov", "second"), "bad_value"),
        (Stage.STORY_CONCEPTION, op("replace", "/s1/title", "x" * 81), "bad_value"),
        (Stage.STORY_CONCEPTION, op("replace", "/s1/themes", ["x"] * 5), "too_many"),
        (Stage.STORY_CONCEPTION, op("remove", "/s1"), "not_removable"),
        (Stage.STORY_CONCEPTION, op("remove", ""), "not_removable"),
        (Stage.STORY_CONCEPTION, op("test", "/s1/target_words", True), "test_failed"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(stage: Stage, operation: Operation, code: str):
    refusal = refused(stage, operation)
    assert (refusal.code, refusal.index) == (code, 0)


@pytest.mark.parametrize("value", ["a\x00b", {"name": "\x00"}, {"\ud800": 1}, [["\ud800"]]])
def test_text_that_no_store_can_hold_is_no_operation(value: object):
    """Refused at the door: an early answer's patch is kept in the state, before anybody looks at what it says."""
    with pytest.raises(ValueError, match=r"U\+0000|Unicode"):
        op("replace", "/name", value)


def test_a_refusal_names_the_operation_and_the_place_that_would_be_wrong():
    fine = op("replace", "/era", "after the tides")
    refusal = refused(Stage.WORLDVIEW, fine, op("add", "/rules/-", {"name": "x", "cost": "y" * 201}), fine)
    assert (refusal.code, refusal.index, refusal.path) == ("bad_value", 1, "/rules/r2/cost")
    refusal = refused(Stage.WORLDVIEW, fine, op("replace", "/places/p1/held_by", "f7"), fine)
    assert (refusal.code, refusal.index, refusal.path) == ("unknown_id", 1, "/places/p1/held_by")
    refusal = refused(Stage.WORLDVIEW, fine, op("test", "/rules/r1/kind", "faith"), fine)
    assert (refusal.code, refusal.index, refusal.path) == ("test_failed", 1, "/rules/r1/kind")


def test_a_stage_has_room_for_so_many_candidates():
    refusal = refused(Stage.STORY_CONCEPTION, *[op("add", "/-", {"title": "Another"})] * 3)
    assert (refusal.code, refusal.index) == ("too_many", 2)


def test_a_refused_patch_leaves_everything_as_it_was():
    counters = dict(COUNTERS)
    operations = [op("add", "/k1/tags/-", ["salt"]), op("add", "/k1/tags/0/-", "sea"), op("test", "/k1/title", "no")]
    shown = [each.model_dump() for each in operations]
    with pytest.raises(PatchRefused):
        apply_patch(Stage.CONCEPT_SELECTION, CONCEPTS, operations, counters)
    assert (counters, [each.model_dump() for each in operations]) == (COUNTERS, shown)


def test_a_reference_to_another_stage_is_judged_by_the_numbers_of_the_session():
    join = op("replace", "/characters/c1/faction", "f1")
    edit = apply_patch(Stage.CHARACTERS, CANDIDATES[Stage.CHARACTERS], [join], {"c": 2}, COUNTERS)
    assert resolve(Stage.CHARACTERS, edit.candidates, "/characters/c1/faction") == "f1"
    with pytest.raises(PatchRefused):
        apply_patch(Stage.CHARACTERS, CANDIDATES[Stage.CHARACTERS], [join], {"c": 2}, {"c": 2})


@pytest.mark.parametrize(
    "raw",
    [
        {"op": "copy", "path": "/a", "from": "/b"},
        {"op": "move", "path": "/a"},
        {"op": "add", "path": "/a"},
        {"op": "remove", "path": "/a", "value": 1},
        {"op": "remove", "path": "/a", "from": "/b"},
        {"op": "add", "path": "/a", "value": "x" * MAX_VALUE},
        {"op": "add", "path": "/a", "value": [[[[[[]]]]]]},
        {"op": "add", "path": "/a", "value": 1, "more": 1},
    ],
)
def test_an_operation_that_says_nothing_sensible_is_no_operation(raw: dict[str, Any]):
    with pytest.raises(ValidationError):
        Operation.model_validate(raw)


def test_an_operation_travels_as_rfc_6902_writes_it():
    raw = {"op": "move", "path": "/chapters/0", "from": "/chapters/h3"}
    operation = Operation.model_validate(raw)
    assert operation.model_dump(mode="json", exclude_defaults=True) == raw
    assert Operation.model_validate_json(operation.model_dump_json()) == operation


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
FIELDS = st.sampled_from(
    ["/name", "/rules/r1/cost", "/places/p1/detail", "/places/0/description", "/factions/f1/goal"]
)
ADDED = st.sampled_from(["/rules/-", "/rules/0", "/places/p1", "/factions/-", "/lore/0"])
OPERATIONS = st.one_of(
    st.builds(lambda path, text: op("replace", path, text), FIELDS, TEXTS),
    st.builds(lambda path, text: op("add", path, {"name": text}), ADDED, TEXTS),
    st.builds(lambda path: op("remove", path), FIELDS),
    st.sampled_from(
        [op("remove", "/rules/r1"), op("remove", "/places/-"), op("move", "/rules/-", source="/rules/0")]
    ),
)


@given(st.lists(st.lists(OPERATIONS, max_size=5), max_size=5))
def test_whatever_the_patches_no_id_is_given_twice_and_what_is_touched_is_there(patches: list[list[Operation]]):
    draft: tuple[Content, ...] = (WORLD,)
    counters, session = dict(COUNTERS), set(ids_of(WORLD))
    for operations in patches:
        try:
            edit = apply_patch(Stage.WORLDVIEW, draft, operations, counters)
        except PatchRefused:
            continue
        there = set(ids_of(edit.candidates[0]))
        assert not (there - set(ids_of(draft[0]))) & session, "an id came back"
        session |= there
        for path in edit.touched:
            resolve(Stage.WORLDVIEW, edit.candidates, path)
        for path in edit.removed:
            with pytest.raises(UnknownPath):
                resolve(Stage.WORLDVIEW, edit.candidates, path)
        draft, counters = edit.candidates, edit.counters


@given(FIELDS, TEXTS)
def test_a_replaced_value_is_there_and_nothing_else_differs(path: str, text: str):
    edit = patched(Stage.WORLDVIEW, op("replace", path, text))
    assert resolve(Stage.WORLDVIEW, edit.candidates, path) == text
    back = patched(
        Stage.WORLDVIEW, op("replace", path, resolve(Stage.WORLDVIEW, (WORLD,), path)), draft=edit.candidates
    )
    assert back.candidates == (WORLD,)


KEYS = st.sampled_from(["id", "name", "rules", "rivals", "held_by", "chapters", "cast", "no"])
NAMES = st.sampled_from(["", "r1", "f1", "h2"])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner)


JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES, nested, max_leaves=6
)
TOKENS = [
    "",
    "-",
    "0",
    "1",
    "id",
    "name",
    "rules",
    "r1",
    "places",
    "p1",
    "held_by",
    "chapters",
    "h1",
    "h2",
    "cast",
    "no",
]
POINTERS = st.lists(st.sampled_from([*TOKENS, "k1", "tags", "factions", "f1", "rivals"]), max_size=4).map(
    lambda tokens: "".join("/" + each for each in tokens)
)
ANYTHING = st.one_of(
    st.builds(op, st.sampled_from(["add", "replace", "test"]), POINTERS, JSON),
    st.builds(lambda path: op("remove", path), POINTERS),
    st.builds(lambda path, source: op("move", path, source=source), POINTERS, POINTERS),
)


@given(st.sampled_from(list(Stage)), st.booleans(), st.lists(ANYTHING, min_size=1, max_size=6))
def test_whatever_is_sent_is_applied_or_refused_and_left_as_it_was(
    stage: Stage, empty: bool, operations: list[Operation]
):
    sent = [each.model_copy(deep=True) for each in operations]
    try:
        edit = patched(stage, *operations, draft=() if empty else None)
    except PatchRefused as refusal:
        assert_told(refusal, operations)
    else:
        every = [
            item.id for candidate in edit.candidates for item in (candidate, *(each for _, each in items(candidate)))
        ]
        assert len(every) == len(set(every))
        assert all(every)
    assert operations == sent


def assert_told(refusal: PatchRefused, operations: list[Operation]) -> None:
    assert 0 <= refusal.index < len(operations)
    assert str(refusal).endswith(".")
