"""The stages of a session and their order in guided mode."""

from enum import StrEnum


class Stage(StrEnum):
    """A stage that is worked on, in the order of guided mode."""

    CONCEPT_SELECTION = "CONCEPT_SELECTION"
    STORY_CONCEPTION = "STORY_CONCEPTION"
    WORLDVIEW = "WORLDVIEW"
    CHARACTERS = "CHARACTERS"
    PLOT_OUTLINE = "PLOT_OUTLINE"


FINISHED = "FINISHED"
"""What `current_stage` says once the session is finished (design §5)."""

ORDER: tuple[Stage, ...] = tuple(Stage)
"""Guided mode walks the stages in this order, strictly."""

CHOICE: frozenset[Stage] = frozenset({Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION})
"""Stages whose proposals hold several candidates to choose from."""


def next_stage(stage: Stage) -> Stage | None:
    """The stage after this one in guided mode; None after the last."""
    place = ORDER.index(stage) + 1
    return ORDER[place] if place < len(ORDER) else None
