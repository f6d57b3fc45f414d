"""Wishes put into the model: new names, jobs, pronouns, places, things that have to appear."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.casts import wound_of
from connectors.providers.builtin.grammar import Named, Noun, Person
from connectors.providers.builtin.model import Model, Slot, refreshed
from connectors.providers.builtin.prepositions import preposition_of, preposition_of_town
from connectors.providers.builtin.wishes import Portrait, Wishes
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.fields import Item, specs

C = TypeVar("C", bound=Content)

PARTS = {"lead": "L", "villain": "N"}


def granted(model: Model, wishes: Wishes) -> Model:
    """The model with what the person asked for."""
    slots: dict[str, Slot] = {}
    for old, new in wishes.renames:
        for name, slot in model.slots.items():
            if isinstance(slot, Person) and (PARTS.get(old) == name or _names(slot, old)):
                before = slots.get(name, slot)
                assert isinstance(before, Person)
                slots[name] = replace(before, name=_renamed(before, new))
            elif isinstance(slot, Named) and slot.text.casefold().removeprefix("the ") == old.casefold().removeprefix(
                "the "
            ):
                slots[name] = Named(new, _preposition(name, new, slot))
    for portrait in wishes.portraits:
        slots |= _portrayed(model, portrait, slots)
    if wishes.pronouns:
        lead = slots.get("L", model.lead)
        assert isinstance(lead, Person)
        slots["L"] = replace(lead, pronouns=wishes.pronouns)
    if wishes.job:
        slots["trade"], slots["craft"] = Noun(wishes.job), Noun(ideas.bare(wishes.job))
    if wishes.town:
        slots["town"] = Named(wishes.town, preposition_of_town(wishes.town, "in"))
    if wishes.place:
        read = ideas.read(wishes.place, names=False)
        if read.first("settlements"):
            slots["kind"] = Noun(read.first("settlements"))
        if read.first("sites"):
            slots["site"] = Named(f"the {read.first('sites')}", preposition_of(read.first("sites"), "at"))
        if read.first("wilds"):
            slots["wild"] = Named(f"the {read.first('wilds')}", preposition_of(read.first("wilds"), "in"))
    changed = model.having(**slots)
    if wishes.pronouns and wishes.pronouns != model.lead.pronouns:
        wound = wound_of(model)
        if model.clause(wound.line) == model.text("wound"):
            changed = changed.having(wound=changed.clause(wound.line))
    if wishes.add:
        changed = replace(changed, motifs=(*model.motifs, *(Noun(each) for each in wishes.add))[:4])
    return refreshed(changed)


def _bare(name: str) -> str:
    return name.casefold().removeprefix("the ")


def _preposition(slot: str, name: str, old: Named) -> str:
    return (preposition_of_town if slot == "town" else preposition_of)(name, old.preposition)


def _portrayed(model: Model, portrait: Portrait, slots: Mapping[str, Slot]) -> dict[str, Slot]:
    """The people of that name with the pronouns and the work they should have."""
    changed: dict[str, Slot] = {}
    for name, slot in model.slots.items():
        if not isinstance(slot, Person) or not (PARTS.get(portrait.who) == name or _names(slot, portrait.who)):
            continue
        before = slots.get(name, slot)
        assert isinstance(before, Person)
        changed[name] = replace(before, pronouns=portrait.pronouns or before.pronouns, job=portrait.job or before.job)
        if portrait.job and name == "N":
            changed["office"] = portrait.job
        elif portrait.job and name == "L":
            changed["trade"], changed["craft"] = Noun(portrait.job), Noun(ideas.bare(portrait.job))
    return changed


def _names(person: Person, old: str) -> bool:
    return old.casefold() in (person.name.casefold(), person.first.casefold())


def _renamed(person: Person, new: str) -> str:
    words = person.name.split(" ")
    return new if " " in new or len(words) < 2 else " ".join((new, *words[1:]))


def renamed(candidates: Iterable[C], wishes: Wishes, people: Content | None) -> tuple[C, ...]:
    """New names everywhere, in texts that the bank did not write as well; a person's first name changes along."""
    told = tuple(candidates)
    for old, new in wishes.renames:
        if old in PARTS:
            continue
        casts = [each for each in (*told, people) if isinstance(each, Cast)]
        names = [person.name for each in casts for person in each.characters]
        whole = next((name for name in names if old == name or old == name.split(" ")[0]), old)
        after = new if " " in new or " " not in whole else " ".join([new, *whole.split(" ")[1:]])
        told = tuple(replaced(each, whole, after) for each in told)
        if whole != old or (whole in names and " " in whole):
            told = tuple(replaced(each, whole.split(" ")[0], after.split(" ")[0]) for each in told)
    return told


def replaced(content: C, old: str, new: str) -> C:
    """The content with one name for another in every text; unchanged where that would break a limit."""
    if old == new or not old:
        return content
    pattern = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")

    def put(value: object) -> object:
        if isinstance(value, str):
            return pattern.sub(lambda _: new, value)
        if isinstance(value, tuple):
            return tuple(put(each) for each in value)
        if isinstance(value, Item):
            return {"id": value.id} | {
                spec.name: getattr(value, spec.name) if spec.refers else put(getattr(value, spec.name))
                for spec in specs(type(value))
            }
        return value

    try:
        return cast(C, type(content).model_validate(put(content)))
    except ValueError:
        return content


def called(content: C, before: Model, after: Model) -> C:
    """The content with the names of the first model replaced by those of the second."""
    for name, old in before.slots.items():
        new = after.slots.get(name)
        if isinstance(old, Person) and isinstance(new, Person) and old.name != new.name:
            content = replaced(replaced(content, old.name, new.name), old.first, new.first)
        elif isinstance(old, Named) and isinstance(new, Named) and old.text != new.text:
            content = replaced(content, old.text, new.text)
    return content


def texts_of(candidates: Sequence[Content], but: frozenset[str] = frozenset({"red_lines"})) -> list[str]:
    """Every text of these contents, without references and the fields `but`."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            for each in value:
                walk(each)
        elif isinstance(value, Item):
            for spec in specs(type(value)):
                if not spec.refers and spec.name not in but:
                    walk(getattr(value, spec.name))

    for candidate in candidates:
        walk(candidate)
    return found
