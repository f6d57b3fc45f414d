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
    """Those of the company whom a text names; who shares a first name with lead, opponent or absent one is not."""
    taken = {model.person(part).first for part in "LND"}
    people = {part: model.person(part) for part in COMPANY}
    return {part: each for part, each in people.items() if each.first in text and each.first not in taken}


def entry_of(model: Model, choice: Choice, part: str) -> Entry:
    """Who of the bank plays this part."""
    entries = [each for each in model.genre.people if each.part == part]
    return choice.pick(f"cast/{part}/entry", entries)


def _job(entry: Entry, person: Person, model: Model) -> str:
    forms = entry.job.split("|")
    place = {"she": 0, "he": 1}.get(person.pronouns, 2)
    return fill(forms[place % len(forms)] if len(forms) > 1 else forms[0], model.slots)
