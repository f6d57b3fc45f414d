"""Whom a book is for, how old its people are, and what a child may be called where the idea names an adult trade."""

import re
from typing import get_args

from connectors.providers.builtin.bank.shelves import Genre
from connectors.providers.builtin.bank.templates import Audience
from connectors.providers.builtin.grammar import article, possessive_of

AUDIENCES: tuple[tuple[str, Audience], ...] = (
    ("middle", "middle_grade"),
    ("young", "young_adult"),
    ("teen", "young_adult"),
    ("ya", "young_adult"),
    ("child", "children"),
    ("kid", "children"),
    ("adult", "adult"),
)
"""Parts of words that mean an audience, the first that is found counts."""
OLDEST_LAST: tuple[Audience, ...] = get_args(Audience)[::-1]
CHILDREN: frozenset[Audience] = frozenset({"middle_grade", "children"})
"""Audiences whose leads, allies and rivals are children."""

LEAD_AGES: dict[Audience, tuple[int, int]] = {
    "adult": (29, 47),
    "young_adult": (16, 18),
    "middle_grade": (11, 13),
    "children": (10, 11),
}
ADULTS = {"A": (28, 52), "M": (62, 78), "R": (27, 44), "W": (45, 64), "N": (48, 66)}
PEERS: dict[Audience, dict[str, tuple[int, int]]] = {
    "adult": {},
    "young_adult": {},
    "middle_grade": {"A": (11, 13), "R": (12, 14)},
    "children": {"A": (9, 11), "R": (10, 12)},
}
"""Ages of those who are of the lead's own age, where they are not adults."""

_AGEING = frozenset({"retired", "former", "elderly", "aging", "old"})
_CHILDLIKE = frozenset(
    (
        "apprentice boy castaway child daughter evacuee exile foundling girl grandchild granddaughter "
        "grandson heir monitor nephew niece orphan page prince princess prodigy pupil runaway schoolboy "
        "schoolgirl smuggler son spy stowaway student thief traveller twin ward witch wizard youngest"
    ).split()
)
_STATES_OF_ADULTS = frozenset(
    {"general", "king", "knight", "mayor", "queen", "soldier", "veteran", "widow", "widower"}
)


def audience_of(text: str) -> Audience | None:
    """The audience that a word of the brief means; None where it means none."""
    plain = text.casefold()
    return next((audience for word, audience in AUDIENCES if word in plain), None)


def written_for(genre: Genre, audience: Audience) -> Audience:
    """The audience whose ages people have: never older than the genre's own, whose trades are a child's."""
    return min(audience, genre.meta.audience, key=OLDEST_LAST.index)


def age_range(part: str, audience: Audience) -> tuple[int, int]:
    """Youngest and oldest that who plays this part may be."""
    return LEAD_AGES[audience] if part == "L" else PEERS[audience].get(part, ADULTS[part])


def childs(trade: str) -> str:
    """What a child is who has to do with this trade: `baker's apprentice`, `retired soldier's grandchild`.

    A word that a child can be stays as it is.
    """
    words = re.findall(r"[\w-]+", trade.casefold())
    if _CHILDLIKE & set(words):
        return trade
    head = re.split(r" (?:of|at|in|on|for|from) ", trade)[0]
    old = head.split(" ")[0] in _AGEING or words[-1:] == ["man"] or words[-1:] == ["woman"]
    kind = "grandchild" if old or head.split(" ")[-1] in _STATES_OF_ADULTS else "apprentice"
    if head != trade:
        return f"{kind} {'of' if kind == 'grandchild' else 'to'} {article(trade)} {trade}"
    return f"{possessive_of(trade)} {kind}"
