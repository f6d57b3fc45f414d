"""Words for people that no list can hold: somebody is known by how the word is made, and by where it stands.

The lexicon knows some hundred trades. An idea may name any other, `a boxing referee`, `the last cellist of the town`:
after an article, a word with the ending of such words is somebody, unless the lexicon knows it for something else.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

from connectors.providers.builtin.bank.shelves import lexicon

ARTICLES = frozenset({"a", "an", "one", "the", "my", "our"})
LONGEST = 4
"""Words of a phrase for somebody, without its article."""

_NUMBERS = {
    word: number
    for number, word in enumerate(
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(), 10
    )
} | {word: 10 * tens for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_ONES = {word: number for number, word in enumerate("one two three four five six seven eight nine".split(), 1)}
_YEARS = rf"(?:{'|'.join(_NUMBERS)})(?:[- ](?:{'|'.join(_ONES)}))?|\d\d"
_AGE = re.compile(
    rf"\b(?P<how>of|aged?(?: of)?|is|be|about|around|almost|nearly|just|turns?|turned) (?:about |around |almost )?"
    rf"(?P<years>{_YEARS})\b(?![- ](?:{'|'.join(_ONES)})\b)(?! (?:or|to)\b)"
    r"(?! (?:years? (?!old)|months|weeks|days|nights|hours|minutes|miles|pages|percent|thousand|hundred|people)\b)"
    rf"|\b(?P<old>{_YEARS})[- ]years?[- ]old\b",
    re.IGNORECASE,
)
_SOMEBODY = frozenset({"man", "woman", "girl", "boy", "he", "she", "they", "him", "her", "lead", "hero", "heroine"})


@cache
def _endings() -> tuple[str, ...]:
    return tuple(lexicon()["person_endings"])


@cache
def _others() -> frozenset[str]:
    return frozenset(lexicon()["no_persons"])


def is_calling(word: str, known: Callable[[str], str]) -> bool:
    """True if this word, small, is somebody by what they do. `known` tells a word's kind in the lexicon."""
    if kind := known(word):
        return kind == "persons"
    return len(word) > 4 and word not in _others() and word.endswith(_endings())


def calling_at(words: Sequence[str], known: Callable[[str], str]) -> int:
    """How many of these words, which follow an article, are a phrase for somebody; 0 where they are none."""
    plain, taken = frozenset(lexicon()["plain"]), 0
    for place, word in enumerate(words[:LONGEST]):
        small = word.casefold()
        if (
            (small in plain and small not in ("night", "day"))
            or re.search(r"['’]", word)
            or (word[:1].isupper() and place)
        ):
            break
        if is_calling(small, known):
            taken = place + 1
    return taken


def age_of(text: str, known: Callable[[str], str]) -> tuple[int, str]:
    """The age of somebody that a text names in figures or in words, in years, and how it says so.

    0 and nothing where it names none.
    """
    for found in _AGE.finditer(text):
        years = (found["years"] or found["old"]).casefold()
        # `a case of sixty` is no age: somebody must stand near.
        before = re.findall(r"[\w'’-]+", text[: found.start()].casefold())[-5:]
        near = any(word in _SOMEBODY or is_calling(word, known) for word in before)
        if found["old"] or found["how"].casefold().startswith("age") or near:
            return int(years) if years.isdecimal() else _in_words(years), found[0]
    return 0, ""


def _in_words(years: str) -> int:
    tens, _, ones = years.replace(" ", "-").partition("-")
    return _NUMBERS[tens] + _ONES.get(ones, 0)
