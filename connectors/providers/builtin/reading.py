"""Reading texts back: a template of the bank is also the pattern of every text that was made from it."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.bank.templates import PEOPLE, SAYS, SLOT, WORDS
from connectors.providers.builtin.grammar import FORMS, PREPOSITIONS, PRONOUN_FORMS

_NAME = r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){0,3}?"
_FIRST = r"[^\W\d_][\w'’-]*"
_PHRASE = r"[^.;:!?,]{1,56}?"
_CLAUSE = r"[^.;!?]{1,160}?"
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
KNOWN = 0.3
"""Share of a premise's own words that must stand in a text for the text to be its telling."""


@dataclass(frozen=True)
class Found:
    """A slot's value as it stood in a text; pronouns are found under the slot's name and `.they`."""

    slot: str
    text: str
    preposition: str = ""


@dataclass(frozen=True)
class _Pattern:
    source: str
    groups: tuple[tuple[str, str], ...]
    """(slot, form) of each group."""
    words: frozenset[str]
    """Words of the template that do not depend on slots."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Compiled when a sentence has the words for it: compiling costs more than all the rest of a reading."""
        return re.compile(self.source, re.IGNORECASE)


def split(text: str) -> list[str]:
    """The sentences of a text."""
    return [each for each in re.split(r"(?<=[.!?])\s+|\n+", text.strip()) if each]


def read_back(templates: Iterable[str], text: str, known: Collection[str] = ()) -> Iterator[Found]:
    """What stands in the slots of those sentences of the text that were made from these templates.

    `known` are names that may stand there as a whole: the preposition in “the mill on the weir” ends no slot.
    """
    guarded = _guarded(text, known)
    there = [(sentence, _words(_bared(sentence))) for sentence in split(guarded)]
    for template in templates:
        for pattern in _patterns(template):
            for sentence, words in there:
                if pattern.words and len(pattern.words & words) < 0.7 * len(pattern.words):
                    continue
                # A template may say in so many words what is a name elsewhere.
                match = pattern.regex.fullmatch(sentence) or pattern.regex.fullmatch(_bared(sentence))
                if match:
                    yield from _values(pattern, match)
                    break


def made_from(template: str, text: str) -> tuple[Found, ...] | None:
    """What stands in the slots of a text that was made from this template as a whole; None where it was not."""
    sentences, patterns = split(text), _patterns(template)
    if len(sentences) != len(patterns):
        return None
    found: list[Found] = []
    for sentence, pattern in zip(sentences, patterns, strict=True):
        match = pattern.regex.fullmatch(sentence)
        if match is None:
            return None
        found += _values(pattern, match)
    return tuple(found)


GUARD = {" ": "\ue000", ",": "\ue001", ".": "\ue002", ";": "\ue003", ":": "\ue004"}
"""Stand-ins, of no meaning in any script, for what would end a slot inside a name."""
_BARE = str.maketrans({guard: mark for mark, guard in GUARD.items()})
_BREAKS = re.compile(rf"[.,;:]| (?:{PREPOSITIONS}|of|with|for|from|to|and|or|who|that) ")


def _guarded(text: str, known: Collection[str]) -> str:
    for name in sorted((each for each in known if _BREAKS.search(each)), key=len, reverse=True):
        plain = name.removeprefix("the ")
        if plain in text:
            text = text.replace(plain, plain.translate(_MARKS))
    return text


_MARKS = str.maketrans(GUARD)


def _bared(text: str) -> str:
    return text.translate(_BARE)


def settled(found: Iterable[Found]) -> dict[str, Found]:
    """For each slot what was found oftenest; of several the first."""
    by_slot: dict[str, list[Found]] = {}
    for each in found:
        by_slot.setdefault(each.slot, []).append(each)
    best = {}
    for slot, values in by_slot.items():
        text = Counter(each.text for each in values).most_common(1)[0][0]
        same = [each for each in values if each.text == text]
        best[slot] = next((each for each in same if each.preposition), same[0])
    return best


def likeness(templates: Sequence[str], text: str) -> float:
    """The share of the templates' own words that stand in the text, from 0 to 1."""
    own = _own_words(templates[0]) if len(templates) == 1 else frozenset[str]().union(*map(_own_words, templates))
    return _share(own, _words(text))


def premise_of(premises: Sequence[Premise], text: str, least: float = KNOWN) -> Premise | None:
    """The premise that a text tells; None where it is nobody's but its writer's."""
    words = _words(text)
    scored = [(_share(_premise_words(each), words), -place) for place, each in enumerate(premises)]
    if not scored:
        return None
    score, place = max(scored)
    return premises[-place] if score >= least else None


_PREMISE_WORDS: dict[int, frozenset[str]] = {}


def _premise_words(premise: Premise) -> frozenset[str]:
    known = _PREMISE_WORDS.get(id(premise))
    if known is None:
        templates = (premise.hook[0], *premise.premise, premise.what_if[0])
        known = frozenset[str]().union(*(_own_words(each) for each in templates))
        _PREMISE_WORDS[id(premise)] = known
    return known


def _share(own: frozenset[str], words: frozenset[str]) -> float:
    return len(own & words) / len(own) if own else 0.0


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    return frozenset(_LONG_WORD.findall(text.casefold()))


@cache
def _own_words(template: str) -> frozenset[str]:
    return _words(SLOT.sub(" ", template))


@cache
def _patterns(template: str) -> tuple[_Pattern, ...]:
    return tuple(_compiled(each) for each in split(template))


def _compiled(sentence: str) -> _Pattern:
    groups: list[tuple[str, str]] = []
    parts: list[str] = []
    end = 0
    for found in SLOT.finditer(sentence):
        parts.append(re.escape(sentence[end : found.start()]))
        name, form = found[1], (found[2] or "").removesuffix("C")
        if found[3] is not None:
            parts.append(f"(?:{re.escape(found[3])}|{re.escape(found[4])})")
        else:
            groups.append((name, form))
            parts.append(_group(name, form))
        end = found.end()
    parts.append(re.escape(sentence[end:]))
    return _Pattern("".join(parts), tuple(groups), _own_words(sentence))


def _group(name: str, form: str) -> str:
    if name in PEOPLE:
        if form in PRONOUN_FORMS:
            return f"({'|'.join(sorted({forms[PRONOUN_FORMS[form]] for forms in FORMS.values()}))})"
        return f"({_NAME if form == '' else _FIRST})" + ("['’]s?" if form == "s" else "")
    if name in WORDS or name in SAYS:
        return f"({_CLAUSE if name in SAYS or name in ('aim', 'plan') else _PHRASE})"
    if form == "in":
        return f"((?:{PREPOSITIONS}|at the time of) {_PHRASE})"
    if form == "a":
        return f"(?:an? )?({_PHRASE})"
    if form == "the":
        return f"the ({_PHRASE})"
    if form in ("it", "its"):
        return "(it|they|its|their)"
    return f"({_PHRASE})" + ("['’]s?" if form == "s" else "")


def _values(pattern: _Pattern, match: re.Match[str]) -> Iterator[Found]:
    for (name, form), guarded in zip(pattern.groups, match.groups(), strict=True):
        text = _bared(guarded)
        if name in PEOPLE and form in PRONOUN_FORMS:
            yield Found(f"{name}.they", _pronoun(text, PRONOUN_FORMS[form]))
        elif name in PEOPLE:
            yield Found(f"{name}.f" if form else name, text)
        elif form == "in":
            start = "at the time of" if text.casefold().startswith("at the time of ") else text.split(" ")[0]
            yield Found(name, _inside(text[len(start) + 1 :]), start.lower())
        elif form in ("", "a", "the", "s"):
            yield Found(name, _inside(text))


def _pronoun(word: str, form: int) -> str:
    plain = word.casefold()
    if plain == "her":
        return "she"
    return next((subject for subject, forms in FORMS.items() if forms[form] == plain), "")


def _inside(text: str) -> str:
    return f"the {text[4:]}" if text.startswith("The ") else text
