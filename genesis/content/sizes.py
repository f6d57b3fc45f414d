"""How large the content of a stage may be in the saved state of a session (content model §7)."""

from collections.abc import Sequence

from genesis.content.catalog import Content
from genesis.session.stages import Stage

KIB = 1024

DRAFT_CAP: dict[Stage, int] = {
    Stage.CONCEPT_SELECTION: 28 * KIB,
    Stage.STORY_CONCEPTION: 24 * KIB,
    Stage.WORLDVIEW: 42 * KIB,
    Stage.CHARACTERS: 42 * KIB,
    Stage.PLOT_OUTLINE: 104 * KIB,
}
"""Most bytes that all candidates of a draft may have together."""

CONFIRMED_CAP: dict[Stage, int] = {
    Stage.CONCEPT_SELECTION: 10 * KIB,
    Stage.STORY_CONCEPTION: 12 * KIB,
    Stage.WORLDVIEW: 42 * KIB,
    Stage.CHARACTERS: 42 * KIB,
    Stage.PLOT_OUTLINE: 104 * KIB,
}
"""Most bytes that the confirmed content may have."""


BRIEF_CAP = 16 * KIB
"""Most bytes the brief may have."""


def size(contents: Sequence[Content]) -> int:
    """Bytes of these contents as compact UTF-8 JSON, the form in which the state holds them."""
    brackets_and_commas = 1 + max(1, len(contents))
    return brackets_and_commas + sum(len(content.model_dump_json().encode()) for content in contents)
