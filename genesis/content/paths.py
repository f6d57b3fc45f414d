"""Paths into a draft: JSON Pointers (RFC 6901) that name list items by id (content model §1).

The document of a draft is, in the two stages with a choice, the list of its candidates (`/k2/title`,
`/s1/themes/0`), in the others its one content (`/name`, `/places/p1/description`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from genesis.content.catalog import CONTENT, Content
from genesis.content.fields import Item, specs
from genesis.errors import GenesisError
from genesis.session.stages import CHOICE, Stage

MAX_PATHS = 200
"""Most paths that a proposal keeps as locks, and as edited by the person; more collapse to their items."""

END = "-"
"""Token behind the last element of a list, for what is added there."""

NUMBER = "no"
"""Field that counts the list its item stands in; it follows the order and is nobody's own."""

_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")


class BadPath(GenesisError):
    """A path is not a JSON Pointer. It begins with /, and ~ and / inside a name are written ~0 and ~1."""


class UnknownPath(GenesisError):
    """Nothing in the draft has this path. Read the draft again and take ids and field names from it."""


def parse(pointer: str) -> tuple[str, ...]:
    """The tokens of a JSON Pointer, unescaped; none for the whole document. Raises `BadPath`."""
    if not pointer:
        return ()
    if not pointer.startswith("/") or _BAD_ESCAPE.search(pointer):
        raise BadPath
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def format_path(tokens: Iterable[str]) -> str:
    """The JSON Pointer made of these tokens; the inverse of `parse`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def covers(outer: str, inner: str) -> bool:
    """True where `inner` is `outer` or lies under it; `/rules/r1` does not cover `/rules/r10`."""
    return inner == outer or inner.startswith(outer + "/")


def ancestors(path: str) -> list[str]:
    """The paths that cover this one, from the whole document to itself."""
    tokens = path.split("/")
    return ["/".join(tokens[:end]) for end in range(1, len(tokens) + 1)]


class Area:
    """What some paths name, with all that lies under them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._above = frozenset(each for path in self._paths for each in ancestors(path))

    def __contains__(self, path: str) -> bool:
        """True where one of the paths covers this one."""
        return any(each in self._paths for each in ancestors(path))

    def touches(self, path: str) -> bool:
        """True where something at or under this path lies in the area."""
        return path in self._above or path in self


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """These paths without repeats and without those that another one covers, in their first order."""
    seen = dict.fromkeys(paths)
    kept = []
    for path in seen:
        if not any(each in seen for each in ancestors(path)[:-1]):
            kept.append(path)
    return tuple(kept)


def collapse(stage: Stage, paths: Iterable[str], limit: int = MAX_PATHS) -> tuple[str, ...]:
    """At most `limit` paths that cover all of these: the fullest items are named whole, then the fullest lists.

    Only as many items as needed lose their detail, so that few values are covered which nobody named.
    """
    kept = outermost(paths)
    for depth in (1,) if stage in CHOICE else (2, 1):
        excess, whole = len(kept) - limit, set[str]()
        for head, count in Counter(_head(path, depth) for path in kept if path.count("/") > depth).most_common():
            if excess <= 0 or count == 1:
                break
            whole.add(head)
            excess -= count - 1
        kept = outermost(head if (head := _head(path, depth)) in whole else path for path in kept) if whole else kept
    return kept


def _head(path: str, depth: int) -> str:
    return "/".join(path.split("/")[: depth + 1])


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the JSON form of a draft."""

    value: Any
    """Object, list, text, number or truth value."""
    model: type[Item] | None
    """Class of the object or of the items of the list; None for anything else."""
    path: tuple[str, ...]
    """Tokens from the root; items by id, elements of plain lists by index."""

    def position(self, token: str) -> int:
        """Where in this list an id, an index or `-` points; `-` is behind the last. Raises `UnknownPath`."""
        if token == END:
            return len(self.value)
        if _INDEX.fullmatch(token):
            return int(token)
        if self.model is not None:
            for place, item in enumerate(self.value):
                if item["id"] == token:
                    return place
        raise UnknownPath

    def step(self, token: str) -> "Node":
        """What lies under this token. Raises `UnknownPath`."""
        if isinstance(self.value, dict) and self.model is not None and token in self.value:
            return Node(self.value[token], inner(self.model, token), (*self.path, token))
        if isinstance(self.value, list) and (place := self.position(token)) < len(self.value):
            element = self.value[place]
            return Node(element, self.model, (*self.path, element["id"] if self.model else str(place)))
        raise UnknownPath

    def walk(self, tokens: Iterable[str]) -> "Node":
        """What lies under these tokens, one after the other. Raises `UnknownPath`."""
        node = self
        for token in tokens:
            node = node.step(token)
        return node


@cache
def inner(model: type[Item], field: str) -> type[Item] | None:
    """Class of the items of this field; None where it is no list of items."""
    return next((spec.items for spec in specs(model) if spec.name == field), None)


def document(stage: Stage, candidates: Sequence[Content]) -> Node:
    """The draft as JSON, a copy: a list of candidates in a stage with a choice, else the one content."""
    dumped = [each.model_dump(mode="json") for each in candidates]
    return Node(dumped if stage in CHOICE else dumped[0] if dumped else {}, CONTENT[stage], ())


def resolve(stage: Stage, candidates: Sequence[Content], pointer: str) -> Any:
    """The JSON value under a path. Raises `BadPath` and `UnknownPath`."""
    return document(stage, candidates).walk(parse(pointer)).value


def found(stage: Stage, candidates: Sequence[Content], pointers: Iterable[str]) -> dict[str, Node]:
    """Where these paths lead; those that lead nowhere are left out. The draft is looked at once for all of them."""
    root, there = document(stage, candidates), {}
    for pointer in pointers:
        with suppress(BadPath, UnknownPath):
            there[pointer] = root.walk(parse(pointer))
    return there


def normalised(stage: Stage, node: Node) -> str:
    """The path of a place as locks keep it: items by id, plain lists whole (`/s1/themes/0` is `/s1/themes`)."""
    return format_path(whole(stage, node.path))


def whole(stage: Stage, tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens without what lies inside a list of plain values, which is kept or changed as a whole."""
    if stage in CHOICE:
        return tokens[:2]
    return tokens[:3] if tokens and inner(CONTENT[stage], tokens[0]) else tokens[:1]
