"""Whom a book is for: a genre's own audience, ages by part, and what a child may be called."""

import re

import pytest

from connectors.providers.builtin.audiences import LEAD_AGES, PEERS, age_range, childs, written_for
from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.bank.templates import Audience
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.grammar import number
from connectors.providers.builtin.recall import parts_of
from connectors.providers.builtin.rehearsal import request, session
from genesis.content.cast import Cast, Character
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.session.brief import Brief
from genesis.session.stages import Stage

FOR_CHILDREN = sorted(name for name, meta in genres().items() if meta.audience in ("middle_grade", "children"))
WORDS = {number(years): years for years in range(5, 99)}


def told(brief: Brief) -> tuple[Story, Cast]:
    chosen = {stage: candidates[0] for stage, _, candidates, _ in session(brief) if stage is not Stage.PLOT_OUTLINE}
    story, people = chosen[Stage.STORY_CONCEPTION], chosen[Stage.CHARACTERS]
    assert isinstance(story, Story)
    assert isinstance(people, Cast)
    return story, people


def age_of(person: Character) -> int:
    return WORDS[person.profile.split(",")[0].casefold()]


def test_there_is_a_genre_for_children() -> None:
    assert "adventure" in FOR_CHILDREN


@pytest.mark.parametrize("name", FOR_CHILDREN)
@pytest.mark.parametrize("seed", range(6))
def test_lead_ally_and_rival_of_a_genre_for_children_are_children(name: str, seed: int) -> None:
    story, people = told(Brief(genre=genre(name).meta.name, seed=seed))
    assert story.audience == genre(name).meta.audience
    for part, person in parts_of(people).items():
        youngest, oldest = age_range(part, genre(name).meta.audience)
        assert youngest <= age_of(person) <= oldest
        assert (age_of(person) < 15) == (part in "LAR")


@pytest.mark.parametrize(
    ("said", "audience"), [("", "middle_grade"), ("middle grade", "middle_grade"), ("children", "children")]
)
def test_the_brief_says_whom_the_book_is_for_before_the_genre_does(said: str, audience: Audience) -> None:
    story, people = told(Brief(genre="adventure", audience=said, seed=4))
    assert story.audience == audience
    youngest, oldest = LEAD_AGES[audience]
    assert youngest <= age_of(people.characters[0]) <= oldest


def test_in_a_genre_for_children_nobody_grows_up_because_adults_read_it() -> None:
    story, people = told(Brief(genre="adventure", audience="adult", seed=4))
    assert story.audience == "adult"
    assert age_of(people.characters[0]) in range(11, 14)
    assert written_for(genre("noir"), "adult") == "adult"
    assert written_for(genre("noir"), "children") == "children"


@pytest.mark.parametrize("seed", range(6))
def test_in_a_genre_for_adults_a_book_for_children_has_children_without_offices(seed: int) -> None:
    _, people = told(Brief(genre="quiet fantasy", audience="middle grade", seed=seed))
    parts = parts_of(people)
    for part in "LAR":
        assert age_of(parts[part]) < 15
        job = re.split(r"[;.]", parts[part].profile)[0].split(", ", 1)[1]
        assert childs(job) == job
    assert all(age_of(parts[part]) >= 45 for part in "MWN")


def test_adult_genres_have_adults_as_before() -> None:
    for name in ("romance", "noir"):
        _, people = told(Brief(genre=name, seed=2))
        assert all(age_of(person) >= 20 for person in people.characters)


def test_an_adult_trade_of_the_idea_becomes_a_childs() -> None:
    brief = Brief(genre="adventure", idea="A blind clockmaker and a retired soldier find a map", seed=3)
    concept = propose(request(Stage.CONCEPT_SELECTION, brief, {})).candidates[0]
    assert isinstance(concept, Concept)
    assert "clockmaker's apprentice" in concept.lead
    _, people = told(brief)
    assert "retired soldier's grandchild" in parts_of(people)["R"].profile


@pytest.mark.parametrize("seed", range(4))
def test_children_love_nobody_unless_it_is_asked_for(seed: int) -> None:
    _, people = told(Brief(genre="adventure", idea="Two children befriend each other", seed=seed))
    assert all(each.role != "love_interest" for each in people.characters)
    assert all(each.kind != "love" for each in people.relationships)


@pytest.mark.parametrize(
    ("trade", "child"),
    [
        ("baker", "baker's apprentice"),
        ("blind clockmaker", "blind clockmaker's apprentice"),
        ("keeper of lost property", "apprentice to a keeper of lost property"),
        ("king", "king's grandchild"),
        ("old general", "old general's grandchild"),
        ("paper boy", "paper boy"),
        ("queen's daughter", "queen's daughter"),
        ("witch's apprentice", "witch's apprentice"),
    ],
)
def test_what_a_child_is_called(trade: str, child: str) -> None:
    assert childs(trade) == child
    assert childs(child) == child


def test_everyone_has_an_age_for_every_audience() -> None:
    for audience in PEERS:
        for part in "LNAMRW":
            youngest, oldest = age_range(part, audience)
            assert 8 < youngest < oldest
