"""WORLDVIEW: the world the story needs: its rules, places, factions and lore."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from genesis.content.fields import (
    REQUIRED,
    S60,
    S80,
    S120,
    S160,
    S200,
    S300,
    S400,
    S600,
    S1500,
    Id,
    Item,
    Refers,
)


class Rule(Item):
    """A rule of the world, what using it costs and where it stops."""

    PREFIX: ClassVar[str] = "r"

    name: Annotated[S60, REQUIRED] = ""
    """Name of the rule."""
    kind: Literal["nature", "magic", "technology", "society", "faith"] = "nature"
    """What sort of rule it is."""
    statement: Annotated[S300, REQUIRED] = ""
    """The rule itself."""
    cost: S200 = ""
    """What it costs whoever uses or breaks it."""
    limit: S200 = ""
    """Where it stops."""


class Place(Item):
    """A place where scenes happen."""

    PREFIX: ClassVar[str] = "p"

    name: Annotated[S60, REQUIRED] = ""
    """Name of the place."""
    kind: Literal["region", "settlement", "building", "wild", "other"] = "region"
    """What sort of place it is."""
    description: Annotated[S400, REQUIRED] = ""
    """What it is and what happens there."""
    detail: S160 = ""
    """One thing for the senses."""
    held_by: Annotated[Id, Refers(("factions",))] = ""
    """Faction that holds the place."""


class Faction(Item):
    """People who want the same thing and act together."""

    PREFIX: ClassVar[str] = "f"

    name: Annotated[S60, REQUIRED] = ""
    """Name of the faction."""
    goal: Annotated[S200, REQUIRED] = ""
    """What it wants."""
    method: S200 = ""
    """How it goes about it."""
    resource: S160 = ""
    """What it has that others need."""
    secret: S200 = ""
    """What it hides."""
    rivals: Annotated[tuple[Id, ...], Field(max_length=5), Refers(("factions",))] = ()
    """Factions it stands against."""


class Lore(Item):
    """A thing, creature, custom, law, event or idea worth remembering."""

    PREFIX: ClassVar[str] = "l"

    name: Annotated[S60, REQUIRED] = ""
    """Name of the entry."""
    kind: Literal["item", "creature", "culture", "law", "event", "concept"] = "item"
    """What sort of entry it is."""
    text: Annotated[S300, REQUIRED] = ""
    """What is to be known about it."""
    about: Annotated[tuple[Id, ...], Field(max_length=4), Refers(("rules", "places", "factions", "lore"))] = ()
    """Items of this world it concerns."""


class World(Item):
    """The world of the novel."""

    PREFIX: ClassVar[str] = "w"

    name: Annotated[S80, REQUIRED] = ""
    """Name of the world or of the part of it that matters."""
    era: Annotated[S120, REQUIRED] = ""
    """When it is."""
    overview: Annotated[S1500, REQUIRED] = ""
    """The world at a glance."""
    atmosphere: S300 = ""
    """How it feels to be there."""
    daily_life: S600 = ""
    """Work, money and custom."""
    order: S600 = ""
    """Who rules, and how."""
    conflict: Annotated[S400, REQUIRED] = ""
    """The tension that runs through this whole world."""
    rules: Annotated[tuple[Rule, ...], Field(max_length=10)] = ()
    """Rules of the world."""
    places: Annotated[tuple[Place, ...], Field(max_length=14), REQUIRED] = ()
    """Places."""
    factions: Annotated[tuple[Faction, ...], Field(max_length=8)] = ()
    """Factions."""
    lore: Annotated[tuple[Lore, ...], Field(max_length=14)] = ()
    """Lore."""
