"""PLOT_OUTLINE: the story chapter by chapter, with its threads and plants."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from genesis.content.fields import REQUIRED, S60, S80, S160, S200, S240, S300, S600, Id, Item, Refers
from genesis.session.stages import Stage


class Act(Item):
    """A movement of the plot."""

    PREFIX: ClassVar[str] = "a"

    name: Annotated[S60, REQUIRED] = ""
    """Name of the act."""
    purpose: Annotated[S240, REQUIRED] = ""
    """What the act is there for."""
    turning_point: S240 = ""
    """The turn it ends on."""


class Thread(Item):
    """A question that runs through several chapters."""

    PREFIX: ClassVar[str] = "t"

    title: Annotated[S80, REQUIRED] = ""
    """Name of the thread."""
    kind: Literal["main", "sub"] = "main"
    """Main plot or subplot."""
    question: S200 = ""
    """What the reader wants to know."""
    closes_in: Annotated[Id, Refers(("chapters",))] = ""
    """Chapter that answers it."""
    left_open: bool = False
    """True where the thread is left open on purpose."""


class Chapter(Item):
    """One chapter; `no` follows the order of the list, from 1."""

    PREFIX: ClassVar[str] = "h"

    no: Annotated[int, Field(ge=0, le=60), REQUIRED] = 0
    """Number of the chapter, from 1."""
    act: Annotated[Id, Refers(("acts",)), REQUIRED] = ""
    """Act it belongs to."""
    title: Annotated[S80, REQUIRED] = ""
    """Title of the chapter."""
    pov: Annotated[Id, Refers(("characters",), Stage.CHARACTERS)] = ""
    """Character through whom it is told."""
    place: Annotated[Id, Refers(("places",), Stage.WORLDVIEW)] = ""
    """Where it happens."""
    cast: Annotated[tuple[Id, ...], Field(max_length=8), Refers(("characters",), Stage.CHARACTERS)] = ()
    """Who appears."""
    threads: Annotated[tuple[Id, ...], Field(max_length=4), Refers(("threads",))] = ()
    """Threads it carries on."""
    summary: Annotated[S600, REQUIRED] = ""
    """What happens."""
    conflict: S200 = ""
    """What stands against what in it."""
    change: S160 = ""
    """The value that turns."""
    hook: S160 = ""
    """Why the reader turns the page."""
    tension: Annotated[int, Field(ge=0, le=10)] = 0
    """Tension from 0 (none noted) to 10."""
    words: Annotated[int, Field(ge=0, le=20_000)] = 0
    """Planned number of words."""


class Plant(Item):
    """Something shown early that matters later."""

    PREFIX: ClassVar[str] = "x"

    text: Annotated[S160, REQUIRED] = ""
    """What is planted."""
    planted_in: Annotated[Id, Refers(("chapters",)), REQUIRED] = ""
    """Chapter that shows it."""
    paid_in: Annotated[Id, Refers(("chapters",))] = ""
    """Chapter where it matters."""


class Outline(Item):
    """The plot of the novel."""

    PREFIX: ClassVar[str] = "o"

    structure: Literal["three_act", "four_act", "five_act", "custom"] = "three_act"
    """Form of the plot."""
    final_image: S300 = ""
    """The last thing the reader sees."""
    acts: Annotated[tuple[Act, ...], Field(max_length=6), REQUIRED] = ()
    """Acts in order."""
    threads: Annotated[tuple[Thread, ...], Field(max_length=8)] = ()
    """Threads."""
    chapters: Annotated[tuple[Chapter, ...], Field(max_length=60), REQUIRED] = ()
    """Chapters in order."""
    plants: Annotated[tuple[Plant, ...], Field(max_length=24)] = ()
    """Plants."""
