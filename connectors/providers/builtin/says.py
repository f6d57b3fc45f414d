"""The whole texts that stand in slots of plots, turns and chains: what the premise says, and what people hide."""

from collections.abc import Iterable

from connectors.providers.builtin.bank.templates import PEOPLE
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Person, inside, sentences
from connectors.providers.builtin.model import Model, Slot
from connectors.providers.builtin.reading import Found, likeness, made_from
from genesis.content.cast import Cast


def says(model: Model, choice: Choice, ending: str = "", final: str = "") -> dict[str, Slot]:
    """Slots that hold a whole text."""
    premise = model.premise
    slots: dict[str, Slot] = {}
    for name in ("trigger", "attempt", "midpoint", "climax"):
        slots[name] = sentences(model.clause(choice.pick(f"says/{name}", getattr(premise, name))))
    slots["price"] = model.clause(choice.pick("says/price", premise.price))
    slots |= {f"sign{no}": model.clause(sign) for no, sign in enumerate(premise.signs, 1)}
    slots |= {f"blow{no}": model.clause(blow) for no, blow in enumerate(premise.blows, 1)}
    slots["lesson"] = model.clause(premise.lesson)
    slots["secret_N"] = _secret(model.clause(premise.nemesis_secret), model)
    for part in "AMRW":
        slots[f"secret_{part}"] = "nobody has ever been told"
    slots["ending"], slots["final"] = ending, final
    slots["custom"], slots["here"] = "", ""
    return slots


def _secret(text: str, model: Model) -> str:
    """A secret as a clause, fit for the inside of a sentence."""
    names = [each.first for each in model.slots.values() if isinstance(each, Person)]
    return inside(text.strip().rstrip("."), names)


def secrets_of(people: Cast, parts: dict[str, str], model: Model) -> dict[str, Slot]:
    """What the people of a cast hide, as clauses; `parts` says whose id plays which part."""
    found: dict[str, Slot] = {}
    for part, name in parts.items():
        person = next(each for each in people.characters if each.id == name)
        if person.secret:
            templates = [model.premise.nemesis_secret] if part == "N" else _hidden(model, part)
            found[f"secret_{part}"] = _secret(as_today(templates, person.secret, model), model)
        elif part in "AMRW":
            subject = model.person(part)
            they, were = subject.form("they"), subject.verb("was", "were")
            found[f"secret_{part}"] = f"{they} {were} there, and {they} said nothing"
    return found


def _hidden(model: Model, part: str) -> list[str]:
    if part == "L":
        return list(model.genre.pools.keepsakes)
    return [each.secret for each in model.genre.people if each.part == part and "{job" not in each.secret]


def as_today(templates: Iterable[str], text: str, model: Model) -> str:
    """A confirmed text with the names and pronouns that people have by now; one changed by hand stays as it is."""
    for template in templates:
        if likeness([template], text) < 0.99:
            continue
        found = made_from(template, text)
        if found is not None and all(_same(each, model) for each in found):
            return sentences(model.clause(template))
    return text


def _same(found: Found, model: Model) -> bool:
    """A slot says what it would say today, or names somebody who may have got another name since."""
    slot = found.slot.partition(".")[0]
    if slot in PEOPLE:
        today = model.person(slot)
        if found.slot.endswith(".they") or found.text in (today.name, today.first):
            return True
        others = {name for part in PEOPLE for name in (model.person(part).name, model.person(part).first)}
        return slot != "D" and found.text not in others
    return slot in model.slots and found.text.casefold() == model.text(slot).casefold()
