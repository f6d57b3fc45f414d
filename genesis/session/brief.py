"""What the person brings to a session: the idea and what the book shall and shall not be."""

from typing import Annotated, Literal

from pydantic import Field

from genesis.values import Frozen, Text


class Brief(Frozen):
    """The payload of START_GENESIS; every field is optional, so that a session can start from nothing."""

    mode: Literal["guided", "free_form"] = "guided"
    """How the stages are walked: one after the other, or in any order, several at once."""
    idea: Annotated[Text, Field(max_length=4000)] = ""
    """The idea in the person's own words."""
    genre: Annotated[Text, Field(max_length=60)] = ""
    tone: Annotated[Text, Field(max_length=60)] = ""
    audience: Annotated[Text, Field(max_length=20)] = ""
    language: Annotated[Text, Field(max_length=35)] = ""
    """BCP 47 tag of the language to write in; empty means English."""
    must_have: Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=120)], ...], Field(max_length=10)] = ()
    """Things the book must contain."""
    avoid: Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=120)], ...], Field(max_length=20)] = ()
    """Words and things the book must not contain."""
    target_chapters: Annotated[int, Field(ge=0, le=60)] = 0
    """Number of chapters wished for; 0 leaves it open."""
    target_words: Annotated[int, Field(ge=0, le=300_000)] = 0
    """Number of words wished for; 0 leaves it open."""
    candidates: Annotated[int, Field(ge=0, le=5)] = 0
    """Candidates per proposal wished for, where a stage has several; 0 takes the stage's own number."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Seed for providers that are deterministic by seed."""
    budget: Annotated[Text, Field(max_length=20)] = ""
    """Most money to spend on generation, as decimal text; empty sets no limit."""
    provider: Annotated[Text, Field(max_length=40)] = ""
    """Name of the text provider; empty takes the built-in story engine."""
    model: Annotated[Text, Field(max_length=80)] = ""
    """Model of the provider; empty takes its own choice."""
