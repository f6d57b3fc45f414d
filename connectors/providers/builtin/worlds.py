"""WORLDVIEW by the built-in engine: the world that the confirmed concept and story need."""

from dataclasses import replace
from typing import Literal

from connectors.providers.builtin import bank
from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import Named, Noun, capital, fit, heading, sentences
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.wishes import Wishes
from genesis.content.world import Faction, Lore, Place, Rule, World

ROLES = ("work", "home", "seat", "common", "wild", "under")
"""What the places of a world are for, in the bank's order."""


def world(model: Model, choice: Choice, wishes: Wishes) -> World:
    """The world of this model; its first faction guards the secret, its second wants it known."""
    conceit = model.conceit
    league = choice.pick("league", bank.load("people")["names"]["leagues"])
    factions = (
        Faction(
            id="f1",
            name=heading(model.house.text)[:60],
            goal=model.told("house_goal", 200),
            method=model.told("house_method", 200),
            resource=model.told("house_resource", 160),
            secret=model.told("house_secret", 200),
            rivals=("f2",),
        ),
        Faction(
            id="f2",
            name=capital(model.other.text)[:60],
            goal=model.told("other_goal", 200),
            method=model.told("other_method", 200),
            resource=model.told("other_resource", 160),
            secret=model.told("other_secret", 200),
            rivals=("f1",),
        ),
        Faction(id="f3", name=f"The {league}", **_league(model)),
    )
    places = _places(model)
    ids = {role: place.id for role, place in zip(ROLES, places, strict=True)}
    lore = [
        Lore(
            id=f"l{number}",
            name=entry["name"],
            kind=entry["kind"],
            text=model.say(entry["text"], 300),
            about=tuple(ids[role] for role in entry["about"]),
        )
        for number, entry in enumerate(conceit["lore"], 1)
    ]
    lore += [
        Lore(
            id=f"l{len(lore) + number}",
            name=heading(motif.form("a"))[:60],
            text=model.say(
                f"There {motif.verb('is', 'are')} {motif.form('a')} in {{town}}, and one does not ask why.",
                300,
            ),
            kind=_kind(motif),
            about=(ids["common"],),
        )
        for number, motif in enumerate(model.motifs, 1)
    ]
    rules = tuple(
        Rule(
            id=f"r{number}",
            **{key: value if key == "kind" else model.say(value, LIMITS[key]) for key, value in rule.items()},
        )
        for number, rule in enumerate(conceit["rules"], 1)
    )
    overview = [model.say(each, 500) for each in conceit["overview"]]
    conflict = model.told("conflict", 400)
    if wishes.higher:
        conflict = fit(f"{conflict} {model.say(choice.pick('higher/0', bank.load('stories')['higher']), 240)}", 400)
    atmosphere = model.told("atmosphere", 300)
    if wishes.mood:
        added = "Doors are shut early." if wishes.mood < 0 else "Somebody is usually singing."
        atmosphere = fit(f"{atmosphere} {added}", 300)
    if wishes.stranger:
        overview.append(model.say(choice.pick("strange/0", bank.load("stories")["strange"]), 240))
    if wishes.length < 0:
        overview, lore = overview[:2], lore[: 1 + len(model.motifs)]
    return World(
        name=capital(model.town.text)[:80],
        era=fit(capital(wishes.era) or sentences(model.clause(conceit["era"])), 120),
        overview=fit("\n\n".join(overview), 1500),
        atmosphere=atmosphere,
        daily_life=model.told("life", 600),
        order=model.told("order", 600),
        conflict=conflict,
        rules=rules,
        places=places,
        factions=factions,
        lore=tuple(lore),
    )


LIMITS = {"name": 60, "statement": 300, "cost": 200, "limit": 200}


def _kind(motif: Noun) -> Literal["creature", "item", "concept"]:
    read = ideas.read(motif.text, names=False)
    return "creature" if read.first("creatures") else "item" if read.first("objects") else "concept"


def _league(model: Model) -> dict[str, str]:
    texts = bank.load("people")["league"]
    return {key: model.say(text, 160) for key, text in texts.items()}


def _places(model: Model) -> tuple[Place, ...]:
    places = []
    named: set[str] = set()
    for number, entry in enumerate(model.conceit["places"], 1):
        name = heading(model.clause(entry["name"]))[:56]
        if name.casefold() in named:
            name = f"The Other {name.removeprefix('The ')}"
        named.add(name.casefold())
        held = {"house": "f1", "other": "f2"}.get(entry.get("held", ""), "")
        places.append(
            Place(
                id=f"p{number}",
                name=name,
                kind=entry["kind"],
                description=model.say(entry["description"], 400),
                detail=model.say(entry["detail"], 160),
                held_by=held,
            )
        )
    return tuple(places)


def places_by_role(there: World, model: Model) -> dict[str, Place]:
    """Which of a world's places plays which part: by likeness to the bank's, else in order."""
    left = list(there.places)
    found: dict[str, Place] = {}
    for entry in model.conceit["places"]:
        likeness = {place.id: _alike(model.clause(entry["description"]), place) for place in left}
        best = max(left, key=lambda place: likeness[place.id], default=None)
        if best is not None and likeness[best.id] > 3:
            found[entry["role"]] = best
            left.remove(best)
    for role in ROLES:
        if role not in found and there.places:
            found[role] = left.pop(0) if left else there.places[len(found) % len(there.places)]
    return found


def _alike(text: str, place: Place) -> int:
    words = {word.strip(".,;") for word in text.casefold().split() if len(word) > 3}
    return len(words & {word.strip(".,;") for word in place.description.casefold().split()})


def in_sentence(name: str) -> str:
    """The name of a place or group inside a sentence: a leading article small."""
    return f"the {name[4:]}" if name.startswith("The ") else name


def with_world(model: Model, there: World) -> Model:
    """The model as the confirmed world tells it: names changed there by hand count."""
    changes: dict[str, Named] = {}
    if there.name:
        changes["town"] = Named(in_sentence(there.name))
    if there.factions:
        changes["house"] = Named(in_sentence(there.factions[0].name))
    if len(there.factions) > 1:
        changes["other"] = Named(in_sentence(there.factions[1].name))
    return replace(model, **changes)  # type: ignore[arg-type]
