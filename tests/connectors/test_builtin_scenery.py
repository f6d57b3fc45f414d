"""Where chapters of the built-in engine happen, and how they are joined to their causes."""

import pytest

from connectors.providers.builtin.bank.shelves import common
from connectors.providers.builtin.bank.templates import Role
from connectors.providers.builtin.chapters import _turns_away
from connectors.providers.builtin.grammar import Named, Person
from connectors.providers.builtin.scenery import Scene, Scenery, assigned
from connectors.providers.builtin.spine import MAIN, Step
from connectors.providers.builtin.worlds import ROLES


def test_a_chapter_moves_to_a_place_of_its_own_role_and_every_place_is_seen():
    by_role: dict[Role, list[Scene]] = {role: [Scene(role, Named(role))] for role in ROLES}
    by_role["common"].append(Scene("inn", Named("the inn")))
    by_role["wild"].append(Scene("downs", Named("the downs")))
    plot = next(each for each in common().plots if each.id == "inquiry")
    chapters = [[Step(beat, MAIN)] for beat in plot.beats]
    given = assigned(chapters, Scenery(by_role))
    assert {each.id for each in given} == {each.id for scenes in by_role.values() for each in scenes}
    for scene, steps in zip(given, chapters, strict=True):
        assert scene in by_role[steps[0].beat.place]


@pytest.mark.parametrize(
    ("told", "so", "away"),
    [
        ("Ida waits at the gate.", "Bram has told her why", True),
        ("Bram waits at the gate.", "Bram has told her why", False),
        ("The gate is shut.", "Bram has told her why", False),
    ],
)
def test_now_that_joins_no_two_people_in_one_sentence(told: str, so: str, away: bool):
    people = {"L": Person("Ida Voss", "she"), "A": Person("Bram Holt", "he")}
    assert _turns_away(told, so, people) is away
