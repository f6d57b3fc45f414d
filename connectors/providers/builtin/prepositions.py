"""Which preposition a place's name goes with, by the name's head noun: on the quay, in the cellar, at the mill."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from connectors.providers.builtin.bank.shelves import lexicon

BEFORE_NAMES = frozenset({"bar", "café", "camp", "cape", "hotel", "isle", "lake", "mount", "pension", "villa"})
"""Head nouns that may stand first: Hotel Splendid, Lake Orm."""
OF = re.compile(r" (?:of|in|with|for|from|at|on|to|under|by|behind|between|over|beyond|below|near) ")


@lru_cache(maxsize=1024)
def preposition_of(name: str, usual: str) -> str:
    """The preposition of a place; `usual` where its head noun is none that the lexicon knows."""
    words = re.findall(r"[^\W\d_]+", OF.split(name.strip())[0].casefold().removeprefix("the "))
    if not words:
        return usual
    for word in (words[-1], words[-1].removesuffix("s"), words[0] if words[0] in BEFORE_NAMES else ""):
        if found := _heads().get(word):
            # Addresses are in: in Mill Road, but on the old road.
            return "in" if word in ADDRESSES and name[:1].isupper() and not name.startswith("The ") else found
    return usual


ADDRESSES = frozenset({"avenue", "road", "terrace", "walk"})


def preposition_of_town(name: str, usual: str) -> str:
    """The preposition of a town; one that is called after a bridge or a quay is not on it, but an island is one."""
    words = name.casefold().split(" ")
    return "on" if words[-1] in lexicon()["prepositions"]["isles"] or words[0] == "isle" else usual


@cache
def _heads() -> Mapping[str, str]:
    table = lexicon()["prepositions"]
    found = dict.fromkeys(table["isles"], "on")
    for preposition in ("in", "on", "at"):
        found |= dict.fromkeys(table[preposition], preposition)
    return found
