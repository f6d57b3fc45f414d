"""How what a patch brings gets its ids, and how references in it find what they name (content model §1)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from genesis.content.catalog import CONTENT, Content
from genesis.content.fields import Item, Refers, specs
from genesis.content.ids import CANDIDATES, ids_of, was_given
from genesis.content.operations import PatchRefused
from genesis.content.paths import format_path
from genesis.session.stages import Stage

ID_LENGTH = 12
"""Most characters of an id, or of the name that stands for one in a patch."""

Json = dict[str, Any]


class Naming:
    """The ids of one patch: who has one, who had one before it, and which name of the patch means which new one."""

    def __init__(
        self, stage: Stage, before: Sequence[Content], counters: Mapping[str, int], session: Mapping[str, int]
    ) -> None:
        self.counters = dict(counters)
        self._stage = stage
        self._session = session
        self._before = frozenset[str]().union(*(ids_of(each) for each in before))
        self._present = set(self._before)
        self._names: dict[tuple[str, str], str] = {}

    def next_id(self, model: type[Item]) -> str:
        """A new id, with the letter of this class."""
        self.counters[model.PREFIX] = self.counters.get(model.PREFIX, 0) + 1
        given = f"{model.PREFIX}{self.counters[model.PREFIX]}"
        self._present.add(given)
        return given

    def meant(self, model: type[Item] | None, token: str) -> str:
        """The id where this token is a name that the patch gave to an item of this class; else the token."""
        return self._names.get((model.PREFIX, token), token) if model else token

    def adopt(self, value: Any, model: type[Item], staying: str = "") -> Json:
        """A copy of an arriving object with an id, its items' too, and the defaults of all that it leaves out.

        `staying` is the id of what it replaces, which stays. Raises `PatchRefused` where it names another.
        """
        if not isinstance(value, dict):
            raise PatchRefused("bad_value", f"An object with the fields of {model.__name__} belongs here.")
        name = value.get("id", "")
        if not isinstance(name, str) or len(name) > ID_LENGTH:
            raise PatchRefused("bad_value", f"A name in `id` is text of at most {ID_LENGTH} characters.")
        if staying and name not in ("", staying):
            raise PatchRefused("id_fixed", "An id can't be changed; leave it out of the value.")
        adopted = {**_defaults(model), **value, "id": staying or self._id_for(name, model)}
        for spec in specs(model):
            field = adopted[spec.name]
            if spec.items:
                adopted[spec.name] = self.adopt_all(field, spec.items)
            elif isinstance(field, list):
                adopted[spec.name] = [*field]
        return adopted

    def adopt_all(self, value: Any, model: type[Item]) -> list[Json]:
        """`adopt` for each item of an arriving list."""
        if not isinstance(value, list):
            raise PatchRefused("bad_value", f"A list of objects with the fields of {model.__name__} belongs here.")
        return [self.adopt(each, model) for each in value]

    def forget(self, value: Any, model: type[Item] | None) -> None:
        """Take note that this item or list of items is no longer in the draft; it may come back with its ids."""
        if model is not None:
            for item, _, _ in _located(value, model, ()):
                self._present.discard(item["id"])

    def _id_for(self, name: str, model: type[Item]) -> str:
        if name in self._present:
            raise PatchRefused("id_twice", "This id is taken; leave it out of the value of a new item.")
        if name in self._before and name[:1] == model.PREFIX:
            self._present.add(name)
            return name
        if was_given(name, self._session) or was_given(name, self.counters):
            raise PatchRefused("id_given", "An id is given only once; leave it out of the value of a new item.")
        given = self.next_id(model)
        if name and self._names.setdefault((model.PREFIX, name), given) != given:
            raise PatchRefused("id_twice", "Two new items have one name in `id`; give each its own.")
        return given

    def resolve_references(self, root: Any, before: Any) -> None:
        """Put ids where references use names of the patch.

        Raises `PatchRefused` where a reference that was not there before names nothing this session ever had.
        """
        known = {item["id"]: item for item, _, _ in _located(before, CONTENT[self._stage], ())}
        for item, model, path in _located(root, CONTENT[self._stage], ()):
            former = known.get(item["id"], {})
            for spec in specs(model):
                if spec.refers is None:
                    continue
                value, old = item[spec.name], former.get(spec.name)
                if isinstance(value, list):
                    old = old if isinstance(old, list) else []
                    item[spec.name] = [self._reference(each, old, spec.refers, (*path, spec.name)) for each in value]
                else:
                    item[spec.name] = self._reference(value, [old], spec.refers, (*path, spec.name))

    def _reference(self, value: Any, old: list[Any], refers: Refers, path: tuple[str, ...]) -> Any:
        if not isinstance(value, str) or value == "" or value in old:
            return value
        letters = _letters(self._stage, refers)
        found = next((self._names[letter, value] for letter in letters if (letter, value) in self._names), value)
        if found[:1] in letters and (was_given(found, self.counters) or was_given(found, self._session)):
            return found
        lists = " or ".join(refers.lists)
        raise PatchRefused(
            "unknown_id",
            f"A reference names nothing this session has had; take an id from {lists}.",
            format_path(path),
        )


@cache
def _letters(stage: Stage, refers: Refers) -> tuple[str, ...]:
    model = CONTENT[refers.stage or stage]
    lists = [spec.items.PREFIX for spec in specs(model) if spec.items and spec.name in refers.lists]
    return (*lists, *([model.PREFIX] if CANDIDATES in refers.lists else []))


@cache
def _blank(model: type[Item]) -> Json:
    return model().model_dump(mode="json")


def _defaults(model: type[Item]) -> Json:
    return {name: [] if isinstance(value, list) else value for name, value in _blank(model).items()}


def _located(
    value: Any, model: type[Item], path: tuple[str, ...]
) -> Iterator[tuple[Json, type[Item], tuple[str, ...]]]:
    """Every object of a draft with its class and its path."""
    if isinstance(value, list):
        for each in value:
            yield from _located(each, model, (*path, each["id"]))
    elif value:
        yield value, model, path
        for spec in specs(model):
            if spec.items:
                yield from _located(value[spec.name], spec.items, (*path, spec.name))
