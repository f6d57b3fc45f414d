"""What an edit may say: the operations of RFC 6902 with the limits of the content model §4, and its refusal."""

import json
from collections.abc import Iterator
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from genesis.errors import GenesisError
from genesis.values import Frozen, Text, storable

MAX_OPERATIONS = 50
"""Most operations of one patch."""
MAX_VALUE = 5_000
"""Most characters of the value of an operation, as compact JSON."""
MAX_DEPTH = 5
"""Most lists and objects inside each other in a value: no content has more."""
MAX_POINTER = 160
"""Most characters of a path."""


class Operation(Frozen):
    """One change of a draft (RFC 6902; there is no `copy`)."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    op: Literal["add", "remove", "replace", "move", "test"]
    """What to do: `add`, `remove`, `replace`, `move` or `test`."""
    path: Text = Field(max_length=MAX_POINTER)
    """JSON Pointer of the place; an element of a list is named by its id, its index, or `-` behind the last."""
    source: Text | None = Field(default=None, alias="from", max_length=MAX_POINTER)
    """JSON Pointer of what `move` moves."""
    value: JsonValue = None
    """What `add` and `replace` put there and `test` compares, at most 5,000 characters as compact JSON."""

    @model_validator(mode="after")
    def _complete(self) -> "Operation":
        if (self.op == "move") != (self.source is not None):
            raise ValueError("`from` belongs to `move`, and only there; name what is to be moved")
        # No content holds null, so null is the same as no value at all.
        if (self.op in ("add", "replace", "test")) != (self.value is not None):
            raise ValueError("`value` belongs to `add`, `replace` and `test`, and only there; to empty use `remove`")
        if _deeper(self.value, MAX_DEPTH):
            raise ValueError(f"a value has at most {MAX_DEPTH} levels; change smaller parts of the draft")
        for text in _texts(self.value):
            storable(text)
        if len(json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))) > MAX_VALUE:
            raise ValueError(f"a value has at most {MAX_VALUE:,} characters as JSON; send it in several operations")
        return self


def _deeper(value: JsonValue, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(each, levels - 1) for each in inside)


def _texts(value: JsonValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inside in value.items():
                yield key
                yield from _texts(inside)
        case list():
            for inside in value:
                yield from _texts(inside)


PatchCode = Literal[
    "bad_path",
    "unknown_path",
    "unknown_field",
    "unknown_id",
    "id_given",
    "id_twice",
    "id_fixed",
    "number_fixed",
    "not_removable",
    "bad_move",
    "bad_value",
    "too_many",
    "test_failed",
]


class PatchRefused(GenesisError):
    """A patch can't be applied; nothing of it was. Read the draft again, then send what fits it."""

    def __init__(self, code: PatchCode, sentence: str, path: str = "", index: int = 0) -> None:
        super().__init__(sentence)
        self.code: PatchCode = code
        self.path = path
        """Where it failed: the operation's path, or the place in the draft that would be wrong."""
        self.index = index
        """Number of the operation, from 0."""

    def at(self, index: int, path: str) -> "PatchRefused":
        """The same refusal with the operation it belongs to."""
        return PatchRefused(self.code, str(self), self.path or path, index)
