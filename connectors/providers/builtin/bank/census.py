"""What must hold of a bank beyond the form of its tables: enough of everything, nothing that points nowhere."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from connectors.providers.builtin.bank.filling import fillings, options
from connectors.providers.builtin.bank.lengths import entries, eras, lengths, texts_of, whole_premises
from connectors.providers.builtin.bank.plots import Beat
from connectors.providers.builtin.bank.shelves import Genre, genres
from connectors.providers.builtin.bank.shelves import genre as shelf
from connectors.providers.builtin.bank.templates import Part, Role

WANTED = {
    "premises": 8,
    "looks": 5,
    "wounds": 6,
    "rules": 4,
    "lore": 6,
    "factions": 3,
    "cultures": 2,
    "episodes": 8,
    "turns": 3,
}
"""Fewest entries of a genre, the common ones included."""
PLOTS = 5
PEOPLE_PER_PART = 3
PLACES_PER_ROLE = 2
GRAMMAR = (
    (re.compile(r"\b[Aa]n? \{(?!\w+(?:\.T)?\}'s)"), "an article before a slot; write {name.a}"),
    (
        re.compile(r"\b(?:in|In) \{(?:town|P|event)\}"),
        "a preposition before a name; write {name.in}",
    ),
    (
        re.compile(r"\b(?:in|on|at) \{\w+\.in\}"),
        "a place may bring the same word; write “shut up {P.in}”, not “shut in”",
    ),
    (
        re.compile(r"\{[LNDAMRW]\.theyC?\} (?:has|is|was|does|goes|had been being|doesn['’]t|isn['’]t|wasn['’]t)\b"),
        "the verb must agree; write {L.v:has|have}",
    ),
    (
        re.compile(
            r"\{[LNDAMRW]\.theyC?\} (?!always|perhaps|sometimes|this|thus|less|has|is|was|does|goes)[a-z]+s\b(?!['’])"
        ),
        "the verb must agree; write {L.v:says|say}",
    ),
    (re.compile(r"(?<![\w-])(\w+) \1\b", re.IGNORECASE), "a doubled word"),
    (re.compile(r"\b[Ss]uddenly\b|\b[Ll]ittle did\b|—"), "not in this house; see the don'ts of README.md"),
)
"""Patterns that a text must not have, with the remedy."""


def violations(genre: Genre) -> list[str]:
    """What is wrong with a genre, one sentence each with its remedy; empty where nothing is."""
    return [
        *_too_few(genre),
        *_references(genre),
        *_names(genre),
        *fillings(genre),
        *options(genre),
        *_grammar(genre),
        *_wounds(genre),
        *lengths(genre),
        *whole_premises(genre),
        *eras(genre),
        *_repeats(genre),
    ]


def _too_few(genre: Genre) -> Iterator[str]:
    for table, wanted in WANTED.items():
        there = len(getattr(genre, table))
        if there < wanted:
            yield f"{table}: {there} entries, at least {wanted} are wanted; write {wanted - there} more."
    plots = {each.plot for each in genre.premises}
    if len(plots) < PLOTS:
        yield f"premises: {len(plots)} different plots, at least {PLOTS} are wanted; write premises on other plots."
    parts = Counter(each.part for each in genre.people)
    for part in get_args(Part):
        if parts[part] < PEOPLE_PER_PART:
            yield f"people: {parts[part]} of part {part}, at least {PEOPLE_PER_PART} are wanted."
        if not any(each.part == part for each in genre.chains.values()):
            yield f"chains: none of part {part}; write one."
    roles = Counter(each.role for each in genre.places)
    for role in get_args(Role):
        if roles[role] < PLACES_PER_ROLE:
            yield f"places: {roles[role]} of role {role}, at least {PLACES_PER_ROLE} are wanted."


def _references(genre: Genre) -> Iterator[str]:
    for premise in genre.premises:
        plot = genre.plots.get(premise.plot)
        if plot is None:
            yield f"premise “{premise.id}”: no plot “{premise.plot}”; choose one of {', '.join(sorted(genre.plots))}."
            continue
        for slot in plot.slots:
            if slot not in premise.more:
                yield f"premise “{premise.id}”: plot “{plot.id}” wants the slot {slot}; add [premises.more.{slot}]."
        for name in premise.where:
            if all(name != each.id for each in plot.beats):
                yield f"premise “{premise.id}”: plot “{plot.id}” has no beat “{name}”; mend the name in where."
        for name in premise.cultures:
            if all(name != each.id for each in genre.cultures):
                yield f"premise “{premise.id}”: no culture “{name}”; mend the name."
        if not genre.turns_of(plot.id):
            yield f"premise “{premise.id}”: no turn goes with plot “{plot.id}”; write one."
    for person in genre.people:
        for name in person.chains:
            if name not in genre.chains or genre.chains[name].part != person.part:
                yield f"people “{person.job}”: no chain “{name}” of part {person.part}; mend the name."
    for turn in genre.turns:
        for name in turn.plots:
            if name not in genre.plots and not any(name in shelf(each).plots for each in genres()):
                yield f"turn “{turn.id}”: no plot “{name}”; mend the name."
    for where, beats in _lines(genre):
        yield from _beats(where, beats)


def _lines(genre: Genre) -> Iterator[tuple[str, Sequence[Beat]]]:
    for kind, lines in (("plot", genre.plots.values()), ("turn", genre.turns), ("chain", genre.chains.values())):
        for line in lines:
            yield f"{kind} “{line.id}”", line.beats
    yield "episodes", genre.episodes


def _beats(where: str, beats: Sequence[Beat]) -> Iterator[str]:
    at = {each.id: each.at for each in beats}
    planted = {each.id for each in beats if each.plant}
    for name, count in Counter(each.id for each in beats).items():
        if count > 1:
            yield f"{where}: {count} beats are called “{name}”; give each its own name."
    for beat in beats:
        for name in beat.pays:
            # What another line planted is not its to pay: that line may not be in the book.
            if name not in planted:
                yield f"{where}: beat “{beat.id}” pays “{name}”, which plants nothing here; mend the name."
            elif at[name] >= beat.at:
                yield f"{where}: beat “{beat.id}” pays “{name}” before it is planted; move one of them."
    paid = {name for each in beats for name in each.pays}
    for name in sorted(planted - paid):
        yield f"{where}: what beat “{name}” plants is never paid; name it in the `pays` of a later beat."


def _names(genre: Genre) -> Iterator[str]:
    for name, count in Counter(each.id for each in genre.premises).items():
        if count > 1:
            yield f"premises: {count} are called “{name}”; give each its own name."


def _grammar(genre: Genre) -> Iterator[str]:
    for table, entry in entries(genre):
        name = getattr(entry, "id", "") or getattr(entry, "name", "") or table
        for where, text in texts_of(entry):
            for pattern, remedy in GRAMMAR:
                if found := pattern.search(text):
                    yield f"{table} “{name}” {where}: “{found[0]}”: {remedy}."


def _wounds(genre: Genre) -> Iterator[str]:
    for wound in genre.wounds:
        # It stands after "who" and after a pronoun, which may be they.
        if re.match(r"(?:was|is|has|does|goes|[a-z]+s) ", wound.line):
            yield f"wounds “{wound.line[:40]}”: begin with a verb that fits she and they: left, had been told, sold."


def _repeats(genre: Genre) -> Iterator[str]:
    seen: dict[str, str] = {}
    for where, beats in _lines(genre):
        for beat in beats:
            for text in (*beat.text, beat.conflict, beat.hook):
                if "{" in text and len(text) < 24:
                    continue
                if text in seen:
                    yield f"{where}: beat “{beat.id}” repeats a text of {seen[text]}; write it in other words."
                seen.setdefault(text, f"{where}, beat “{beat.id}”")
