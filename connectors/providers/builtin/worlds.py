"""WORLDVIEW by the built-in engine: what the premise brings of its own, filled up from the genre's pools."""

from collections.abc import Sequence
from typing import get_args

from connectors.providers.builtin import motifs
from connectors.providers.builtin.bank.tables import Faction as FactionEntry
from connectors.providers.builtin.bank.tables import House
from connectors.providers.builtin.bank.tables import Lore as LoreEntry
from connectors.providers.builtin.bank.tables import Place as PlaceEntry
from connectors.providers.builtin.bank.tables import Rule as RuleEntry
from connectors.providers.builtin.bank.templates import Role
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Named, capital, fill, fit, heading, sentences
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.prepositions import preposition_of, preposition_of_town
from connectors.providers.builtin.wishes import Wishes
from genesis.content.world import Faction, Lore, Place, Rule, World

ROLES: tuple[Role, ...] = get_args(Role)
PREPOSITIONS = {"building": "at", "other": "at", "settlement": "in", "region": "in", "wild": "in"}
"""What goes before the name of a place where the bank doesn't say."""


def tell(model: Model, choice: Choice, wishes: Wishes) -> World:
    """The world of this model; its first faction guards the secret, its second stands against that."""
    premise, pools = model.premise, model.genre.pools
    places = _places(model, choice)
    ids = {role: place.id for role, place in zip(ROLES, places, strict=False)}
    conflict = model.say(choice.pick("w/conflict", premise.conflict), 400)
    if wishes.higher:
        conflict = fit(f"{conflict} {model.say(choice.pick('w/higher', pools.higher), 240)}", 400)
    atmosphere = model.say(choice.pick("w/atmosphere", _own(premise.atmosphere, pools.atmospheres, choice)), 300)
    if wishes.mood:
        pool = pools.darker if wishes.mood < 0 else pools.lighter
        atmosphere = fit(f"{atmosphere} {model.say(choice.pick('w/mood', pool), 160)}", 300)
    overview = [model.say(each, 560) for each in premise.overview]
    if wishes.stranger:
        overview.append(model.say(choice.pick("w/stranger", pools.strange), 240))
    lore = _lore(model, choice, ids, short=wishes.length < 0)
    if wishes.length < 0:
        overview = overview[:2]
    eras = [sentences(model.clause(each)) for each in _own(premise.era, pools.eras, choice)]
    era = choice.pick("w/era", [each for each in eras if len(each) <= 120] or eras)
    return World(
        name=capital(model.text("town"))[:80],
        era=fit(capital(wishes.era) or era, 120),
        overview=fit("\n\n".join(overview), 1500),
        atmosphere=atmosphere,
        daily_life=model.say(choice.pick("w/daily_life", _own(premise.life, pools.lives, choice)), 600),
        order=model.say(choice.pick("w/order", _own(premise.order, pools.orders, choice)), 600),
        conflict=conflict,
        rules=_rules(model, choice),
        places=places,
        factions=_factions(model, choice),
        lore=lore,
    )


def _own(text: str | None, pool: Sequence[str], choice: Choice) -> Sequence[str]:
    """The premise's own text alone, unless another one is wanted or it may not be used."""
    if text is None or choice.forbids(text):
        return pool
    return (text, *pool) if choice.salts else (text,)


def _factions(model: Model, choice: Choice) -> tuple[Faction, ...]:
    house, other = model.premise.house, model.premise.other
    third = next(
        (each for each in model.genre.factions if fill(each.name, model.slots) == model.text("third")),
        None,
    ) or choice.pick("w/third", model.genre.factions)
    told = []
    entries: tuple[tuple[str, House | FactionEntry], ...] = (("house", house), ("other", other), ("third", third))
    for number, (slot, entry) in enumerate(entries, 1):
        told.append(
            Faction(
                id=f"f{number}",
                name=capital(model.text(slot))[:60],
                goal=model.say(entry.goal, 200),
                method=model.say(entry.method, 200),
                resource=model.say(entry.resource, 160),
                secret=model.say(entry.secret, 200),
                rivals={1: ("f2",), 2: ("f1",)}.get(number, ()),
            )
        )
    return tuple(told)


def rule_entries(model: Model, choice: Choice) -> list[RuleEntry]:
    """The premise's rules, one of a premise that was blended in, and of the genre's as many as make up four."""
    own = [*model.premise.rules, *(model.also.rules[:1] if model.also else ())]
    pool = [each for each in choice.order("w/rules", model.genre.rules) if each.name not in {r.name for r in own}]
    return own + pool[: max(1, 4 - len(own))]


def _rules(model: Model, choice: Choice) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            id=f"r{number}",
            name=heading(model.clause(entry.name))[:60],
            kind=entry.kind,
            statement=model.say(entry.statement, 300),
            cost=model.say(entry.cost, 200),
            limit=model.say(entry.limit, 200),
        )
        for number, entry in enumerate(rule_entries(model, choice), 1)
    )


def place_entries(model: Model, choice: Choice) -> list[tuple[Role, PlaceEntry]]:
    """A place for each role, the premise's own before the genre's, and two more for the places one meets."""
    found: list[tuple[Role, PlaceEntry]] = []
    for role in ROLES:
        own = [each for each in model.premise.places if each.role == role]
        pool = [each for each in model.genre.places if each.role == role]
        found.append((role, choice.pick(f"w/place/{role}", own or pool)))
    blended = model.also.places[:1] if model.also else ()
    more = [*blended, *model.premise.places, *choice.order("w/places", model.genre.places)]
    for entry in more:
        if entry.role in ("common", "wild", "under") and all(entry.name != each.name for _, each in found):
            found.append((entry.role, entry))
        if len(found) == 8:
            break
    return found


def _places(model: Model, choice: Choice) -> tuple[Place, ...]:
    places: list[Place] = []
    named: set[str] = set()
    for number, (_, entry) in enumerate(place_entries(model, choice), 1):
        name = name_of(entry, model)
        if name.casefold() in named:
            if number > len(ROLES):
                continue
            name = f"The Other {name.removeprefix('The ')}"[:60]
        named.add(name.casefold())
        places.append(
            Place(
                id=f"p{number}",
                name=name,
                kind=entry.kind,
                description=model.say(entry.description, 400),
                detail=model.say(entry.detail, 160),
                held_by={"house": "f1", "other": "f2", "third": "f3"}.get(entry.held, ""),
            )
        )
    return tuple(places)


def _lore(model: Model, choice: Choice, ids: dict[Role, str], short: bool) -> tuple[Lore, ...]:
    own: list[LoreEntry] = [*model.premise.lore, *(model.also.lore[:1] if model.also else ())]
    names = {each.name for each in own}
    pool = [each for each in choice.order("w/lore", model.genre.lore) if each.name not in names]
    entries = own[:1] if short else own + pool[: max(2, 6 - len(own))]
    told = [
        Lore(
            id=f"l{number}",
            name=heading(model.clause(entry.name))[:60],
            kind=entry.kind,
            text=model.say(entry.text, 300),
            about=tuple(ids[role] for role in entry.about if role in ids),
        )
        for number, entry in enumerate(entries, 1)
    ]
    told += [
        Lore(
            id=f"l{len(told) + number}",
            name=heading(motif.form("a"))[:60],
            text=fit(text, 300),
            kind=motifs.kind_of(motif),
            about=(ids["common"],),
        )
        for number, (motif, text) in enumerate(zip(model.motifs, motifs.in_lore(model), strict=True), 1)
    ]
    return tuple(told)


def name_of(entry: PlaceEntry, model: Model) -> str:
    """What a place of the bank is called in this book."""
    return heading(model.clause(entry.name))[:56]


def as_named(place: Place, entry: PlaceEntry | None = None, renamed: bool = False) -> Named:
    """A place as a name with its preposition, fit for a slot.

    `entry` is what the bank has of the place; a place that was renamed goes by its new name's head noun first.
    """
    name = f"the {place.name[4:]}" if place.name.startswith("The ") else place.name
    known = entry.prep if entry else ""
    if known and not renamed:
        return Named(name, known)
    usual = known or PREPOSITIONS[place.kind]
    settled = preposition_of_town if place.kind == "settlement" else preposition_of
    return Named(name, settled(place.name, usual))
