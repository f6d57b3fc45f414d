"""The people around the lead: who they are, before there is a cast and when it is made."""

from collections.abc import Mapping

from connectors.providers.builtin.bank.tables import Person as Entry
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Person, fill
from connectors.providers.builtin.model import COMPANY, Model, Slot, culture_of, refreshed, someone


def with_company(model: Model, choice: Choice, second: str = "", fixed: Mapping[str, Person] | None = None) -> Model:
    """The model with everyone in it; `fixed` people stay, `second` is a job that the idea gives to the rival."""
    culture = culture_of(model, choice)
    kept = dict(fixed or {})
    used = {word for part in "LND" for word in model.person(part).name.split(" ")}
    used |= {word for person in kept.values() for word in person.name.split(" ")}
    slots: dict[str, Slot] = {}
    for part in COMPANY:
        person = kept.get(part) or someone(culture, choice, f"cast/{part}", used)
        used |= set(person.name.split(" "))
        entry = entry_of(model, choice, part)
        job = second if part == "R" and second else _job(entry, person, model.having(**slots))
        slots[part] = Person(person.name, person.pronouns, job)
    return refreshed(model.having(**slots))


def named_in(text: str, model: Model) -> dict[str, Person]:
    """Those of the company whom a text names; of two with one first name only one is.

    Lead, opponent and absent one come first, then who stands there with the whole name, then the rival, who is part
    of the premise where two people are thrown together.
    """
    taken = {model.person(part).first for part in "LND"}
    named: dict[str, Person] = {}
    for part in sorted(COMPANY, key=lambda part: (model.person(part).name not in text, part != "R")):
        person = model.person(part)
        if person.first in text and person.first not in taken:
            named[part] = person
            taken.add(person.first)
    return named


def entry_of(model: Model, choice: Choice, part: str) -> Entry:
    """Who of the bank plays this part."""
    entries = [each for each in model.genre.people if each.part == part]
    return choice.pick(f"cast/{part}/entry", entries)


def _job(entry: Entry, person: Person, model: Model) -> str:
    forms = entry.job.split("|")
    place = {"she": 0, "he": 1}.get(person.pronouns, 2)
    return fill(forms[place % len(forms)] if len(forms) > 1 else forms[0], model.slots)
