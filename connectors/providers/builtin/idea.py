"""Reading an idea: which of its words fill which kind of slot, and which fill none."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from connectors.providers.builtin.bank.shelves import lexicon
from connectors.providers.builtin.callings import ARTICLES, age_of, calling_at
from connectors.providers.builtin.grammar import Pronouns

RANKS = ("last", "first", "only", "best", "new", "other")
"""Words before somebody that are no part of what they do."""
_DETERMINERS = ("a", "an", "the", "her", "his", "their")
KINDS = ("persons", "settlements", "sites", "wilds", "objects", "creatures", "kins", "abstracts", "events")

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_AGAINST = frozenset({"against", "versus", "fights", "defies", "fears", "escapes", "hates", "outwits"})
_NAMED = re.compile(r"\b(?:named|called|[Hh](?:er|is) name is|[Tt]heir name is)\s+([A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?)")
_OPENING_NAME = re.compile(r"^\s*([A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?), (?:an? |the )")
_IDIOM = re.compile(
    r"\b(?:at a time|in time|(?:the|this) (?:first|last|same|next) time|by the time)\b", re.IGNORECASE
)
_A_BOOK = re.compile(r"\b(?:an?|another|[a-z]+['’]s) (?:[a-z]+ )?books?\b", re.IGNORECASE)
_THE_BOOK = re.compile(r"\b(?:this|my|the) (?:book|novel)\b(?!['’ ]*(?:of|that|which|keeper|shop)\b)", re.IGNORECASE)
_PLACE_NAME = re.compile(r"\b(?:in|on|at|of|from) ([A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)")


@dataclass(frozen=True)
class Found:
    """A word or phrase of a known kind, in the singular where it named one thing."""

    kind: str
    text: str
    after: str = ""
    """The word before it, small."""


@dataclass(frozen=True)
class Idea:
    """What could be read out of the person's words."""

    found: tuple[Found, ...] = ()
    lead_name: str = ""
    town_name: str = ""
    pronouns: Pronouns | None = None
    age: int = 0
    """Of the lead, in years; 0 where nothing is said."""
    unknown: tuple[str, ...] = ()
    """Words with a meaning of their own that fill no slot, in their order."""
    verbs: tuple[tuple[str, str], ...] = ()
    """(verb as it stands, the plot it suggests), in their order."""
    foreign: bool = False
    """True where the words don't look like English."""

    def first(self, kind: str) -> str:
        """The first phrase of this kind, or nothing."""
        return next((found.text for found in self.found if found.kind == kind), "")

    def all(self, kind: str) -> list[str]:
        """The phrases of this kind in their order, each once."""
        return list(dict.fromkeys(found.text for found in self.found if found.kind == kind))

    @property
    def opponent(self) -> str:
        """The person the lead is said to be against, or nothing."""
        return next((each.text for each in self.found if each.kind == "persons" and each.after in _AGAINST), "")


def words_of(phrases: Iterable[str]) -> frozenset[str]:
    """The words of these phrases that are long enough to mean something, small."""
    return frozenset(word for phrase in phrases for word in phrase.casefold().split(" ") if len(word) > 3)


@cache
def kind_of_words() -> Mapping[str, str]:
    """Every word and phrase of the lexicon with its kind."""
    kinds: dict[str, str] = {}
    for kind in KINDS:
        for word in lexicon()[kind]:
            kinds.setdefault(word, kind)
    return kinds


@dataclass
class _Reader:
    words: list[str]
    found: list[Found] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def read(self) -> None:
        place = 0
        while place < len(self.words):
            place += self._at(place) or 1

    def _at(self, start: int) -> int:
        """Reads a phrase that starts here; how many words it took."""
        if pair := self._compound(start):
            self._take(start, 2, "objects", pair)
            return 2
        if start and self.words[start - 1].casefold() in ARTICLES and (length := self._calling(start)):
            return length
        for length in (3, 2, 1):
            phrase = " ".join(self.words[start : start + length]).casefold()
            known = len(self.words) >= start + length and (
                kind_of(phrase) or (length == 2 and phrase.split(" ")[1] in lexicon()["agents"] and "persons")
            )
            if known and not (length == 2 and phrase.split(" ")[0] in lexicon()["plain"]):
                one = length == 1 and known != "creatures"
                self._take(start, length, known, _singular(phrase) if one else phrase)
                return length
        return 0

    def _calling(self, start: int) -> int:
        """Reads somebody whom the lexicon doesn't know, after an article; how many words they took."""
        length = calling_at(self.words[start:], kind_of)
        phrase = " ".join(self.words[start : start + length]).casefold()
        if not length or _known_person(phrase):
            return 0
        end = start + length
        # When and where somebody lives is no part of the trade; it is left to choose the premise.
        while start < end and self.words[start].casefold() in (*RANKS, *lexicon()["times"]):
            start += 1
        if start == end:
            return 0
        self._take(start, end - start, "persons", " ".join(self.words[start:end]).casefold())
        return length

    def _compound(self, start: int) -> str:
        """Two things that stand side by side are one: `recipe book`."""
        pair = [word.casefold() for word in self.words[start : start + 2]]
        both = len(pair) == 2 and all(kind_of(word) == "objects" for word in pair)
        return f"{pair[0]} {_singular(pair[1])}" if both else ""

    def _take(self, start: int, length: int, kind: str, phrase: str) -> None:
        adjectives = lexicon()["adjectives"]
        first = start
        while first > 0 and self.words[first - 1].casefold() in adjectives and first - 1 not in self.used:
            first -= 1
        if kind in ("kins", "abstracts", "events"):
            first = start
        lead = " ".join(word.casefold() for word in self.words[first:start])
        place = first - 1
        while place > 0 and self.words[place].casefold() in (*_DETERMINERS, *RANKS, *lexicon()["times"]):
            place -= 1
        before = self.words[place].casefold() if place >= 0 else ""
        self.used.update(range(first, start + length))
        self.found.append(Found(kind, f"{lead} {phrase}".strip(), before))


def _singular(word: str) -> str:
    kinds = kind_of_words()
    return next((each for each in (word, *_roots(word)) if each in kinds), word)


def _roots(word: str) -> list[str]:
    roots = [
        word[: -len(end)] + put
        for end, put in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))
        if word.endswith(end)
    ]
    return [root for root in roots if len(root) > 2]


def kind_of(phrase: str) -> str:
    """The kind of a word or phrase in the lexicon, in the plural as well; nothing where it is not there."""
    kinds = kind_of_words()
    if phrase in kinds:
        return kinds[phrase]
    if " " in phrase:
        return ""
    return next((kinds[root] for root in _roots(phrase) if root in kinds), "")


def _known_person(phrase: str) -> bool:
    """True where the lexicon knows the whole phrase, its adjectives aside."""
    words = phrase.split(" ")
    while words and words[0] in lexicon()["adjectives"]:
        words = words[1:]
    return kind_of(" ".join(words)) == "persons" or (len(words) == 2 and words[1] in lexicon()["agents"])


def bare(noun: str) -> str:
    """The noun without the adjectives of the lexicon: `clockmaker` of `blind clockmaker`."""
    words = noun.split(" ")
    while len(words) > 1 and words[0] in lexicon()["adjectives"]:
        words = words[1:]
    return " ".join(words)


def plot_of_verb(word: str) -> str:
    """The plot that a verb in any of its forms suggests, or nothing."""
    verbs = lexicon()["verbs"]
    plain = word.casefold()
    roots = [plain]
    for end, put in (
        ("ies", "y"),
        ("es", ""),
        ("s", ""),
        ("ied", "y"),
        ("ed", ""),
        ("ed", "e"),
        ("ing", ""),
        ("ing", "e"),
    ):
        if plain.endswith(end) and len(plain) - len(end) > 2:
            roots.append(plain[: -len(end)] + put)
    return next((str(verbs[root]) for root in roots if root in verbs), "")


def read(text: str, names: bool = True) -> Idea:
    """Read a text of the person; with `names` False capital letters mean nothing."""
    plain = frozenset(lexicon()["plain"])
    lead, town = _own_names(text, plain) if names else ("", "")
    common = text
    for name in filter(None, (lead, town)):
        common = re.sub(rf"\b{re.escape(name)}\b", "—", common)
    age, said = age_of(common, kind_of)
    common = common.replace(said, "—", 1) if said else common
    common = _without_idioms(common)
    common, descended = _descent(common)
    words = _WORD.findall(re.sub(r"['’]s\b", "", common))
    reader = _Reader(words, list(descended))
    reader.read()
    unknown = [
        word
        for place, word in enumerate(words)
        if place not in reader.used
        and not re.search(r"['’]", word)
        and word.casefold() not in plain
        and word.casefold() not in lexicon()["adjectives"]
        and not plot_of_verb(word)
    ]
    return Idea(
        found=tuple(reader.found),
        lead_name=lead,
        town_name=town,
        pronouns=_pronouns(words),
        age=age,
        unknown=tuple(dict.fromkeys(unknown)),
        verbs=tuple(
            (word.casefold(), plot)
            for place, word in enumerate(words)
            if place not in reader.used and (plot := plot_of_verb(word))
        ),
        foreign=len(words) >= 4 and not any(word.casefold() in plain for word in words),
    )


def _without_idioms(text: str) -> str:
    """The text without phrases that name no thing of the story: `at a time`, `this book` for the novel itself."""
    text = _IDIOM.sub("—", text)
    return text if _A_BOOK.search(text) else _THE_BOOK.sub("—", text)


def _descent(text: str) -> tuple[str, list[Found]]:
    """`queen's daughter` and `smith's apprentice` are one person each, and neither a queen nor a smith."""
    found: list[Found] = []

    def take(match: re.Match[str]) -> str:
        owner, person = match[1].casefold(), match[2].casefold()
        kind = kind_of(person)
        if kind_of(owner) != "persons" or kind not in ("kins", "persons"):
            return match[0]
        found.append(Found("persons" if kind == "persons" else "descent", f"{owner}'s {person}"))
        return "—"

    return re.sub(r"(\w+)['’]s (\w+)", take, text), found


def _own_names(text: str, plain: frozenset[str]) -> tuple[str, str]:
    """The names of the lead and of the place, as far as capitals show them."""
    named = next((found for found in _NAMED.finditer(text) if found[1].split(" ")[0].casefold() not in plain), None)
    opening = _OPENING_NAME.search(text)
    if opening and (kind_of(opening[1].casefold()) or opening[1].casefold() in plain):
        opening = None
    lead = named[1] if named else opening[1] if opening else ""
    place = next((found[1] for found in _PLACE_NAME.finditer(text) if found[1] != lead), "")
    return lead, "" if place.casefold() in plain else place


def _pronouns(words: Iterable[str]) -> Pronouns | None:
    small = [word.casefold() for word in words]
    for word in small:
        if word in lexicon()["she"] or word.endswith("woman"):
            return "she"
        if word in lexicon()["he"]:
            return "he"
        if word in ("nonbinary", "non-binary", "themself"):
            return "they"
    # Only where nobody else is named by a pronoun: “they” may be everybody.
    return "they" if {"they", "their"} & set(small) else None
