"""The content of the stages: what it may hold, how it is written down, how large it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from genesis.content.catalog import CONTENT, DEFAULT_CANDIDATES, MAX_CANDIDATES, PREFIX
from genesis.content.concept import Concept
from genesis.content.fields import Item, specs
from genesis.content.ids import ids_of
from genesis.content.novel import Contents, content_hash
from genesis.content.outline import Outline
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, size
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.stages import Stage
from tests import examples


@pytest.mark.parametrize("stage", list(Stage))
def test_an_unfinished_draft_can_be_stored(stage: Stage) -> None:
    empty = CONTENT[stage]()
    assert CONTENT[stage].model_validate_json(empty.model_dump_json()) == empty


@pytest.mark.parametrize("stage", list(Stage))
def test_what_is_written_down_is_read_back_the_same(stage: Stage) -> None:
    for content in examples.CANDIDATES[stage]:
        assert type(content).model_validate_json(content.model_dump_json()) == content


@pytest.mark.parametrize("stage", list(Stage))
def test_stored_json_has_every_key(stage: Stage) -> None:
    assert set(CONTENT[stage]().model_dump()) == set(CONTENT[stage].model_fields)


def test_every_letter_belongs_to_one_kind_of_item() -> None:
    kinds = [*CONTENT.values()]
    kinds += [spec.items for model in CONTENT.values() for spec in specs(model) if spec.items]  # type: ignore[misc]
    letters = [kind.PREFIX for kind in kinds]
    assert len(set(letters)) == len(letters)
    assert PREFIX[Stage.CONCEPT_SELECTION] == "k"


def test_every_reference_names_lists_that_exist() -> None:
    def check(model: type[Item], owner: type[Item]) -> None:
        for spec in specs(model):
            if spec.refers and spec.refers.lists != ("candidates",):
                holder = CONTENT[spec.refers.stage] if spec.refers.stage else owner
                assert set(spec.refers.lists) <= {each.name for each in specs(holder) if each.items}
            if spec.items:
                check(spec.items, owner)

    for model in CONTENT.values():
        check(model, model)


def test_defaults_ask_for_no_more_candidates_than_a_proposal_may_hold() -> None:
    assert all(1 <= DEFAULT_CANDIDATES[stage] <= MAX_CANDIDATES[stage] for stage in Stage)


def test_a_field_that_nobody_declared_is_refused() -> None:
    with pytest.raises(ValidationError):
        Concept.model_validate({"title": "The Bell", "colour": "blue"})


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Concept, {"title": "x" * 81}),
        (Concept, {"tags": ["x"] * 7}),
        (Concept, {"premise": "a\x00b"}),
        (Story, {"target_chapters": 61}),
        (Story, {"ending_kind": "sweet"}),
        (World, {"rules": [{}] * 11}),
        (Outline, {"chapters": [{"tension": 11}]}),
    ],
)
def test_limits_are_hard(model: type[Item], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)


def test_the_caps_of_all_stages_leave_room_in_the_state() -> None:
    assert sum(DRAFT_CAP.values()) + sum(CONFIRMED_CAP.values()) == 450 * 1024


def test_size_is_measured_in_bytes_and_not_in_characters() -> None:
    plain, wide = Concept(title="aa"), Concept(title="ää")
    assert size([wide]) == size([plain]) + 2


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80))
def test_any_text_that_can_be_stored_survives_the_round_trip(title: str) -> None:
    concept = Concept(title=title)
    assert Concept.model_validate_json(concept.model_dump_json()) == concept


def test_a_content_hash_depends_on_content_and_order_alone() -> None:
    one, two = examples.CONCEPTS
    again = Concept.model_validate_json(one.model_dump_json())
    assert content_hash([one, two]) == content_hash([again, two])
    assert content_hash([one, two]) != content_hash([two, one])
    assert content_hash([one]) != content_hash([one.model_copy(update={"title": "Another"})])


def test_five_contents_make_a_novel_and_four_do_not() -> None:
    confirmed = {stage: candidates[0] for stage, candidates in examples.CANDIDATES.items()}
    assert Contents.of(confirmed).by_stage() == confirmed
    del confirmed[Stage.WORLDVIEW]
    with pytest.raises(KeyError):
        Contents.of(confirmed)


def test_the_ids_of_a_content_are_its_own_and_its_items() -> None:
    assert ids_of(examples.WORLD) == {"w1", "r1", "p1", "f1"}
