"""The story model: premise, lead, loss, opponent, things, places. Made first, and told in words afterwards."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from connectors.providers.builtin.audiences import CHILDREN, audience_of, childs, written_for
from connectors.providers.builtin.bank.shelves import Genre, lexicon
from connectors.providers.builtin.bank.tables import Culture, Premise
from connectors.providers.builtin.bank.templates import TYPES, Audience, Kind
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Named, Noun, Person, Pronouns, fill, fit, sentences
from connectors.providers.builtin.idea import Idea, bare, words_of
from connectors.providers.builtin.prepositions import preposition_of, preposition_of_town
from connectors.providers.builtin.reading import Found
from genesis.content.catalog import MAX_CANDIDATES
from genesis.session.brief import Brief
from genesis.session.stages import Stage

Slot = Person | Noun | Named | str

COMPANY = "AMRW"
"""Those around lead and opponent: ally, mentor, rival, witness."""
NAMED = {"site": "at", "wild": "in", "event": "in", "town": "in"}
"""Slots that hold a name, with the preposition that goes with them where the bank gives none."""


@dataclass(frozen=True)
class Model:
    """What a novel of this engine is about, before any of it is put into words."""

    genre: Genre
    premise: Premise
    slots: Mapping[str, Slot]
    motifs: tuple[Noun, ...] = ()
    """Things that have to appear and that no slot holds."""
    also: Premise | None = None
    """A second premise that was blended in."""

    @property
    def lead(self) -> Person:
        """The protagonist."""
        return self.person("L")

    @property
    def opponent(self) -> Person:
        """The antagonist."""
        return self.person("N")

    def person(self, part: str) -> Person:
        """Who plays this part. Raises KeyError where nobody does."""
        found = self.slots[part]
        assert isinstance(found, Person)
        return found

    def text(self, slot: str) -> str:
        """What stands in a slot, as it stands inside a sentence."""
        found = self.slots[slot]
        if isinstance(found, str):
            return found
        return found.name if isinstance(found, Person) else found.text

    def having(self, **slots: Slot) -> "Model":
        """The model with other things in these slots."""
        return replace(self, slots={**self.slots, **slots})

    def clause(self, template: str) -> str:
        """A text of the bank with its slots filled, for the inside of a sentence."""
        return fill(template, self.slots)

    def say(self, template: str, limit: int) -> str:
        """A text of the bank as sentences, within a limit of characters."""
        return fit(sentences(fill(template, self.slots)), limit)


def invent(
    genre: Genre, premise: Premise, brief: Brief, idea: Idea, choice: Choice, path: str, place: int = 0
) -> Model:
    """A model of this premise: the idea's words in the slots they fit, the rest chosen.

    `path` names the random streams; `place` is the candidate's, so that names differ between candidates.
    """
    slots: dict[str, Slot] = {}
    fitting = cultures_of(genre, premise)
    culture = choice.order("culture", fitting)[place % len(fitting)]
    audience = written_for(genre, audience_of(brief.audience) or genre.meta.audience)
    _things(genre, premise, idea, choice, path, slots, audience)
    _places(premise, idea, choice, path, slots, culture, place)
    for name, declared in premise.more.items():
        own = idea.first(f"{declared.type}s") if declared.open else ""
        slots[name] = declared_slot(own or choice.pick(f"{path}/{name}", declared.options), declared.type, bool(own))
    _people(genre, idea, choice, path, slots, culture, place)
    house = choice.pick(f"{path}/house", premise.house.names)
    slots["house"] = Named(fill(house[0], slots), "at")
    slots["office"] = idea.opponent or house[1]
    slots["other"] = Named(fill(premise.other.name, slots), "at")
    slots["third"] = Named(fill(choice.pick(f"{path}/third", genre.factions).name, slots), "at")
    slots["years"] = choice.pick(f"{path}/years", genre.pools.years)
    slots["aim"] = fill(premise.aim, slots)
    slots["plan"] = fill(premise.plan, slots)
    slots["wound"] = fill(choice.order("wound", genre.wounds)[place % len(genre.wounds)].line, slots)
    held = {found.text for found in slots.values() if isinstance(found, Noun)}
    return Model(genre, premise, slots, motifs(brief, idea, held))


def lending(premise: Premise, model: Model) -> Model:
    """The model of a blend, with the slots that only this premise declares, so that it can say what is lent."""
    lent = {name: declared_slot(declared.options[0], declared.type) for name, declared in premise.more.items()}
    return replace(model, also=premise, slots={**lent, **model.slots})


def declared_slot(option: str, kind: Kind, own: bool = False) -> Named | Noun:
    """What stands in a slot that a premise declares; `own` for a word of the idea, which has no article."""
    if own and kind in ("event", "site", "wild"):
        option = f"the {option}"
    if not (option.startswith("the ") or option[:1].isupper() or " the " in option or kind == "event"):
        return Noun(option)
    return Named.read(option, usual_preposition(kind, option))


def usual_preposition(kind: str, option: str) -> str:
    """The preposition of a name where the bank gives none; `kind` is a slot or the kind of its words."""
    if kind == "event":
        return str(lexicon()["events"].get(option.split(" ")[-1], "at the time of"))
    if kind in ("town", "settlement"):
        return preposition_of_town(option, "in")
    if kind in ("house", "other", "third"):
        return "at"
    return preposition_of(option, NAMED.get(kind, "at"))


def refreshed(model: Model, found: Mapping[str, Found] | None = None) -> Model:
    """The model with those texts told anew that depend on its names; a wound that was found stays."""
    premise, slots = model.premise, dict(model.slots)
    slots["aim"], slots["plan"] = fill(premise.aim, slots), fill(premise.plan, slots)
    if found and "wound" in found:
        slots["wound"] = found["wound"].text
    return replace(model, slots=slots)


def _things(
    genre: Genre, premise: Premise, idea: Idea, choice: Choice, path: str, slots: dict[str, Slot], audience: Audience
) -> None:
    """What the premise turns on, and what proves it: the idea's objects where they fit."""
    large = lexicon()["large"]
    objects = [each for each in idea.all("objects") if each.split(" ")[-1] not in large]
    own = next((each for each in objects if each.split(" ")[-1] in premise.slots.thing), "")
    thing = own or (objects[0] if objects and "thing" in premise.open else "")
    thing = thing or choice.pick(f"{path}/thing", premise.slots.thing)
    rest = [each for each in objects if each != thing]
    slots["thing"] = Noun(thing)
    slots["proof"] = Noun(rest[0] if rest else choice.pick(f"{path}/proof", premise.slots.proof))
    own = _trade(idea)
    trade = own or choice.pick(f"{path}/trade", premise.slots.trade)
    young = audience in CHILDREN and bool(own or genre.meta.audience not in CHILDREN)
    slots["trade"] = Noun(childs(trade) if young else trade)
    slots["craft"] = Noun(premise.slots.trade[0] if bare(trade) in lexicon()["states"] else bare(trade))
    kin = re.sub(r"^\w+ (?=\w)", "", idea.first("kins")) or choice.pick(f"{path}/kin", premise.slots.kin)
    slots["kin"] = Noun(kin)


def _trade(idea: Idea) -> str:
    people = [each for each in idea.all("persons") if each not in ("boy", "girl") and each != idea.opponent]
    return (people or [idea.first("descent"), idea.first("persons")])[0] or idea.first("persons")


def _places(
    premise: Premise, idea: Idea, choice: Choice, path: str, slots: dict[str, Slot], culture: Culture, place: int
) -> None:
    for slot in ("site", "wild", "event"):
        own = idea.first(f"{TYPES[slot]}s")
        if slot == "wild" and not _fits(own, premise):
            own = ""
        option = f"the {own}" if own else choice.pick(f"{path}/{slot}", getattr(premise.slots, slot))
        slots[slot] = Named.read(option, usual_preposition(slot, option))
    slots["kind"] = Noun(idea.first("settlements") or choice.pick(f"{path}/kind", premise.slots.kind))
    towns = choice.order(f"town/{culture.id}", culture.towns)
    # A country that the premise has in its tags is where the town lies, and not the town.
    own = "" if words_of([idea.town_name]) & words_of(premise.tags) else idea.town_name
    town = own or towns[place % len(towns)]
    slots["town"] = Named.read(town, usual_preposition("town", town))
    slots["street"] = choice.order("street", culture.streets)[place % len(culture.streets)]
    slots["inn"] = choice.order("inn", culture.inns)[place % len(culture.inns)]


def _fits(wild: str, premise: Premise) -> bool:
    """Whether a landscape of the idea may stand in for the premise's: a river has no tide to wait for."""
    landscapes: dict[str, list[str]] = lexicon()["landscapes"]

    def of(word: str) -> set[str]:
        return {name for name, words in landscapes.items() if word.split(" ")[-1] in words}

    own, options = of(wild), [of(each) for each in premise.slots.wild]
    # What belongs nowhere in particular goes everywhere.
    return not own or any(own & each for each in options) or not any(options)


def _people(
    genre: Genre, idea: Idea, choice: Choice, path: str, slots: dict[str, Slot], culture: Culture, place: int
) -> None:
    pronouns: Pronouns = idea.pronouns or (
        "she" if choice.between(f"{path}/pronouns", 0, 9) < genre.meta.she else "he"
    )
    lasts = choice.order("L/last", culture.last)
    firsts = choice.order("L/first", getattr(culture, pronouns))
    name = idea.lead_name or firsts[place % len(firsts)]
    if " " not in name:
        name = f"{name} {lasts[place % len(lasts)]}"
    slots["L"] = Person(name[:60], pronouns)
    used = set(name.split(" "))
    opponent = someone(culture, choice, f"{path}/N", used)
    slots["N"] = opponent
    used |= set(opponent.name.split(" "))
    kin = slots["kin"]
    assert isinstance(kin, Noun)
    gender: Pronouns | None = (
        "she" if kin.text in lexicon()["kin_she"] else "he" if kin.text in lexicon()["kin_he"] else None
    )
    absent = someone(culture, choice, f"{path}/D", used, gender)
    slots["D"] = Person(absent.first, absent.pronouns)
    used.add(absent.first)
    # Names and aims may speak of anybody; company.py says later who these people are.
    for part in COMPANY:
        person = someone(culture, choice, f"cast/{part}", used)
        slots[part] = person
        used |= set(person.name.split(" "))


def someone(
    culture: Culture, choice: Choice, path: str, used: Iterable[str], pronouns: Pronouns | None = None
) -> Person:
    """Somebody whose names nobody has yet, with another initial than the others where that is possible."""
    kinds: tuple[Pronouns, ...] = ("she", "he", "she", "he", "she", "he", "they")
    chosen: Pronouns = pronouns or kinds[choice.between(f"{path}/pronouns", 0, 6)]
    taken = set(used)
    initials = {name[:1] for name in taken}
    leads = _names_of_leads(culture, choice)

    def free(names: list[str]) -> str:
        # A lead who was renamed must not come back as somebody else.
        untold = [name for name in names if name not in taken and name not in leads]
        fresh = untold or [name for name in names if name not in taken] or names
        return next((name for name in fresh if name[:1] not in initials), fresh[0])

    first = free(choice.order(f"{path}/first", getattr(culture, chosen)))
    last = free(choice.order(f"{path}/last", culture.last))
    return Person(f"{first} {last}", chosen)


def _names_of_leads(culture: Culture, choice: Choice) -> frozenset[str]:
    """The names that the first round's leads have in this culture, wherever the person did not give one."""
    steady = Choice(choice.seed)
    orders = (steady.order("L/first", culture.she), steady.order("L/first", culture.he))
    most = MAX_CANDIDATES[Stage.CONCEPT_SELECTION]
    return frozenset(name for names in (*orders, steady.order("L/last", culture.last)) for name in names[:most])


def motifs(brief: Brief, idea: Idea, taken: Iterable[str]) -> tuple[Noun, ...]:
    """Things that have to appear: what must be had, and what the idea names and no slot holds."""
    held = set(taken)
    wanted = [phrase for wish in brief.must_have if (phrase := thing_of(wish))]
    wanted += [each for each in (*idea.all("creatures"), *idea.all("objects")) if each not in held]
    return tuple(Noun(each) for each in dict.fromkeys(wanted) if each not in held)[:4]


def thing_of(wish: str) -> str:
    """The thing that a wish names, without its article; of a long one without what is said of it, or nothing."""
    phrase = re.sub(r"^(?:an?|the|some) ", "", wish.strip(" .!?"), flags=re.IGNORECASE)
    if len(phrase.split()) > 5 or len(phrase) > 48:
        phrase = re.split(r",| (?:that|which|who|whose|where|when|with|from|about|in|on|of) ", phrase)[0].strip()
    return phrase if phrase and len(phrase.split()) <= 5 and len(phrase) <= 48 else ""


def culture_of(model: Model, choice: Choice) -> Culture:
    """The culture that the model's names come from, as far as they tell."""
    names = set(f"{model.lead.name} {model.opponent.name} {model.text('D')}".split(" "))
    town = model.text("town")

    def common(culture: Culture) -> int:
        own = {*culture.she, *culture.he, *culture.they, *culture.last}
        return len(names & own) + 2 * any(town in each for each in culture.towns)

    return max(choice.order("culture", cultures_of(model.genre, model.premise)), key=common)


def cultures_of(genre: Genre, premise: Premise) -> tuple[Culture, ...]:
    """Those whose names fit the premise: the ones it asks for, or all."""
    return tuple(each for each in genre.cultures if each.id in premise.cultures) or genre.cultures
