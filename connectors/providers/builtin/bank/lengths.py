"""How long a text of the bank may be, and how long it is with its slots filled."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from connectors.providers.builtin.bank.shelves import Genre
from connectors.providers.builtin.bank.templates import PEOPLE, SLOT

PREMISE = 1150
"""Most characters of all sentences of a premise together; a little room is left for what the idea names."""
LIMITS = {
    ("", "hook"): 240,
    ("", "premise"): 340,
    ("", "opposes"): 170,
    ("", "stakes"): 240,
    ("", "what_if"): 200,
    ("", "question"): 200,
    ("", "fresh"): 240,
    ("", "themes"): 160,
    ("", "overview"): 500,
    ("", "era"): 120,
    ("", "atmosphere"): 300,
    ("", "life"): 600,
    ("", "order"): 600,
    ("", "happy"): 400,
    ("", "bittersweet"): 400,
    ("", "tragic"): 400,
    ("", "open"): 400,
    ("", "final_light"): 160,
    ("", "final_dark"): 160,
    ("", "statement"): 300,
    ("", "cost"): 200,
    ("", "limit"): 200,
    ("", "description"): 400,
    ("", "detail"): 160,
    ("", "goal"): 200,
    ("", "method"): 200,
    ("", "resource"): 160,
    ("", "secret"): 200,
    ("", "aim"): 110,
    ("", "plan"): 150,
    ("", "signs"): 170,
    ("", "blows"): 170,
    ("", "price"): 170,
    ("", "trigger"): 470,
    ("", "attempt"): 400,
    ("", "midpoint"): 400,
    ("", "climax"): 470,
    ("lore", "text"): 300,
    ("premises", "text"): 300,
    ("premises", "conflict"): 400,
    ("people", "profile"): 240,
    ("people", "want"): 200,
    ("people", "need"): 200,
    ("people", "arc"): 300,
    ("people", "voice"): 200,
    ("people", "belief"): 160,
    ("wounds", "line"): 130,
    ("wounds", "belief"): 160,
    ("wounds", "need"): 200,
    ("beats", "text"): 590,
    ("beats", "conflict"): 200,
    ("beats", "change"): 160,
    ("beats", "hook"): 160,
    ("beats", "so"): 150,
    ("beats", "plant"): 160,
    ("bonds", "surface"): 160,
    ("bonds", "tension"): 200,
    ("bonds", "change"): 160,
}
"""Most characters of a field with its slots filled, by table ("" = any) and name."""
WIDTHS = (
    {
        "house": 22,
        "other": 18,
        "third": 18,
        "town": 14,
        "event": 16,
        "P": 20,
        "site": 16,
        "wild": 16,
        "aim": 50,
        "plan": 70,
        "wound": 60,
        "lesson": 50,
        "here": 60,
        "custom": 120,
        "trigger": 0,
        "attempt": 0,
        "midpoint": 0,
        "climax": 0,
        "ending": 0,
        "final": 0,
        "price": 90,
    }
    | {f"sign{no}": 75 for no in range(1, 5)}
    | {f"blow{no}": 85 for no in range(1, 4)}
)
"""About how long slots are; whole texts that have limits of their own count nothing."""


def texts_of(entry: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text of an entry with the way to it."""
    if isinstance(entry, str):
        yield where, entry
    elif isinstance(entry, BaseModel):
        for name in type(entry).model_fields:
            yield from texts_of(getattr(entry, name), f"{where}.{name}" if where else name)
    elif isinstance(entry, tuple | list):
        for place, each in enumerate(entry, 1):
            named = getattr(each, "id", "") or getattr(each, "name", "") or str(place)
            yield from texts_of(each, f"{where} “{named}”" if isinstance(each, BaseModel) else f"{where} {place}")
    elif isinstance(entry, dict):
        for name, each in entry.items():
            yield from texts_of(each, f"{where}.{name}")


def entries(genre: Genre) -> Iterator[tuple[str, Any]]:
    """Every entry of a genre with the name of its table."""
    for table in type(genre).__dataclass_fields__:
        entries = getattr(genre, table)
        if isinstance(entries, dict):
            entries = tuple(entries.values())
        yield from ((table, each) for each in (entries if isinstance(entries, tuple) else (entries,)))


def lengths(genre: Genre) -> Iterator[str]:
    """A sentence for each text that is too long with its slots filled."""
    for table, entry in entries(genre):
        name = getattr(entry, "id", "") or getattr(entry, "name", "") or table
        for where, text in texts_of(entry):
            limit = _limit(table, where)
            length = estimated(text)
            if limit and length > limit:
                yield f"{table} “{name}” {where}: about {length} characters when filled, {limit} fit; shorten it."


def whole_premises(genre: Genre) -> Iterator[str]:
    """A sentence for each premise whose sentences don't fit together."""
    for premise in genre.premises:
        length = sum(estimated(each) + 1 for each in premise.premise)
        if length > PREMISE:
            yield f"premise “{premise.id}” premise: about {length} characters in all, {PREMISE} fit; shorten it."


def eras(genre: Genre) -> Iterator[str]:
    """A sentence for each era that is too long with the longest event and years; there is no room to cut it."""
    years = max(genre.pools.years, key=len)
    for premise in genre.premises:
        event = max(premise.slots.event, key=len)
        length = estimated((premise.era or "").replace("{event}", event).replace("{years}", years))
        if length > 120:
            yield f"premise “{premise.id}” era: {length} characters with “{event}”, 120 fit; shorten it."


def _limit(table: str, where: str) -> int:
    field = re.sub(r"( “[^”]*”| \d+)+$", "", where)
    names = re.split(r"\.| “[^”]*”\.?| \d+\.?", field)
    last = next((each for each in reversed(names) if each), "")
    inner = "beats" if ".beats" in f".{where}" or table == "episodes" else table
    return LIMITS.get((inner, last)) or LIMITS.get(("", last), 0)


def estimated(text: str) -> int:
    """About how long a text is with its slots filled."""
    length = len(SLOT.sub("", text))
    for found in SLOT.finditer(text):
        name, form = found[1], (found[2] or "").removesuffix("C")
        if found[3] is not None:
            length += max(len(found[3]), len(found[4]))
        elif name in PEOPLE:
            length += {"": 14, "f": 7, "s": 9}.get(form, 4)
        else:
            length += WIDTHS.get(name, 9)
    return length
