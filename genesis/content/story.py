"""STORY_CONCEPTION: how the chosen concept becomes a story with an end, a form and a size."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from genesis.content.fields import REQUIRED, S80, S120, S160, S300, S400, S2400, Item


class Story(Item):
    """One way to tell the concept from beginning to end."""

    PREFIX: ClassVar[str] = "s"

    title: Annotated[S80, REQUIRED] = ""
    """Title of the novel."""
    synopsis: Annotated[S2400, REQUIRED] = ""
    """Beginning, middle and end."""
    themes: Annotated[tuple[S160, ...], Field(max_length=4), REQUIRED] = ()
    """Themes, the main one first."""
    promise: S300 = ""
    """What the reader gets."""
    red_lines: Annotated[tuple[S120, ...], Field(max_length=8)] = ()
    """What never happens in this book."""
    ending: Annotated[S400, REQUIRED] = ""
    """The last state of things and what it cost."""
    ending_kind: Literal["open", "happy", "bittersweet", "tragic"] = "open"
    """Kind of ending."""
    pov: Literal["first", "close_third", "multiple_third", "omniscient"] = "first"
    """Point of view."""
    tense: Literal["past", "present"] = "past"
    """Narrative tense."""
    style: S300 = ""
    """How the prose sounds."""
    audience: Literal["adult", "young_adult", "middle_grade", "children"] = "adult"
    """Readers the book is for."""
    target_chapters: Annotated[int, Field(ge=0, le=60), REQUIRED] = 0
    """Planned number of chapters."""
    target_words: Annotated[int, Field(ge=0, le=300_000), REQUIRED] = 0
    """Planned number of words of the whole novel."""
