"""The bank's dramatic tables: beats, and the plots, turns and chains that are made of them."""

from typing import Annotated, Literal

from pydantic import Field

from connectors.providers.builtin.bank.templates import Name, Part, Role, Table, Template, Variants


class Beat(Table):
    """A chapter: what happens, what it changes, and what it leaves behind."""

    id: Name
    at: Annotated[float, Field(ge=0, le=100)]
    """Place in the book, from 0 to 100."""
    weight: Annotated[int, Field(ge=1, le=3)] = 2
    """1 is never left out, 3 is the first to go."""
    place: Role
    who: tuple[Part, ...] = ()
    tension: Annotated[int, Field(ge=1, le=10)] = 5
    titles: Annotated[tuple[Template, ...], Field(min_length=2)]
    text: Variants
    so: Template
    """What has changed, as a clause: `the door is known to be open`."""
    conflict: Template
    change: Template
    hook: Template
    plant: Template | None = None
    """Something shown here that pays off in a later beat."""
    pays: tuple[Name, ...] = ()
    """Beats whose plants pay off here."""
    fresh: bool = False
    """True where the chapter must not begin with its cause."""


class Act(Table):
    """One quarter of a plot."""

    names: Annotated[tuple[Template, ...], Field(min_length=2)]
    purpose: Template
    turning: Template


class Plot(Table):
    """A dramatic skeleton: the main line of a book, without saying what it is about."""

    id: Name
    name: str
    """What such a story is called, with its article: `an inquiry`."""
    slots: tuple[str, ...] = ()
    """Slots of its own that each premise of this plot must declare."""
    title: Template
    """Title of the main thread."""
    question: Template
    opening: Variants
    middle: Variants
    dark: Variants
    close: Variants
    acts: Annotated[tuple[Act, ...], Field(min_length=4, max_length=4)]
    beats: Annotated[tuple[Beat, ...], Field(min_length=10)]


class Turn(Table):
    """What a book makes of its plot: the twist, how it is told, how it ends."""

    id: Name
    plots: tuple[Name, ...] = ()
    """Plots it goes with; empty means all."""
    middle: Template
    """The twist in the synopsis; it also tells which turn a confirmed story has."""
    promise: Variants
    title: Template
    question: Template
    ending: Literal["open", "happy", "bittersweet", "tragic"]
    chapters: Annotated[int, Field(ge=8, le=60)]
    povs: Annotated[tuple[Literal["first", "close_third", "multiple_third", "omniscient"], ...], Field(min_length=1)]
    beats: Annotated[tuple[Beat, ...], Field(min_length=3)]


class Chain(Table):
    """The story of one person beside the lead's, in three to six chapters."""

    id: Name
    part: Part
    title: Template
    question: Template
    beats: Annotated[tuple[Beat, ...], Field(min_length=3)]
