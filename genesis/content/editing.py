"""The six ways to change the JSON of a draft, one operation at a time (RFC 6902 §4)."""

import copy
from dataclasses import dataclass
from typing import Any

from genesis.content.fields import Item
from genesis.content.naming import Naming
from genesis.content.operations import Operation, PatchRefused
from genesis.content.paths import NUMBER, Node, UnknownPath, covers, format_path, inner, parse


@dataclass(frozen=True, slots=True)
class Mark:
    """A place that an operation changed."""

    index: int
    path: tuple[str, ...]


class Editor:
    """Changes the JSON under `root` in place; the caller throws it away when an operation is refused."""

    def __init__(self, root: Node, naming: Naming) -> None:
        self.root = root
        self.marks: list[Mark] = []
        self.moved: set[tuple[str, ...]] = set()
        self._naming = naming
        self._index = 0

    def apply(self, index: int, operation: Operation) -> None:
        """Do one operation. Raises `BadPath`, `UnknownPath`, `PatchRefused`; then the root is half done."""
        self._index = index
        tokens, value = parse(operation.path), copy.deepcopy(operation.value)
        match operation.op:
            case "test":
                self._test(tokens, value)
            case "remove":
                self._take(tokens)
            case "add":
                self._put(tokens, value, insert=True)
            case "replace":
                self._put(tokens, value, insert=False)
            case "move":
                self._move(parse(operation.source or ""), tokens)
        self._count()

    def culprit(self, path: str) -> int:
        """Index of the last operation that changed something on the way to this path or under it."""
        changed = [mark for mark in self.marks if _related(format_path(mark.path), path)]
        return (changed or self.marks or [Mark(self._index, ())])[-1].index

    def _walk(self, tokens: tuple[str, ...]) -> Node:
        node = self.root
        for token in tokens:
            node = self._step(node, token)
        return node

    def _step(self, node: Node, token: str) -> Node:
        return node.step(self._meant(node, token))

    def _meant(self, node: Node, token: str) -> str:
        return self._naming.meant(node.model, token) if isinstance(node.value, list) else token

    def _mark(self, *path: str) -> None:
        self.marks.append(Mark(self._index, path))

    def _test(self, tokens: tuple[str, ...], value: Any) -> None:
        if not equal(self._walk(tokens).value, value):
            raise PatchRefused("test_failed", "The draft holds another value here; read it again.")

    def _put(self, tokens: tuple[str, ...], value: Any, *, insert: bool) -> None:
        if not tokens:
            return self._put_all(value)
        container, token = self._walk(tokens[:-1]), tokens[-1]
        if isinstance(container.value, dict):
            return self._set(container, token, value)
        place = self._place(container, token, insert=insert)
        if container.model is None:
            container.value[place : place if insert else place + 1] = [value]
            return self._mark(*container.path)
        if insert:
            item = self._naming.adopt(value, container.model)
            container.value.insert(place, item)
        else:
            item = self._naming.adopt(value, container.model, staying=container.value[place]["id"])
            container.value[place] = item
        self._mark(*container.path, item["id"])

    def _put_all(self, value: Any) -> None:
        if isinstance(self.root.value, list):
            self._naming.forget(self.root.value, self.root.model)
            self.root.value[:] = self._naming.adopt_all(value, _model(self.root))
            for each in self.root.value:
                self._mark(each["id"])
        else:
            for name in self.root.value:
                self._naming.forget(self.root.value[name], inner(_model(self.root), name))
            self.root.value.update(self._naming.adopt(value, _model(self.root), staying=self.root.value["id"]))
            for name in self.root.value:
                self._mark(name)

    def _set(self, container: Node, field: str, value: Any) -> None:
        model = _model(container)
        _changeable(model, field)
        items = inner(model, field)
        if items:
            self._naming.forget(container.value[field], items)
            value = self._naming.adopt_all(value, items)
        container.value[field] = value
        self._mark(*container.path, field)

    def _take(self, tokens: tuple[str, ...]) -> Any:
        """Take out an element of a list, or empty a field; returns what was there."""
        if not tokens:
            raise PatchRefused("not_removable", "The whole draft can't be removed; remove what is in it.")
        container, token = self._walk(tokens[:-1]), tokens[-1]
        if isinstance(container.value, dict):
            model = _model(container)
            _changeable(model, token)
            taken = container.value[token]
            self._naming.forget(taken, inner(model, token))
            container.value[token] = model().model_dump(mode="json")[token]
            self._mark(*container.path, token)
        else:
            place = self._place(container, token, insert=False)
            taken = container.value.pop(place)
            self._naming.forget(taken, container.model)
            # What is removed is nowhere; the mark says which operation it was, and that a plain list changed.
            self._mark(*container.path, *([taken["id"]] if container.model else []))
        return taken

    def _move(self, source: tuple[str, ...], target: tuple[str, ...]) -> None:
        if not source or not target:
            raise PatchRefused("bad_move", "The whole draft can't be moved; move what is in it.")
        origin, moving = self._walk(source[:-1]), self._walk(source)
        goal = self._walk(target[:-1])
        if goal.path[: len(moving.path)] == moving.path:
            raise PatchRefused("bad_move", "Nothing can be moved into itself; choose a place outside it.")
        if isinstance(origin.value, list) and origin.model is not None:
            if goal.value is not origin.value:
                raise PatchRefused("bad_move", "An item moves within its own list; add it anew elsewhere.")
            self._move_item(origin, moving, target[-1])
        elif goal.value is origin.value and self._same(goal, target[-1], source[-1]):
            return
        else:
            self._put(target, self._take(source), insert=True)

    def _same(self, container: Node, one: str, other: str) -> bool:
        if isinstance(container.value, dict):
            return one == other
        return container.position(one) == container.position(other)

    def _move_item(self, container: Node, item: Node, token: str) -> None:
        if self._meant(container, token) == item.path[-1]:
            return
        container.value.remove(item.value)
        container.value.insert(self._place(container, token, insert=True), item.value)
        self._mark(*item.path)
        if container.path:
            self.moved.add(item.path)

    def _place(self, container: Node, token: str, *, insert: bool) -> int:
        if not isinstance(container.value, list):
            raise UnknownPath
        place = container.position(self._meant(container, token))
        if place > len(container.value) or (place == len(container.value) and not insert):
            raise UnknownPath
        return place

    def _count(self) -> None:
        if isinstance(self.root.value, dict):
            for name, value in self.root.value.items():
                items = inner(_model(self.root), name)
                if items and NUMBER in items.model_fields:
                    for number, item in enumerate(value, start=1):
                        item[NUMBER] = number


def _model(node: Node) -> type[Item]:
    if node.model is None:
        raise UnknownPath
    return node.model


def _changeable(model: type[Item], field: str) -> None:
    if field not in model.model_fields:
        raise PatchRefused("unknown_field", "There is no such field; take its name from the draft.")
    if field == "id":
        raise PatchRefused("id_fixed", "An id can't be changed; add a new item or change the other fields.")
    if field == NUMBER:
        raise PatchRefused("number_fixed", "The number follows the order of the list; move the item instead.")


def _related(one: str, other: str) -> bool:
    return covers(one, other) or covers(other, one)


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values (RFC 6902 §4.6): numbers by value, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
