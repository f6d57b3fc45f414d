"""Whether a premise's concept can be read back: what later stages will take from it against what it was made of."""

from collections.abc import Iterator

from connectors.providers.builtin import concepts
from connectors.providers.builtin.bank.shelves import Genre
from connectors.providers.builtin.bank.tables import Premise
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.company import with_company
from connectors.providers.builtin.grammar import Named, Person
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import Model, invent
from connectors.providers.builtin.recall import from_concept
from connectors.providers.builtin.wishes import Wishes
from genesis.session.brief import Brief

ALWAYS = ("L", "N", "town", "trade", "house", "office")
"""Slots that every concept says; another may be left unsaid, and is then as it was."""


def misread(genre: Genre, premise: Premise, seed: int) -> Iterator[str]:
    """A sentence for each slot that is read back as something else than was told."""
    told, base = _model(genre, premise, seed), _model(genre, premise, seed + 1000)
    concept = concepts.tell(told, Choice(seed), Brief(), Wishes(), "k/0")
    found = from_concept(concept, base)
    for slot in told.slots:
        meant, read, before = (_as_read(each, slot) for each in (told, found, base))
        if slot in ("aim", "plan", "A", "M", "R", "W", "wound") or read == meant:
            continue
        if slot in ALWAYS or read != before:
            yield (
                f"premise “{premise.id}”: {slot} “{meant}” is read back as “{read}”; "
                "write what stands there without commas and inner prepositions, or name the slot in the premise."
            )


def _model(genre: Genre, premise: Premise, seed: int) -> Model:
    choice = Choice(seed)
    return with_company(invent(genre, premise, Brief(), Idea(), choice, "k/0"), choice)


def _as_read(model: Model, slot: str) -> str:
    found = model.slots[slot]
    if isinstance(found, Named):
        return f"{found.preposition} {found.text}"
    return found.first if isinstance(found, Person) and slot == "D" else model.text(slot)
