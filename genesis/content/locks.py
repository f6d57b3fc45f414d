"""Locks are code: what the person locked or edited is put back over a provider's result (content model §4).

What must hold where wishes meet:
- A protected value stands as it stood in the parent; what is protected in part or whole and missing from the
  result comes back whole, next to the neighbour it had. Only `no` is not its own: it counts the list.
- Where that fills a list, or the stage's number of candidates, beyond its cap, the last items that are neither
  protected nor named by something protected give way, then the last unprotected ones.
- A reference in what is kept may name an item that only the parent has. That item comes back too where its list
  has room; one step, no further: what it names itself and is gone is emptied in it, as on arrival (ADR 0028).
  Without room the reference stays as it is and the checks report it.
- What arrived and names an item that gave way loses that reference.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genesis.content.catalog import CONTENT, MAX_CANDIDATES, Content
from genesis.content.fields import FieldSpec, Item, specs
from genesis.content.ids import CANDIDATES
from genesis.content.paths import NUMBER, Area, document, format_path, parse, whole
from genesis.session.stages import CHOICE, Stage

Json = dict[str, Any]


def keep(
    stage: Stage,
    parent: Sequence[Content],
    result: Sequence[Content],
    protected: Collection[str],
    open_paths: Collection[str] | None = None,
) -> tuple[Content, ...]:
    """The provider's result with all that the person protected as it stood in `parent`.

    `protected` and `open_paths` are paths of the draft; those that name nothing in the parent protect and open
    nothing. `result` has its ids already (`renumber`); items and candidates are matched by id, the contents of
    a stage without a choice with each other. With `open_paths` everything outside them is the parent's, and
    what lies under them and is missing from the result stays as it was; a candidate that came alone for the one
    that is open needs no matching id. The answer fits the models; whether it fits the stage's bytes is another
    question (`sizes.size`).
    """
    if not parent or not result:
        return tuple(result or parent)
    old, new = document(stage, parent).value, document(stage, result).value
    opened = None if open_paths is None else _whole(stage, open_paths)
    wish = _Wish(Area(_whole(stage, protected)), None if opened is None else Area(opened))
    model = CONTENT[stage]
    if stage in CHOICE:
        _match_single(new, opened or ())
        drafts = _merge_list(old, new, model, "", MAX_CANDIDATES[stage], wish)
    else:
        wish = replace(wish, named=frozenset(_named(old, model, wish)))
        drafts = [_complete(old, _merge_item(old, new, model, "", wish), model, wish)]
    return tuple(model.model_validate(each) for each in drafts)


def _whole(stage: Stage, paths: Collection[str]) -> tuple[str, ...]:
    return tuple(format_path(whole(stage, parse(each))) for each in paths)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is protected and what is open; None where everything is."""

    protected: Area
    open: Area | None
    named: frozenset[str] = frozenset()
    """Ids that values which are the parent's refer to."""

    def fixed(self, path: str) -> bool:
        """The whole value under this path is the parent's."""
        return path in self.protected or (self.open is not None and not self.open.touches(path))

    def opened(self, path: str) -> bool:
        """The whole value under this path may come from the result, but for what is protected in it."""
        return self.open is None or path in self.open


def _match_single(new: list[Json], open_paths: Collection[str]) -> None:
    heads = {parse(each)[0] for each in open_paths if each}
    if len(heads) == 1 and len(new) == 1:
        new[0]["id"] = heads.pop()


def _merge_item(old: Json, new: Json, model: type[Item], path: str, wish: _Wish) -> Json:
    """`old` and `new` are the same item, of the parent and of the result."""
    if wish.fixed(path):
        return old
    merged: Json = {"id": new["id"] if wish.opened(path) else old["id"]}
    for spec in specs(model):
        at = f"{path}/{spec.name}"
        if wish.fixed(at):
            merged[spec.name] = old[spec.name]
        elif spec.items:
            merged[spec.name] = _merge_list(old[spec.name], new[spec.name], spec.items, at, spec.cap, wish)
        else:
            merged[spec.name] = new[spec.name] if wish.opened(at) else old[spec.name]
    return merged


def _merge_list(old: list[Json], new: list[Json], model: type[Item], path: str, cap: int, wish: _Wish) -> list[Json]:
    former, arrived = {each["id"]: each for each in old}, {each["id"]: each for each in new}
    at = {name: path + format_path([name]) for name in (*former, *arrived)}
    if not wish.opened(path):
        return [
            _merge_item(each, arrived[name], model, at[name], wish) if name in arrived else each
            for name, each in former.items()
        ]
    merged = [
        _merge_item(former[name], each, model, at[name], wish) if name in former else each
        for name, each in arrived.items()
    ]
    held = {name for name in former if wish.protected.touches(at[name])}
    for name in former:
        if name in held and name not in arrived:
            _put_back(merged, former[name], list(former))
    _in_order(merged, [name for name in former if at[name] in wish.protected])
    unheld = [each["id"] for each in reversed(merged) if each["id"] not in held]
    gone = set(sorted(unheld, key=wish.named.__contains__)[: max(0, len(merged) - cap)])
    return [each for each in merged if each["id"] not in gone]


def _put_back(merged: list[Json], item: Json, order: list[str]) -> None:
    """Insert behind the nearest former neighbour before it, else before the nearest behind it."""
    places = {each["id"]: place for place, each in enumerate(merged)}
    mine = order.index(item["id"])
    behind = next((places[name] + 1 for name in reversed(order[:mine]) if name in places), None)
    before = next((places[name] for name in order[mine:] if name in places), min(mine, len(merged)))
    merged.insert(before if behind is None else behind, item)


def _in_order(merged: list[Json], order: list[str]) -> None:
    """Let protected items stand in their former order, in the places that they take together."""
    places = {each["id"]: place for place, each in enumerate(merged)}
    items = [merged[places[name]] for name in order]
    for place, item in zip(sorted(places[name] for name in order), items, strict=True):
        merged[place] = item


def _complete(old: Json, merged: Json, model: type[Item], wish: _Wish) -> Json:
    """The content with what its kept references name, without references to what gave way, and counted."""
    lists = [spec for spec in specs(model) if spec.items]
    present = {each["id"] for spec in lists for each in merged[spec.name]}
    companions = set()
    completed = dict(merged)
    for spec in lists:
        completed[spec.name] = [*merged[spec.name]]
        for each in old[spec.name]:
            name = each["id"]
            if name in wish.named and name not in present and len(completed[spec.name]) < spec.cap:
                _put_back(completed[spec.name], each, [item["id"] for item in old[spec.name]])
                companions.add(name)
    present |= companions
    for spec in lists:
        former = {each["id"]: each for each in old[spec.name] if each["id"] not in companions}
        pruned = [_pruned(each, former.get(each["id"], {}), spec.items, present) for each in completed[spec.name]]
        completed[spec.name] = _counted(pruned, old[spec.name])
    return completed


def _pruned(item: Json, former: Json, model: type[Item] | None, present: set[str]) -> Json:
    changed: Json = {}
    for spec in own_references(model):
        value = item[spec.name]
        if value == former.get(spec.name):
            continue
        if isinstance(value, list):
            changed[spec.name] = [each for each in value if each in present]
        elif value not in present:
            changed[spec.name] = ""
    return {**item, **changed}


def _counted(items: list[Json], former: list[Json]) -> list[Json]:
    """With `no` from 1 where items or their order changed, else with the numbers they had."""
    if not items or NUMBER not in items[0]:
        return items
    same = [each["id"] for each in items] == [each["id"] for each in former]
    numbers = [each[NUMBER] for each in former] if same else range(1, len(items) + 1)
    return [{**each, NUMBER: number} for each, number in zip(items, numbers, strict=True)]


def own_references(model: type[Item] | None) -> list[FieldSpec]:
    """The fields of an item that name items of the same content."""
    found = specs(model) if model else ()
    return [
        spec for spec in found if spec.refers and spec.refers.stage is None and CANDIDATES not in spec.refers.lists
    ]


def _named(content: Json, model: type[Item], wish: _Wish) -> Iterator[str]:
    """Ids that the parent's fixed values refer to."""
    for spec in specs(model):
        if spec.items:
            for item in content[spec.name]:
                for reference in own_references(spec.items):
                    if wish.fixed(format_path([spec.name, item["id"], reference.name])):
                        value = item[reference.name]
                        yield from value if isinstance(value, list) else [value]
