"""What the built-in engine makes of an idea's own words: people no list can hold, ages, names, landscapes."""

import re

import pytest

from connectors.providers.builtin import feedback, idea
from connectors.providers.builtin.engine import propose
from connectors.providers.builtin.rehearsal import request, session
from genesis.content.cast import Cast
from genesis.content.concept import Concept
from genesis.session.brief import Brief
from genesis.session.stages import Stage


@pytest.mark.parametrize(
    ("text", "somebody"),
    [
        ("A retired boxing referee is offered money to remember one fight differently.", "retired boxing referee"),
        ("A court interpreter understands a threat that was not meant to be translated.", "court interpreter"),
        ("The last cellist of a drowned town finds a letter", "cellist"),
        ("I want a ferrywoman in it", "ferrywoman"),
        ("A refugee tailor sews a map into a coat", "refugee tailor"),
        ("A comet falls in love with a night porter", "night porter"),
        ("An old sea captain goes home", "old sea captain"),
        ("A blind clockmaker", "blind clockmaker"),
    ],
)
def test_somebody_is_known_by_how_the_word_is_made(text: str, somebody: str):
    assert somebody in idea.read(text).all("persons")


@pytest.mark.parametrize(
    "text",
    [
        "A river remembers a winter",
        "A computer writes the letter of a lifetime",
        "An order, a rumour and a mirror",
        "A better world under a silver tower",
        "The corner shop has a monster in the cellar",
    ],
)
def test_a_thing_whose_word_has_such_an_ending_is_nobody(text: str):
    assert idea.read(text).all("persons") == []


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("A woman of seventy-two opens a bar", 72),
        ("a ferrywoman of about sixty", 60),
        ("She should be about sixty and she limps", 60),
        ("A smith's daughter, aged 14, steals a comet", 14),
        ("A twelve-year-old clockmaker", 12),
        ("a 45 year old pilot", 45),
        ("A year of sixty days", 0),
        ("Forty thieves and a cook", 0),
        ("A ship of eighty sailors meets a man", 0),
        ("In 1960 a man is lost", 0),
    ],
)
def test_an_age_is_read_in_figures_and_in_words(text: str, years: int):
    assert idea.read(text).age == years


def test_a_name_may_be_given_in_a_sentence_of_its_own():
    read = idea.read("A ferrywoman rings a bell. Her name is Henrike Oldsloe.")
    assert (read.lead_name, read.pronouns) == ("Henrike Oldsloe", "she")


def test_they_is_nobodys_pronoun_while_somebody_is_a_she():
    assert idea.read("Two people could pull it if they had an hour. She is harder.").pronouns == "she"
    assert idea.read("A baker and their dog").pronouns == "they"


def test_the_lead_has_the_trade_the_age_and_the_name_of_the_idea():
    brief = Brief(
        idea="A court interpreter of fifty-eight called Ines Valdor understands a threat. She tells nobody.",
        genre="mystery",
        seed=4,
    )
    for stage, _, candidates, proposal in session(brief):
        if stage is Stage.CONCEPT_SELECTION:
            assert all(isinstance(each, Concept) and "court interpreter" in each.lead for each in candidates)
            assert not any("interpreter" in each for each in proposal.not_understood)
        if stage is Stage.CHARACTERS:
            [cast] = candidates
            assert isinstance(cast, Cast)
            lead = cast.characters[0]
            assert lead.name == "Ines Valdor"
            assert lead.profile.startswith("Fifty-eight, a court interpreter")


def test_a_river_does_not_take_the_place_of_a_sea_that_has_tides():
    brief = Brief(idea="A ferrywoman on a wide river", genre="quiet fantasy")
    for seed in range(12):
        for each in propose(request(Stage.CONCEPT_SELECTION, brief.model_copy(update={"seed": seed}), {})).candidates:
            assert isinstance(each, Concept)
            assert not ("the edge of the river" in each.premise and "tide" in each.premise), each.premise


def test_no_two_stories_of_a_proposal_have_one_title():
    for seed in range(20):
        brief = Brief(genre="crime noir", seed=seed, candidates=4)
        for stage, _, candidates, _ in session(brief):
            if stage is Stage.STORY_CONCEPTION:
                titles = [getattr(each, "title", "") for each in candidates]
                assert len(set(titles)) == len(titles), titles


KEEPER = "A lighthouse keeper sells the light"


def test_feedback_may_name_the_lead_by_the_trade():
    wishes = feedback.read(["The keeper should be a woman of seventy. Less sad, please."], (), KEEPER)
    assert (wishes.pronouns, wishes.age, wishes.mood, wishes.not_understood) == ("she", 70, 1, [])


def test_who_is_not_the_lead_is_left_alone():
    wishes = feedback.read(["The mayor should be a woman of seventy"], (), KEEPER)
    assert (wishes.pronouns, wishes.age) == (None, 0)
    assert len(wishes.not_understood) == 1


def test_a_trade_that_nobody_has_listed_can_be_wished_for():
    wishes = feedback.read(["More humour, and make her a cellist, please"], ())
    assert (wishes.job, wishes.mood, wishes.not_understood) == ("cellist", 1, [])


def test_words_that_fill_no_slot_still_choose_the_premise():
    brief = Brief(
        idea="On a ship that has been under way for two hundred years somebody repairs the clocks",
        genre="science fiction",
    )
    for seed in range(8):
        asked = request(Stage.CONCEPT_SELECTION, brief.model_copy(update={"seed": seed}), {})
        first = propose(asked).candidates[0]
        assert isinstance(first, Concept)
        assert re.search(r"\bship\b", f"{first.hook} {first.premise}")


def test_a_wish_that_says_more_of_a_thing_has_the_thing():
    brief = Brief(must_have=("a letter that is read too late", "a dog"), genre="noir", seed=2)
    proposal = propose(request(Stage.CONCEPT_SELECTION, brief, {}))
    assert all(isinstance(each, Concept) and "a letter" in each.premise.casefold() for each in proposal.candidates)
    assert "Of “a letter that is read too late” there is a letter; the rest is yours." in [
        each.text for each in proposal.understood
    ]
    assert "“a dog” appears." in [each.text for each in proposal.understood]


def test_nobody_has_the_name_of_somebody_whom_the_concept_names():
    """Found by the soak: the rival and a witness had one name, and the cast could not be confirmed."""
    brief = Brief(idea="a clerk who sells the sea", genre="romance", seed=636)
    for stage, _, candidates, _ in session(brief):
        if stage is Stage.CHARACTERS:
            [cast] = candidates
            assert isinstance(cast, Cast)
            names = [each.name for each in cast.characters]
            assert len(set(names)) == len(names), names


@pytest.mark.parametrize(
    ("text", "kind", "word", "there"),
    [
        ("A keeper sells the light, one evening at a time.", "abstracts", "time", False),
        ("I have carried this book around, and I want a dog in the book.", "objects", "book", False),
        ("A widow finds a book, and the book is about her.", "objects", "book", True),
        ("The doctor would come in time.", "abstracts", "time", False),
        ("A woman sells time.", "abstracts", "time", True),
    ],
)
def test_a_phrase_about_something_else_is_no_thing_of_the_story(text: str, kind: str, word: str, there: bool) -> None:
    assert (word in idea.read(text).all(kind)) is there


@pytest.mark.parametrize("wish", ["She should be seventy", "make her seventy-one", "The keeper must be about sixty"])
def test_an_age_alone_is_a_wish(wish: str):
    wishes = feedback.read([wish], (), KEEPER)
    assert wishes.age in (60, 70, 71)
    assert wishes.not_understood == []
