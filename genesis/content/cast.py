"""CHARACTERS: who the story happens to, and what stands between them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from genesis.content.fields import (
    REQUIRED,
    S40,
    S60,
    S160,
    S200,
    S240,
    S300,
    Id,
    Item,
    Refers,
)
from genesis.session.stages import Stage


class Character(Item):
    """A person of the novel."""

    PREFIX: ClassVar[str] = "c"

    name: Annotated[S60, REQUIRED] = ""
    """Full name."""
    aliases: Annotated[tuple[S40, ...], Field(max_length=4)] = ()
    """Other names people use."""
    role: Literal["minor", "protagonist", "antagonist", "ally", "mentor", "rival", "love_interest"] = "minor"
    """Part in the story."""
    pronouns: Literal["they", "she", "he", "it"] = "they"
    """Pronoun of the subject form."""
    profile: S240 = ""
    """Age, work and looks."""
    faction: Annotated[Id, Refers(("factions",), Stage.WORLDVIEW)] = ""
    """Faction of the world the person belongs to."""
    want: Annotated[S200, REQUIRED] = ""
    """The outer goal."""
    need: S200 = ""
    """What would really help."""
    wound: S240 = ""
    """What happened once and still hurts."""
    false_belief: S160 = ""
    """The wrong lesson drawn from the wound."""
    secret: S200 = ""
    """What nobody may know."""
    arc: S300 = ""
    """From what to what the person changes."""
    voice: S200 = ""
    """How the person speaks."""


class Relationship(Item):
    """What stands between two people of the cast."""

    PREFIX: ClassVar[str] = "b"

    a: Annotated[Id, Refers(("characters",)), REQUIRED] = ""
    """The one."""
    b: Annotated[Id, Refers(("characters",)), REQUIRED] = ""
    """The other."""
    kind: Literal["family", "love", "friendship", "rivalry", "duty", "enmity", "debt"] = "family"
    """What binds them."""
    surface: Annotated[S160, REQUIRED] = ""
    """What everybody sees."""
    tension: S200 = ""
    """What lies beneath."""
    change: S160 = ""
    """How it changes in the story."""


class Cast(Item):
    """The people of the novel."""

    PREFIX: ClassVar[str] = "e"

    characters: Annotated[tuple[Character, ...], Field(max_length=12), REQUIRED] = ()
    """Characters."""
    relationships: Annotated[tuple[Relationship, ...], Field(max_length=20)] = ()
    """Relationships."""
