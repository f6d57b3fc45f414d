"""CONCEPT_SELECTION: what the novel could be; several concepts stand side by side."""

from typing import Annotated, ClassVar

from pydantic import Field

from genesis.content.fields import REQUIRED, S30, S60, S80, S200, S240, S1200, Id, Item, Refers


class Concept(Item):
    """One idea for a novel."""

    PREFIX: ClassVar[str] = "k"

    title: Annotated[S80, REQUIRED] = ""
    """Working title."""
    hook: Annotated[S240, REQUIRED] = ""
    """One sentence: who wants what against what."""
    premise: Annotated[S1200, REQUIRED] = ""
    """The situation the novel grows from."""
    lead: Annotated[S240, REQUIRED] = ""
    """The protagonist in a line."""
    opposition: Annotated[S240, REQUIRED] = ""
    """Who or what stands against the lead, and why."""
    stakes: Annotated[S240, REQUIRED] = ""
    """The cost of failing."""
    what_if: S200 = ""
    """The question the premise asks of the world."""
    theme_question: S200 = ""
    """The question the novel asks of its reader."""
    fresh_because: S240 = ""
    """Why this is not the usual story of its kind."""
    genre: Annotated[S60, REQUIRED] = ""
    """Genre in the words of a bookshop."""
    tone: S60 = ""
    """Tone in a few words."""
    tags: Annotated[tuple[S30, ...], Field(max_length=6)] = ()
    """Short labels."""
    derived_from: Annotated[tuple[Id, ...], Field(max_length=3), Refers(("candidates",))] = ()
    """Candidates this one was blended from."""
