"""Agreement: articles, pronouns, verbs, possessives and capitals, for texts with slots.

A slot is `{name}`, `{name.form}` or, for a verb that must agree, `{name.v:has|have}`; `bank/README.md` has the forms.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, Self

Pronouns = Literal["they", "she", "he", "it"]

FORMS: dict[str, tuple[str, str, str, str, str]] = {
    "she": ("she", "her", "her", "herself", "hers"),
    "he": ("he", "him", "his", "himself", "his"),
    "they": ("they", "them", "their", "themself", "theirs"),
    "it": ("it", "it", "its", "itself", "its"),
}
"""Subject, object, possessive, reflexive, possessive standing alone."""
PRONOUN_FORMS = {"they": 0, "them": 1, "their": 2, "themself": 3, "theirs": 4}
"""Forms of a person's slot that are pronouns, by their place in FORMS."""

TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "sir", "lady", "lord", "captain", "old", "aunt", "uncle", "saint", "the"}
)
PLURALS = frozenset(
    {"people", "folk", "children", "men", "women", "teeth", "feet", "geese", "mice", "police", "cattle"}
)
SINGULAR_S = frozenset(
    {"lens", "chaos", "cosmos", "news", "gas", "christmas", "atlas", "canvas", "mathematics", "physics"}
)
SMALL = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "with"})

SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?(?::([^|}]*)\|([^}]*))?\}")
PREPOSITIONS = "in|on|at|aboard|under|by|during|after|before|below|beyond|near|outside|inside|across|along"
_NAMED = re.compile(rf"(?P<preposition>{PREPOSITIONS}|in the time of) (?P<text>.+)")
_AN = re.compile(
    r"(?:[aeio]|u(?!ni(?![nm])|s[aeiu]|k[aeiu]|t[eio]|biq|r[aeiou])|hour|honest|honou?r|heir\b|heirloom"
    r"|8|11\b|18\b|[FHLMNRSX](?:-|[A-Z]\b))",
)
_NOT_AN = re.compile(r"(?:one\b|one-|once|eu|ewe|ouija)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def article(noun: str) -> str:
    """`a` or `an`, by the sound the noun begins with."""
    sound = noun if noun[:2].isupper() or noun[1:2] == "-" else noun[:1].lower() + noun[1:]
    return "an" if _AN.match(sound) and not _NOT_AN.match(noun) else "a"


@lru_cache(maxsize=1024)
def is_plural(noun: str) -> bool:
    """True where the noun's head looks like a plural (`wardens of the chime`, `old letters`)."""
    head = re.split(r" (?:of|in|with|for|from|at|on|who|that) ", noun.strip())[0].split(" ")[-1].casefold()
    return (
        head.endswith("s") and not head.endswith(("ss", "us", "is")) and head not in SINGULAR_S
    ) or head in PLURALS


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def heading(text: str) -> str:
    """The text in the capitals of a title; its first and last words are capital in any case."""
    words = text.split(" ")
    told = [capital(words[0])]
    for before, word in pairwise(words):
        inner = word.casefold() in SMALL and before[-1:] not in (":", ".", "?", "!")
        told.append(word.casefold() if inner else capital(word))
    told[-1] = capital(told[-1])
    return " ".join(told)


def sentences(text: str) -> str:
    """Large first letters of sentences, single spaces."""
    text = re.sub(r"[ \t]+", " ", text).strip()
    return re.sub(r"(^|[.!?] |\.[”’] |\n)([“‘(]?)(\w)", lambda found: found[1] + found[2] + found[3].upper(), text)


def fit(text: str, limit: int) -> str:
    """The text, or as many whole sentences of it as the limit allows; a sentence too long ends at a word."""
    if len(text) <= limit:
        return text
    ends = [found.end() for found in re.finditer(r"[.!?](?= |$)", text) if found.end() <= limit]
    if ends:
        return text[: ends[-1]]
    cut = text[: limit - 1].rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:") + "…"


@dataclass(frozen=True)
class Person:
    """Somebody who is named in a text."""

    name: str
    pronouns: Pronouns
    job: str = ""

    @property
    def first(self) -> str:
        """What friends call the person; a name with a title stays whole."""
        words = self.name.split(" ")
        return self.name if words[0].rstrip(".").casefold() in TITLES else words[0]

    def form(self, name: str) -> str:
        """This person in the form that a slot asks for. Raises KeyError where people have no such form."""
        if name == "":
            return self.name
        if name == "f":
            return self.first
        if name == "s":
            return possessive_of(self.first)
        if name == "job":
            return f"{article(self.job)} {self.job}"
        return FORMS[self.pronouns][PRONOUN_FORMS[name]]

    def verb(self, singular: str, plural: str) -> str:
        """The verb that goes with the person's pronoun."""
        return plural if self.pronouns == "they" else singular


def familiar(text: str, people: Iterable[Person], introduced: Iterable[str] = ()) -> str:
    """The text with each person's full name once, the first name from then on.

    `introduced` are names that an earlier text has given in full already.
    """
    known = set(introduced)
    for person in people:
        if person.first == person.name:
            continue
        head, name, tail = text.partition(person.name)
        if person.name in known:
            head, name, tail = "", "", text
        text = head + name + tail.replace(person.name, person.first)
    return text


def inside(text: str, names: Iterable[str]) -> str:
    """A sentence fit for the inside of another: its first letter small unless it begins with a name."""
    if any(text.startswith(name) for name in names if name):
        return text
    return text[:1].lower() + text[1:]


@dataclass(frozen=True)
class Noun:
    """A thing without a name of its own: `bell`, `drowned city`, `old letters`."""

    text: str

    def form(self, name: str) -> str:
        """This noun in the form that a slot asks for. Raises KeyError where nouns have no such form."""
        match name:
            case "":
                return self.text
            case "a":
                return self.text if is_plural(self.text) else f"{article(self.text)} {self.text}"
            case "the":
                return f"the {self.text}"
            case "pl":
                return self.text if is_plural(self.text) else plural(self.text)
            case "it":
                return "they" if is_plural(self.text) else "it"
            case "its":
                return "their" if is_plural(self.text) else "its"
            case "s":
                return possessive_of(self.text)
            case "T":
                return heading(self.text)
            case "in":
                return f"in the {self.text}"
            case _:
                raise KeyError(name)

    def verb(self, singular: str, plural: str) -> str:
        """The verb that goes with the noun's number."""
        return plural if is_plural(self.text) else singular


@dataclass(frozen=True)
class Named:
    """A thing, place, event or group with its article: `the Wardens`, `the flood`, `Harrow Sluice`."""

    text: str
    """As it stands inside a sentence."""
    preposition: str = "in"

    @classmethod
    def read(cls, option: str, preposition: str) -> Self:
        """An option of the bank; `aboard the Marigold` brings its own preposition."""
        found = _NAMED.fullmatch(option)
        return cls(found["text"], found["preposition"]) if found else cls(option, preposition)

    def form(self, name: str) -> str:
        """This name in the form that a slot asks for. Raises KeyError where names have no such form."""
        match name:
            case "":
                return self.text
            case "in":
                return f"{self.preposition} {self.text}"
            case "a" | "the" | "pl":
                # A name needs no other article than its own.
                return self.text
            case "it":
                return "they" if self._plural() else "it"
            case "its":
                return "their" if self._plural() else "its"
            case "s":
                return possessive_of(self.text)
            case "T":
                # In the middle of a title the article is small; `heading` makes a first one large.
                return f"the {heading(self.text[4:])}" if self.text.startswith("the ") else heading(self.text)
            case _:
                raise KeyError(name)

    def verb(self, singular: str, plural: str) -> str:
        """The verb that goes with the name's number."""
        return plural if self._plural() else singular

    def _plural(self) -> bool:
        if not self.text.startswith("the "):
            return False
        return is_plural(self.text[4:])


@lru_cache(maxsize=1024)
def possessive_of(name: str) -> str:
    """`Agnes's`, `the Wardens'`, `the children's`."""
    many = is_plural(name.removeprefix("the ")) and (name.startswith("the ") or name[:1].islower())
    return f"{name}'" if many and name.endswith("s") else f"{name}'s"


def plural(noun: str) -> str:
    """The plural of a regular noun; of `bell of the town` it is `bells of the town`."""
    head, of, rest = noun.partition(" of ")
    if head.endswith(("s", "x", "z", "ch", "sh")):
        head += "es"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        head = head[:-1] + "ies"
    elif head.endswith("man"):
        head = head[:-3] + "men"
    elif head.endswith("child"):
        head += "ren"
    else:
        head += "s"
    return head + of + rest


Slots = Mapping[str, "Person | Noun | Named | str"]


def fill(template: str, slots: Slots) -> str:
    """The template with its slots filled; text from slots is not read again for slots.

    Raises KeyError where the template asks for a slot or form that does not exist.
    """
    first, rest = _cut(template)
    if not rest:
        return first
    told = [first]
    for name, form, large, singular, plural, after in rest:
        thing = slots[name]
        if isinstance(thing, str):
            text = thing
        elif singular is not None:
            text = thing.verb(singular, plural)
        else:
            text = thing.form(form)
        if text.startswith("the ") and told[-1].endswith(("the ", "The ")):
            text = text[4:]
        told += (capital(text) if large else text, after)
    return "".join(told)


_Cut = tuple[str, str, bool, str | None, str, str]


@lru_cache(maxsize=8192)
def _cut(template: str) -> tuple[str, tuple[_Cut, ...]]:
    """The text before the first slot; each slot (name, form, large, verb in singular and plural, text after it)."""
    first, *parts = SLOT.split(template)
    slots: list[_Cut] = []
    for place in range(0, len(parts), 5):
        name, form, singular, plural, after = parts[place : place + 5]
        large = bool(form) and form.endswith("C")
        slots.append((name, (form or "").removesuffix("C"), large, singular, plural or "", after))
    return first, tuple(slots)


NUMBERS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(value: int) -> str:
    """A number from 10 to 99 in words."""
    if value < 20:
        return NUMBERS[value - 10]
    ones = ["", *"one two three four five six seven eight nine".split()][value % 10]
    return TENS[value // 10 - 2] + (f"-{ones}" if ones else "")
