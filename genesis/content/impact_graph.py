"""The impact graph: which field of a later stage was made from which fields of the stages before it."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from genesis.session.stages import Stage


class Field(NamedTuple):
    """A field of a stage's content or, where `items` names a list, of each item of that list.

    With an empty `name` it is the items of the list as wholes.
    """

    stage: Stage
    items: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """Fields that were made from other fields: where a source changes they may no longer fit."""

    later: tuple[Field, ...]
    sources: tuple[Field, ...]
    roles: frozenset[str] = frozenset()
    """Only characters in one of these roles have this row; empty where everything has it."""
    of_its_cast: bool = False
    """The sources are fields of characters, and only those count who are in the chapter's own cast."""


def _fields(stage: Stage, items: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(stage, items, name) for name in names)


def _lists(stage: Stage, *lists: str) -> tuple[Field, ...]:
    return tuple(Field(stage, items, "") for items in lists)


_concept = partial(_fields, Stage.CONCEPT_SELECTION, "")
_story = partial(_fields, Stage.STORY_CONCEPTION, "")
_world = partial(_fields, Stage.WORLDVIEW, "")
_worlds = partial(_lists, Stage.WORLDVIEW)
_character = partial(_fields, Stage.CHARACTERS, "characters")
_relationship = partial(_fields, Stage.CHARACTERS, "relationships")
_outline = partial(_fields, Stage.PLOT_OUTLINE, "")
_outlines = partial(_lists, Stage.PLOT_OUTLINE)
_chapter = partial(_fields, Stage.PLOT_OUTLINE, "chapters")

LEAD = frozenset({"protagonist"})
AGAINST = frozenset({"antagonist"})
OTHERS = frozenset({"minor", "protagonist", "ally", "mentor", "rival", "love_interest"})
"""Every role but the antagonist's, whose secret comes from the opposition."""

GRAPH: tuple[Row, ...] = (
    Row(
        _story("title", "synopsis", "promise"),
        _concept("title", "premise", "lead", "opposition", "stakes", "what_if"),
    ),
    Row(_story("themes", "ending", "ending_kind"), _concept("theme_question", "stakes")),
    Row(_story("style", "audience"), _concept("tone", "genre")),
    Row(
        (*_world("era", "overview", "atmosphere", "daily_life", "order"), *_worlds("places")),
        (*_concept("what_if", "genre", "tone"), *_story("synopsis")),
    ),
    Row(_worlds("rules", "lore"), (*_concept("what_if"), *_story("themes"))),
    Row((*_world("conflict"), *_worlds("factions")), (*_concept("opposition"), *_story("synopsis"))),
    Row(_character("want", "wound"), _concept("lead", "stakes"), roles=LEAD),
    Row(_character("need", "false_belief", "arc"), _story("themes", "ending"), roles=LEAD),
    Row(_character("want", "secret"), (*_concept("opposition"), *_world("conflict")), roles=AGAINST),
    Row(_character("secret"), _worlds("rules"), roles=OTHERS),
    Row(_character("voice"), _story("style")),
    Row(_lists(Stage.CHARACTERS, "relationships"), _story("synopsis")),
    Row(
        (*_outline("structure", "final_image"), *_outlines("acts")),
        _story("synopsis", "ending", "target_chapters"),
    ),
    Row(_outlines("threads"), (*_story("themes"), *_character("want", "secret"), *_relationship("tension"))),
    Row(_chapter("conflict", "change"), _character("want", "arc"), of_its_cast=True),
    Row(_chapter("conflict", "change"), _world("conflict")),
    Row(_chapter("pov"), _story("pov")),
    Row(_chapter("words"), _story("target_words")),
    Row(_outlines("plants"), (*_worlds("rules"), *_character("secret"))),
)
"""The table of content model §6, row by row; a field may stand in several rows."""

FREE: frozenset[Field] = frozenset(
    (
        *_concept("hook", "fresh_because", "tags"),
        *_story("red_lines", "tense"),
        *_world("name"),
        *_character("name", "aliases", "role", "pronouns", "profile"),
        *_chapter("no", "title", "summary", "hook", "tension"),
    )
)
"""Fields that were made from nothing before them and that nothing was made from.

Names in their texts still reach them, and names in them still reach others.
"""
