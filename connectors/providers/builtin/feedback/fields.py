"""Wishes that name fields: only this one may change, that one must stay."""

import re

from connectors.providers.builtin.wishes import Wishes

FIELDS = {
    "title": "title",
    "hook": "hook",
    "premise": "premise",
    "lead": "lead",
    "protagonist": "lead",
    "opposition": "opposition",
    "villain": "opposition",
    "stakes": "stakes",
    "question": "theme_question",
    "what if": "what_if",
    "tone": "tone",
    "synopsis": "synopsis",
    "themes": "themes",
    "promise": "promise",
    "style": "style",
    "ending": "ending",
    "era": "era",
    "overview": "overview",
    "atmosphere": "atmosphere",
    "daily life": "daily_life",
    "order": "order",
    "conflict": "conflict",
    "rules": "rules",
    "places": "places",
    "factions": "factions",
    "lore": "lore",
    "characters": "characters",
    "people": "characters",
    "cast": "characters",
    "relationships": "relationships",
    "chapters": "chapters",
    "plants": "plants",
    "threads": "threads",
    "acts": "acts",
    "final image": "final_image",
}
"""What people call the fields of a content."""


def _field(found: re.Match[str]) -> str:
    what = found["what"].strip().casefold()
    return FIELDS.get(what, FIELDS.get(what + "s", ""))


def only(wishes: Wishes, found: re.Match[str]) -> bool:
    """The one field that changes."""
    if name := _field(found):
        wishes.only.append(name)
        wishes.note("only", f"Only the {found['what'].strip()} changes.")
    return bool(name)


def keep(wishes: Wishes, found: re.Match[str]) -> bool:
    """A field that stays."""
    if name := _field(found):
        wishes.kept.append(name)
        wishes.note("keep", f"The {found['what'].strip()} stays as it is.")
    return bool(name)
