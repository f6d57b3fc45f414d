"""Wishes about the book as a whole: its ending, time and place, how it is told, how long it is, its genre."""

import re

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.bank.shelves import genres
from connectors.providers.builtin.genres import genre_of
from connectors.providers.builtin.grammar import article
from connectors.providers.builtin.wishes import Ending, Wishes

NAME = r"[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*){0,2}"
"""A name of up to three words."""


def ending(wishes: Wishes, found: re.Match[str]) -> bool:
    """Which of the four kinds of ending it has."""
    kinds: dict[str, Ending] = {
        "happ": "happy",
        "trag": "tragic",
        "sad": "tragic",
        "bitt": "bittersweet",
        "open": "open",
    }
    word = found["kind"].casefold()
    wishes.ending = next(kind for start, kind in kinds.items() if word.startswith(start))
    wishes.note("ending", f"The ending is {wishes.ending}.")
    return True


def era(wishes: Wishes, found: re.Match[str]) -> bool:
    """When it is set, in the person's own words."""
    wishes.era = found["era"].strip()[:80]
    wishes.note("era", f"It is set in {wishes.era}.")
    return True


def place(wishes: Wishes, found: re.Match[str]) -> bool:
    """Where it is set: a name, or a kind of place of the lexicon."""
    where = found["where"].strip(" .!?")
    if re.fullmatch(NAME, where):
        wishes.town = where
    else:
        read = ideas.read(where, names=False)
        if not any(read.first(kind) for kind in ("settlements", "sites", "wilds")):
            return False
        wishes.place = where
    wishes.note("place", f"It is set in {where}.")
    return True


def pov(wishes: Wishes, found: re.Match[str]) -> bool:
    """Who tells it."""
    if found["all"]:
        wishes.pov = "omniscient"
        wishes.note("pov", "The narrator knows all.")
        return True
    word = found["pov"].casefold()
    wishes.pov = "first" if word == "first" else "close_third"
    wishes.note("pov", f"It is told in {word} person.")
    return True


def tense(wishes: Wishes, found: re.Match[str]) -> bool:
    """Past or present."""
    wishes.tense = "present" if found["tense"].casefold() == "present" else "past"
    wishes.note("tense", f"It is told in the {wishes.tense} tense.")
    return True


def count(wishes: Wishes, found: re.Match[str]) -> bool:
    """How many chapters or words it has."""
    value = int(found["number"].replace(",", "").replace(".", ""))
    if found["unit"].startswith("chapter") and 1 <= value <= 60:
        wishes.chapters = value
    elif found["unit"].startswith("word") and 1 <= value <= 300_000:
        wishes.words = value
    else:
        return False
    wishes.note("size", f"It has {value:,} {found['unit']}.")
    return True


def genre(wishes: Wishes, found: re.Match[str]) -> bool:
    """Another genre of the bank."""
    name = genre_of(found["what"])
    if name:
        wishes.genre = name
        wishes.note("genre", f"It is {article(genres()[name].name)} {genres()[name].name} now.")
    return bool(name)
