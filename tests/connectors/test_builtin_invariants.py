"""Every genre by many seeds: nothing that a reader stumbles over, and no two sessions that feel alike."""

import re
from functools import cache
from itertools import combinations

import pytest

from connectors.providers.builtin.bank.census import violations
from connectors.providers.builtin.bank.shelves import genre, genres
from connectors.providers.builtin.copyeditor import faults
from connectors.providers.builtin.granting import texts_of
from connectors.providers.builtin.rehearsal import session
from genesis.content.catalog import Content
from genesis.content.checks import check
from genesis.content.concept import Concept
from genesis.content.outline import Outline
from genesis.content.sizes import CONFIRMED_CAP, DRAFT_CAP, size
from genesis.content.story import Story
from genesis.session.brief import Brief
from genesis.session.stages import Stage

IDEAS = (
    "",
    "A blind clockmaker finds a letter from her dead sister in a violin, years after the war",
    "Mara, a stubborn baker on an island, against the bishop who stole her grandmother's recipe book",
    "lighthouse",
    "A retired soldier and a thief steal a crown from a haunted castle during the coronation",
    "",
    "An orphan boy called Tam Reed keeps bees in the mountains and fears the flood",
    "Zwei Brüder suchen ihre Mutter im verschneiten Gebirge",
    "Their husband vanished at the wedding; they are a locksmith and will not let it rest",
    "",
    "Robots fight vampires in space {and} {L} braces",
    "grief, an old umbrella, an hourglass and a librarian in a desert village",
)
TONES = ("", "dark", "light and funny")
LENGTHS = (0, 1, 2, 3, 5, 9, 12, 17, 24, 40, 60)
SHORT = 12
"""Chapters below which a book can't visit every place."""


def brief_of(name: str, seed: int) -> Brief:
    return Brief(
        genre=genre(name).meta.name,
        idea=IDEAS[seed % len(IDEAS)],
        seed=seed,
        tone=TONES[seed % len(TONES)],
        target_chapters=LENGTHS[seed % len(LENGTHS)],
    )


def main_text(content: Content) -> str:
    match content:
        case Concept():
            return content.premise
        case Story():
            return content.synopsis
        case _:
            return content.model_dump_json()


def look_through(name: str, seed: int) -> None:
    """One whole session, read as the checks and a copy-editor read it."""
    for stage, confirmed, candidates, proposal in session(brief_of(name, seed), pick=seed):
        said = [*(each.text for each in proposal.understood), *proposal.not_understood]
        assert all(len(each) <= 400 for each in said)
        for candidate in candidates:
            short = isinstance(candidate, Outline) and len(candidate.chapters) < SHORT
            findings = {each.code for each in check(stage, candidates, candidate.id, confirmed)}
            assert findings <= ({"place_unused"} if short else set()), (stage, findings)
            assert size([candidate]) <= CONFIRMED_CAP[stage]
            for text in texts_of((candidate,)):
                assert not faults(text), (faults(text), text)
        assert size(candidates) <= DRAFT_CAP[stage]
        for one, other in combinations(candidates, 2):
            assert main_text(one) != main_text(other)


@pytest.mark.parametrize("name", genres())
@pytest.mark.parametrize("seed", range(50))
def test_a_session_holds_nothing_that_a_reader_stumbles_over(name: str, seed: int) -> None:
    look_through(name, seed)


@pytest.mark.long
@pytest.mark.parametrize("name", genres())
@pytest.mark.parametrize("block", range(20))
def test_a_thousand_sessions_hold_nothing_that_a_reader_stumbles_over(name: str, block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        look_through(name, seed)


@pytest.mark.parametrize("name", genres())
def test_the_bank_of_each_genre_is_whole(name: str) -> None:
    assert not violations(genre(name))


def test_the_copy_editor_does_mark_faults() -> None:
    wrong = [
        "a {slot}",
        "the the end",
        "a inn",
        "a uninvited guest",
        "an bell",
        "an unicorn",
        "cut…",
        "two  spaces",
        "end. small",
        "she have",
        "they is",
        "Then they says no",
        "one ,two",
        "the house of .",
    ]
    assert all(faults(text) for text in wrong), [text for text in wrong if not faults(text)]
    right = "An hour at a university, an honest one, with a one-eyed cat and an heir. She has it; they have none."
    assert not faults(right)


@cache
def whole(name: str, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Runs of four words of a session's premise and story, and of its outline."""
    early: list[str] = []
    late: list[str] = []
    for stage, _, candidates, _ in session(Brief(genre=genre(name).meta.name, seed=seed, target_chapters=30)):
        into = late if stage is Stage.PLOT_OUTLINE else early if stage in list(Stage)[:2] else []
        into += texts_of(candidates[:1])
    return runs(early), runs(late)


def runs(texts: list[str]) -> frozenset[str]:
    found = set()
    for text in texts:
        words = re.findall(r"\w+", text.casefold())
        found |= {" ".join(words[place : place + 4]) for place in range(len(words) - 3)}
    return frozenset(found)


ALIKE_MEAN = 0.15
"""Most that two sessions of a genre have in common on average, of their runs of four words."""


@pytest.mark.parametrize("name", genres())
def test_ten_sessions_of_a_genre_do_not_feel_alike(name: str) -> None:
    sessions = [whole(name, seed) for seed in range(10)]
    for part in (0, 1):
        shares = [
            len(one[part] & other[part]) / min(len(one[part]), len(other[part]))
            for one, other in combinations(sessions, 2)
        ]
        mean, what = sum(shares) / len(shares), ("premise and story", "outline")[part]
        print(f"{name}, {what}: {mean:.3f} on average, at most {max(shares):.2f}")
        assert mean < ALIKE_MEAN
    premises = {frozenset(one[0]) for one in sessions}
    assert len(premises) == 10


@pytest.mark.parametrize("name", genres())
def test_ten_sessions_of_a_genre_have_several_skeletons(name: str) -> None:
    shelf = genre(name)
    plots = set()
    for seed in range(10):
        _, _, candidates, _ = next(session(Brief(genre=shelf.meta.name, seed=seed)))
        concept = candidates[0]
        assert isinstance(concept, Concept)
        plots.add(concept.what_if)
    assert len(plots) >= 5
