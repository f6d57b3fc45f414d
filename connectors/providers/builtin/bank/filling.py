"""What a text of the bank may have in its slots: which slots there are where it stands, and in which forms."""

import re
from collections.abc import Iterator

from connectors.providers.builtin.bank.lengths import entries, texts_of
from connectors.providers.builtin.bank.shelves import Genre
from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.bank.templates import PEOPLE, SAYS, SLOT, SLOTS, WORDS

STAGED = ("plots", "turns", "chains", "episodes")
"""Tables whose texts may use the premise's whole texts as slots."""
PERSONAL = frozenset({"f", "they", "them", "their", "theirs", "themself", "job"})
"""Forms that only people have."""
IMPERSONAL = frozenset({"a", "the", "pl", "T", "in", "it", "its"})
"""Forms that people don't have."""
UNKNOWN_YET = {
    "house": frozenset("AMRW") | {"house", "office", "other", "third", "years", "aim", "plan", "wound"},
    "other": frozenset("AMRW") | {"other", "third", "years", "aim", "plan", "wound"},
    "third": frozenset("AMRW") | {"third", "years", "aim", "plan", "wound"},
    "aim": frozenset({"aim", "plan", "wound"}),
    "plan": frozenset({"plan", "wound"}),
}
"""Slots that are still empty when the text that becomes this slot is filled."""


def fillings(genre: Genre) -> Iterator[str]:
    """A sentence for each slot that can't be filled where it stands, with its remedy."""
    for table, entry in entries(genre):
        known = set(SLOTS) | ({"age", "job", "secret_N"} if table == "people" else set())
        if table in STAGED:
            known |= SAYS | set(getattr(entry, "slots", ()))
        if isinstance(entry, Premise):
            known |= set(entry.more)
        name = getattr(entry, "id", "") or getattr(entry, "name", "") or table
        for where, text in texts_of(entry):
            becomes = _becomes(table, where)
            for found in SLOT.finditer(text):
                fault = _fault(found, known, table, where) or _too_early(found[1], becomes)
                if fault:
                    yield f"{table} “{name}” {where}: {fault}"


def _fault(found: re.Match[str], known: set[str], table: str, where: str) -> str:
    slot, form = found[1], (found[2] or "").removesuffix("C")
    if slot not in known:
        return f"there is no slot {{{slot}}} here; mend the name."
    if slot == "P" and not (table == "episodes" or ".beats" in f".{where}"):
        return f"{found[0]}: only beats happen in a place; name the place in words."
    if slot in PEOPLE and form in IMPERSONAL:
        return f"{found[0]}: people have no such form."
    if slot in "LND" and form == "job":
        return f"{found[0]}: this person's job is {{trade.a}}, {{office}} or nobody's; write that."
    if slot not in PEOPLE and form in PERSONAL:
        return f"{found[0]}: only people have this form; write it, its or the name."
    if slot in WORDS and form:
        return f"{found[0]}: these are plain words without forms; write {{{slot}}}."
    return ""


def _becomes(table: str, where: str) -> str:
    """The slot that a text is, where it is one: a premise's house, aim or plan, a faction's name."""
    if table == "premises":
        names = {"house.names": "house", "other.name": "other", "aim": "aim", "plan": "plan"}
        return names.get(re.sub(r" \d+", "", where), "")
    return "third" if table == "factions" and where == "name" else ""


def _too_early(slot: str, becomes: str) -> str:
    if slot not in UNKNOWN_YET.get(becomes, ()):
        return ""
    return f"{{{slot}}} is not known yet when {{{becomes}}} is; write it in words, or use the lead, N, D or a place."


def options(genre: Genre) -> Iterator[str]:
    """A sentence for each option of a noun slot that brings its own article."""
    for premise in genre.premises:
        for slot in ("thing", "proof", "trade", "kind", "kin"):
            for option in getattr(premise.slots, slot):
                if re.match(r"(?:an?|the) ", option, re.IGNORECASE):
                    yield f"premise “{premise.id}” slots.{slot} “{option}”: write it without its article."
