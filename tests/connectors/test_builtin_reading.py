"""Confirmed texts read back: what was told is what is understood, names changed by hand included."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from connectors.providers.builtin.bank.census import violations
from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.bank.tables import Faction, Premise
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.grammar import Named, Noun, fill, heading
from connectors.providers.builtin.prepositions import preposition_of, preposition_of_town
from connectors.providers.builtin.reading import read_back, settled
from connectors.providers.builtin.rehearsal import request, session
from connectors.providers.builtin.rereading import misread
from genesis.content.catalog import Content
from genesis.content.world import World
from genesis.session.brief import Brief
from genesis.session.stages import Stage

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)


@pytest.mark.parametrize("name", genres())
def test_every_premise_is_read_back_as_it_was_told(name: str) -> None:
    shelf = genre(name)
    found = [each for premise in shelf.premises for seed in range(4) for each in misread(shelf, premise, seed)]
    assert not found


LINE = "{L}, {trade.a} {site.in} {town.in}, who {wound}."
OPPOSED = "{N}, {office} of {house}, who {opposes}."


@pytest.mark.parametrize(
    ("template", "text", "known", "slot", "value"),
    [
        (
            LINE,
            "Ada Roe, a cook at the house on the hill in Tollen, who left.",
            ("the house on the hill",),
            "site",
            "the house on the hill",
        ),
        (
            LINE,
            "Ada Roe, a cook at the inn, or what is left of it in Tollen, who left.",
            ("the inn, or what is left of it",),
            "site",
            "the inn, or what is left of it",
        ),
        (
            LINE,
            "Ada Roe, a keeper of lost property at the mill in Tollen, who left.",
            ("keeper of lost property",),
            "trade",
            "keeper of lost property",
        ),
        (
            OPPOSED.replace("{opposes}", "waits"),
            "Ada Roe, warden of the north of the Board of Works, who waits.",
            ("warden of the north", "the Board of Works"),
            "office",
            "warden of the north",
        ),
        (
            "It begins {event.in}, and nobody leaves.",
            "It begins in the year of the St. Elmo fire, and nobody leaves.",
            ("the year of the St. Elmo fire",),
            "event",
            "the year of the St. Elmo fire",
        ),
    ],
)
def test_a_known_name_is_read_whole_whatever_is_inside_it(
    template: str, text: str, known: tuple[str, ...], slot: str, value: str
) -> None:
    assert settled(read_back([template], text, known))[slot].text == value


def altered(change: Callable[[Premise], Premise]) -> list[str]:
    shelf = genre("quiet_fantasy")
    first, *others = shelf.premises
    return violations(replace(shelf, premises=(change(first), *others)))


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("aim", "find what {plan} hides", "not known yet"),
        ("plan", "open the vault {P.in}", "only beats happen in a place"),
        ("lesson", "how {L.job} counts", "job is"),
        ("lesson", "how {thing.they} counts", "only people have this form"),
        ("lesson", "how {office.T} counts", "plain words"),
        ("lesson", "how {N.a} counts", "people have no such form"),
    ],
)
def test_the_census_refuses_what_could_not_be_filled(field: str, text: str, said: str) -> None:
    assert any(said in each for each in altered(lambda one: one.model_copy(update={field: text})))


def test_the_census_refuses_a_faction_named_after_somebody_without_a_name_yet() -> None:
    shelf = genre("quiet_fantasy")
    named = Faction(name="{R.s} Friends", goal="g", method="m", resource="r", secret="s")
    found = violations(replace(shelf, factions=(*shelf.factions, named)))
    assert any("{R} is not known yet" in each for each in found)


def test_an_aim_may_speak_of_the_rival_and_names_the_same_one_later() -> None:
    shelf = genre("quiet_fantasy")
    assert not altered(lambda one: one.model_copy(update={"aim": "outlive {R}"}))
    assert shelf.premises


def test_a_name_has_the_forms_of_a_noun_and_a_noun_a_place() -> None:
    ash = Named("Ash Gate")
    assert (ash.form("a"), ash.form("the"), ash.form("pl")) == ("Ash Gate", "Ash Gate", "Ash Gate")
    assert Noun("reed marsh").form("in") == "in the reed marsh"


@pytest.mark.parametrize(
    ("name", "preposition"),
    [
        ("the Long Quay", "on"),
        ("the Lamp Bar", "at"),
        ("Hotel Splendid", "at"),
        ("the Music Room", "in"),
        ("the House on the Hill", "at"),
        ("the old coast road", "on"),
        ("Mill Road", "in"),
        ("the Gardens", "in"),
        ("the Marigold", "aboard"),
    ],
)
def test_a_place_takes_the_preposition_of_its_head_noun(name: str, preposition: str) -> None:
    assert preposition_of(name, "aboard") == preposition


def test_a_town_named_after_a_bridge_is_not_on_it_but_an_island_is_one() -> None:
    assert preposition_of_town("Mill Bridge", "in") == "in"
    assert preposition_of_town("Gull Island", "in") == "on"


@pytest.mark.parametrize(
    ("after", "told"), [("The Lamp Bar", "at the Lamp Bar"), ("The Long Quay", "on the Long Quay")]
)
def test_a_place_renamed_by_hand_takes_its_new_names_preposition(after: str, told: str) -> None:
    name, right = told.split(" ", 1)[1], told.split(" ")[0]
    found = 0
    for seed in range(6):
        brief = Brief(genre="quiet fantasy", seed=seed, target_chapters=30)
        confirmed: dict[Stage, Content] = {stage: made[0] for stage, _, made, _ in session(brief) if stage != OUTLINE}
        world = confirmed[WORLD]
        assert isinstance(world, World)
        places = [each.model_copy(update={"name": after}) if each.id == "p4" else each for each in world.places]
        confirmed[WORLD] = world.model_copy(update={"places": tuple(places)})
        (outline,) = propose(request(OUTLINE, brief, confirmed)).candidates
        text = outline.model_dump_json()
        found += len(re.findall(rf"\b{right} {name}", text, re.IGNORECASE))
        assert not re.search(rf"\b(?:{'|'.join({'on', 'at', 'in', 'aboard'} - {right})}) {name}", text, re.IGNORECASE)
    assert found > 6


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("After {event.T}", "After the Flood of Years"),
        ("{event.T}", "The Flood of Years"),
        ("The {event.T}", "The Flood of Years"),
        ("the night after the {event}", "The Night After the Flood of Years"),
        ("Ash: {event.T}", "Ash: The Flood of Years"),
    ],
)
def test_a_name_in_a_title_has_one_article_and_a_small_one_inside(template: str, title: str) -> None:
    assert heading(fill(template, {"event": Named("the flood of years", "in")})) == title


def test_a_title_ends_with_a_capital_word() -> None:
    assert heading("what it was for") == "What It Was For"
