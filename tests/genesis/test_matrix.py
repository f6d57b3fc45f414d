"""Each command in each situation: exactly what follows, cell by cell, and that no way to say no is untested."""

import os
import re
from collections.abc import Callable

import pytest

from genesis import wire
from genesis.content.operations import Operation
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import available_actions
from genesis.session.messages import INTERNALS, PERSON_COMMANDS
from genesis.session.reasons import Reason
from genesis.session.rules import Rules
from genesis.session.state import Session
from streams.advance import Advance, advance
from tests import examples
from tests.genesis.matrix import DATA, VARIANTS, Variant, computed_cells, dump, followed, recorded_cells, sent_to
from tests.genesis.situations import (
    CONCEPT,
    MODES,
    SITUATIONS,
    STORY,
    Mode,
    Situation,
    in_review,
    stale,
    stale_reopened,
)
from tests.spec import SESSION, Story
from tests.streams.wires import broken, command

if os.environ.get("GENESIS_WRITE_GOLDEN"):
    DATA.write_text(dump(computed_cells()), encoding="utf-8")

CELLS = recorded_cells()

every_situation = pytest.mark.parametrize(
    ("situation", "mode"),
    [
        pytest.param(situation, mode, id=f"{situation.name} / {mode}")
        for situation in SITUATIONS
        for mode in situation.modes
    ],
)
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)


@every_situation
@every_variant
def test_what_follows(situation: Situation, mode: Mode, variant: Variant):
    """Where a cell is meant to change: GENESIS_WRITE_GOLDEN=1 writes all of them, then `make docs`; read the diff."""
    given = sent_to(situation, mode)
    assert followed(given, variant) == CELLS[situation.name][variant.name][mode]


def test_the_matrix_has_every_cell_and_no_other():
    assert {name: {each: [*modes] for each, modes in variants.items()} for name, variants in CELLS.items()} == {
        situation.name: {variant.name: [*situation.modes] for variant in VARIANTS} for situation in SITUATIONS
    }


def test_the_matrix_knows_every_command_phase_and_status():
    sent = {variant.name.split(" ")[0].rstrip(",") for variant in VARIANTS}
    # A repair is no question to the rules: it replaces the state they work on.
    asked = {*PERSON_COMMANDS, *INTERNALS} - {m.StateRepaired}
    assert sent == {kind.model_fields["type"].default for kind in asked}
    met = {
        (given.state.slot(situation.stage).phase.name, given.state.status.value)
        for situation in SITUATIONS
        for mode in situation.modes
        if (given := sent_to(situation, mode)).state
    }
    phases = {"CLOSED", "EMPTY", "GENERATING", "REVIEW", "CONFIRMED", "STALE"}
    assert met >= {(phase, "IN_PROGRESS") for phase in phases}
    # Where something is being made nothing is paused.
    assert met >= {(phase, "PAUSED") for phase in phases - {"GENERATING"}}
    assert {status for _, status in met} == {"IN_PROGRESS", "PAUSED", "COMPLETED", "ABANDONED"}


@every_situation
def test_a_situation_is_what_it_is_called(situation: Situation, mode: Mode):
    state = sent_to(situation, mode).state
    if state is None:
        assert situation.name == "not started"
        return
    assert state.mode == mode
    words = set(re.findall(r"[A-Z]{2,}", situation.name))
    assert state.status.value in words or state.status.value == "IN_PROGRESS"
    assert state.slot(situation.stage).phase.name in words or state.status.is_over


def kept_of(state: Session) -> object:
    return state.model_copy(update={"sequence": 0, "command_no": 0, "last_at": examples.NOON})


@every_situation
def test_a_refusal_changes_nothing_but_the_counters(situation: Situation, mode: Mode):
    for variant in VARIANTS:
        given = sent_to(situation, mode)
        before = given.state
        if followed(given, variant).startswith("refused") and len(given.story.last.events) == 1 and before:
            assert kept_of(given.story.session) == kept_of(before), variant.name


@every_situation
@every_variant
def test_what_is_offered_is_granted_and_what_is_granted_was_offered(
    situation: Situation, mode: Mode, variant: Variant
):
    """An answer that is kept for the coming proposal is no offer, since there is nothing to look at yet."""
    given = sent_to(situation, mode)
    outcome = CELLS[situation.name][variant.name][mode]
    if variant.actions and outcome != "input-received":
        message = variant.message(given)
        offered = any(
            action.action in variant.actions
            and action.stage in (None, given.stage)
            and getattr(message, "proposal_id", None) in (None, action.proposal_id)
            and getattr(message, "accept_stale", True) >= action.accept_stale
            for action in available_actions(given.state)
        )
        assert offered != outcome.startswith("refused")


# -- mending


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("walked", [stale, stale_reopened])
def test_mending_writes_anew_what_is_stale_and_nothing_else(walked: Callable[[Mode], Story], mode: Mode):
    story = walked(mode)
    story.given(m.GenerateInspiration(stage=STORY, what="stale"))
    [request] = story.last.requests
    assert request.paths == ("/s1/title", "/s1/synopsis")
    assert [reason.path for reason in request.stale] == ["/title", "/synopsis"]
    other = examples.STORY.model_copy(update={"title": "The Tide Tax", "synopsis": "She pays.", "ending": "Rain"})
    result = examples.success(request.task_id, STORY).model_copy(update={"candidates": (other,)})
    [mended] = story.given(result).draft(STORY).candidates
    assert mended == examples.STORY.model_copy(update={"title": "The Tide Tax", "synopsis": "She pays."})


def test_mending_is_done_in_the_chosen_candidate():
    story = stale_reopened("guided")
    draft = story.draft(STORY)
    own = (Operation(op="add", path="/-", value={"title": "Salt"}),)
    story.given(m.ProvideFeedback(stage=STORY, proposal_id=draft.proposal_id, patch=own))
    story.given(m.GenerateInspiration(stage=STORY, what="stale"))
    assert story.last.requests[0].paths == ("/s1/title", "/s1/synopsis")


# -- every way to say no


def reasons_in_the_matrix() -> set[Reason]:
    outcomes = (outcome for variants in CELLS.values() for modes in variants.values() for outcome in modes.values())
    return {Reason(reason) for outcome in outcomes for reason in re.findall(r"refused (\w+)", outcome)}


def of_a_session_that_grew_too_large() -> Reason:
    return Story(rules=Rules(state_cap=2_000)).when(m.StartGenesis(idea="x" * 3_000)).event(e.CommandRejected).reason


def of_a_blend_where_everything_is_locked() -> Reason:
    """Five candidates are as many as there may be; what the person has written is locked."""
    story = in_review("guided")
    own = tuple(Operation(op="add", path="/-", value={"title": f"Salt {number}"}) for number in range(3))
    named = {"stage": CONCEPT, "proposal_id": story.draft(CONCEPT).proposal_id}
    story.given(m.ProvideFeedback(**named, patch=own, lock=("/k1", "/k2")))
    story.when(m.GenerateInspiration(stage=CONCEPT, what="blend", candidates=("k1", "k2")))
    return story.event(e.CommandRejected).reason


def of_a_command_that_is_not_json() -> Reason:
    return told(advance(broken(command(SESSION, 1, m.StartGenesis())), None, Rules()))


def of_a_bug_in_the_rules() -> Reason:
    """Rules without a duration crash on the first generation, as a mistake in them would."""
    return told(advance(command(SESSION, 1, m.StartGenesis()), None, Rules(generation_ttl=None)))  # type: ignore[arg-type]


def told(done: Advance) -> Reason:
    [record] = done.events
    event = wire.load_event(record.value).event
    assert isinstance(event, e.CommandRejected)
    return event.reason


ELSEWHERE: dict[Reason, Callable[[], Reason]] = {
    Reason.TOO_LARGE: of_a_session_that_grew_too_large,
    Reason.NO_ROOM: of_a_blend_where_everything_is_locked,
    Reason.UNREADABLE: of_a_command_that_is_not_json,
    Reason.INTERNAL_ERROR: of_a_bug_in_the_rules,
}
"""Reasons that no cell can show."""


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_reached(reason: Reason):
    if reason in ELSEWHERE:
        assert ELSEWHERE[reason]() is reason
    else:
        assert reason in reasons_in_the_matrix()
