"""Agreement: articles, pronouns, verbs, possessives and capitals, for texts with slots.

A slot is `{name}`, `{name.form}` or, for a verb that must agree, `{name.v:has|have}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Pronouns = Literal["they", "she", "he", "it"]

FORMS: dict[str, tuple[str, str, str, str]] = {
    "she": ("she", "her", "her", "herself"),
    "he": ("he", "him", "his", "himself"),
    "they": ("they", "them", "their", "themself"),
    "it": ("it", "it", "its", "itself"),
}
"""Subject, object, possessive, reflexive."""

TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "sir", "lady", "lord", "captain", "old", "aunt", "uncle", "saint", "the"}
)
SMALL = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "with"})

_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?(?::([^|}]*)\|([^}]*))?\}")
_AN = re.compile(r"(?:[aeio]|u(?!ni|s[aeiu]|k|t[eio])|hour|honest|honou?r|heir)", re.IGNORECASE)
_NOT_AN = re.compile(r"(?:one\b|once|eu|ewe|ouija)", re.IGNORECASE)


def article(noun: str) -> str:
    """`a` or `an`, by the sound the noun begins with."""
    return "an" if _AN.match(noun) and not _NOT_AN.match(noun) else "a"


def is_plural(noun: str) -> bool:
    """True where the noun's head looks like a plural (`wardens of the chime`, `old letters`)."""
    head = re.split(r" (?:of|in|with|for|from|at|on) ", noun.strip())[0].split(" ")[-1].casefold()
    return (head.endswith("s") and not head.endswith(("ss", "us", "is"))) or head in ("people", "folk", "wives")


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """The text fit for the inside of a sentence: a leading article, pronoun or determiner small."""
    first = re.match(
        r"(The|A|An|She|He|They|It|Her|His|Their|One|Half|Nobody|Some|Whoever|What|Everything|Nothing|People|Words|Keeping|No)\b",
        text,
    )
    return text[:1].lower() + text[1:] if first else text


def heading(text: str) -> str:
    """The text in the capitals of a title."""
    words = text.split(" ")
    return " ".join(word if place and word.casefold() in SMALL else capital(word) for place, word in enumerate(words))


def sentences(text: str) -> str:
    """Large first letters of sentences, single spaces."""
    text = re.sub(r"[ \t]+", " ", text).strip()
    return re.sub(r"(^|[.!?] |\n)(\w)", lambda found: found[1] + found[2].upper(), text)


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
        """This person in the form that a slot asks for."""
        subject, object_, possessive, reflexive = FORMS[self.pronouns]
        forms = {
            "": self.name,
            "f": self.first,
            "s": f"{self.first}'s",
            "they": subject,
            "They": capital(subject),
            "them": object_,
            "their": possessive,
            "Their": capital(possessive),
            "themself": reflexive,
            "job": f"{article(self.job)} {self.job}",
        }
        return forms[name]

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
        """This noun in the form that a slot asks for."""
        if name in ("a", "A"):
            word = self.text if is_plural(self.text) else f"{article(self.text)} {self.text}"
            return capital(word) if name == "A" else word
        return {"": self.text, "T": heading(self.text), "C": capital(self.text)}[name]

    def verb(self, singular: str, plural: str) -> str:
        """The verb that goes with the noun's number."""
        return plural if is_plural(self.text) else singular


@dataclass(frozen=True)
class Named:
    """A thing, place, event or group with its article: `the Wardens`, `the flood`, `Harrow Sluice`."""

    text: str
    """As it stands inside a sentence."""
    preposition: str = "in"

    def form(self, name: str) -> str:
        """This name in the form that a slot asks for."""
        forms = {
            "": self.text,
            "C": capital(self.text),
            "T": heading(self.text),
            "in": f"{self.preposition} {self.text}",
            "s": f"{self.text}'s",
        }
        return forms[name]

    def verb(self, singular: str, plural: str) -> str:
        """The verb that goes with the name's number."""
        bare = self.text[4:] if self.text.startswith("the ") else self.text
        return plural if is_plural(bare) else singular


Slots = Mapping[str, "Person | Noun | Named | str"]


def fill(template: str, slots: Slots) -> str:
    """The template with its slots filled; text from slots is not read again for slots.

    Raises KeyError where the template asks for a slot or form that does not exist.
    """

    def value(found: re.Match[str]) -> str:
        name, form, singular, plural = found.groups()
        thing = slots[name]
        if isinstance(thing, str):
            return capital(thing) if form == "C" else thing
        if singular is not None:
            return thing.verb(singular, plural)
        if form and form.endswith("C") and form != "C":
            return capital(thing.form(form[:-1]))
        return thing.form(form or "")

    return _SLOT.sub(value, template)


NUMBERS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(value: int) -> str:
    """A number from 10 to 99 in words."""
    if value < 20:
        return NUMBERS[value - 10]
    ones = ["", *"one two three four five six seven eight nine".split()][value % 10]
    return TENS[value // 10 - 2] + (f"-{ones}" if ones else "")
