"""What was there, changed only where something was asked for: three-way merges and single paths made anew."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, cast

from connectors.providers.builtin.wishes import Wishes
from genesis.content.catalog import Content
from genesis.content.fields import Item, specs
from genesis.content.texts import mentions

C = TypeVar("C", bound=Content)
Keys = Sequence[str]


def merged(former: C, before: C, after: C, wishes: Wishes, avoid: Collection[str] = ()) -> C:
    """The former content with what the wishes change.

    `before` and `after` are told by the engine without and with them: where the two agree, the former value
    stays, a person's own edits included, unless it names something to be avoided. Items are matched by their
    place; those of a list that has another length afterwards come from `after`.
    """
    changed = _merged(former, before, after, wishes, avoid)
    _link(changed, after)
    return cast(C, type(former).model_validate(changed))


def _link(changed: dict[str, Any], after: Item) -> None:
    """Let references say the ids that the items have now: those that came from `after` had other ones there."""
    lists = [(changed[spec.name], getattr(after, spec.name)) for spec in specs(type(after)) if spec.items]
    called = {is_.id: value["id"] for values, told in lists for value, is_ in zip(values, told, strict=False)}
    known = {value["id"] for values, _ in lists for value in values}
    for values, told in lists:
        for value, is_ in zip(values, told, strict=False):
            for name in OWN & value.keys():
                value[name] = _linked(value[name], getattr(is_, name), called, known)
    for spec in specs(type(after)):
        if spec.items:
            # What was planted in a chapter that is gone, and that the new telling doesn't have, is gone with it.
            changed[spec.name] = tuple(value for value in changed[spec.name] if not _loose(value, known))


def _loose(value: Mapping[str, Any], known: Collection[str]) -> bool:
    return any(isinstance(value.get(name), str) and value[name] and value[name] not in known for name in OWN)


def _linked(refs: Any, told: Any, called: Mapping[str, str], known: Collection[str]) -> Any:
    """References as they stand where all of them lead somewhere, else those of the new telling."""
    if isinstance(refs, str):
        return refs if refs in known and refs != told else called.get(told, refs)
    if set(refs) <= set(known) and tuple(refs) != tuple(told):
        return refs
    return tuple(dict.fromkeys(called.get(each, each) for each in told))


def _merged(former: Item, before: Item, after: Item, wishes: Wishes, avoid: Collection[str]) -> dict[str, Any]:
    values: dict[str, Any] = {"id": former.id}
    for spec in specs(type(former)):
        old, was, is_ = (getattr(each, spec.name) for each in (former, before, after))
        if spec.name in wishes.kept or (wishes.only and spec.name not in wishes.only and _outer(former)):
            values[spec.name] = old
        elif spec.items:
            values[spec.name] = _items(old, was, is_, wishes, avoid)
        elif spec.refers:
            values[spec.name] = old
        elif was != is_ or (avoid and any(mentions(str(old), word) for word in avoid)):
            values[spec.name] = is_
        else:
            values[spec.name] = old
    return values


def _outer(item: Item) -> bool:
    """True for a whole content, whose fields are those that people name."""
    return any(spec.items for spec in specs(type(item))) or len(specs(type(item))) >= 12


def _items(
    old: Sequence[Item], was: Sequence[Item], is_: Sequence[Item], wishes: Wishes, avoid: Collection[str]
) -> tuple[Any, ...]:
    if len(was) != len(is_):
        return _resized(old, was, is_)
    merged_ = []
    for place, item in enumerate(old):
        if place < len(was) and _same(item, was[place]):
            merged_.append(_merged(item, was[place], is_[place], wishes, avoid))
        else:
            merged_.append(item.model_dump())
    return tuple(merged_)


def _same(item: Item, other: Item) -> bool:
    """The two are the same item, edited or not: at least a third of their texts are equal."""
    names = [spec.name for spec in specs(type(item)) if not spec.refers and not spec.items]
    equal = sum(getattr(item, name) == getattr(other, name) for name in names)
    return bool(3 * equal >= len(names))


def _resized(old: Sequence[Item], was: Sequence[Item], is_: Sequence[Item]) -> tuple[Any, ...]:
    """A longer or shorter list: what is the same item keeps its id and the words it had."""
    left = list(old)
    values = []
    highest = max((int(each.id[1:]) for each in old if each.id[1:].isdigit()), default=0)
    for item in is_:
        place = next((number for number, each in enumerate(was) if _same(each, item)), None)
        mine = old[place] if place is not None and place < len(old) else None
        if mine is not None and mine in left and place is not None and _same(mine, was[place]):
            left.remove(mine)
            # References are those of the new list, whose items have other places.
            fields = {spec.name: getattr(item, spec.name) for spec in specs(type(item)) if spec.refers}
            values.append(mine.model_copy(update=fields).model_dump())
        else:
            highest += 1
            values.append(item.model_copy(update={"id": f"{item.PREFIX}{highest}"}).model_dump())
    return tuple(values)


def opened(former: C, paths: Collection[str], tell: Callable[[int], C], first_salt: int) -> tuple[C, tuple[str, ...]]:
    """The former content with the values at these paths told anew, and the paths that have no other version.

    Paths are relative to the content and name items by id. `tell` tells the whole content with a salt; salts are
    tried until something new stands at each path.
    """
    value: Any = former.model_dump(mode="json")
    left = list(dict.fromkeys(paths))
    for salt in range(first_salt, first_salt + 7):
        if not left:
            break
        fresh = tell(salt).model_dump(mode="json")
        before = len(left) + 1
        # Once more after each success: what was in the way of a name may have got another.
        while left and len(left) < before:
            before = len(left)
            left = [path for path in left if not _put(value, fresh, [each for each in path.split("/") if each])]
    return cast(C, type(former).model_validate(value)), tuple(left)


def _put(into: Any, fresh: Any, tokens: Sequence[str]) -> bool:
    """Put the fresh value at the path; False where it is the same as before or not there."""
    if not tokens:
        done = [_put(into, fresh, [name]) for name in into if name != "id" and name in fresh and not _refers(name)]
        return any(done)
    head, *rest = tokens
    if isinstance(into, dict):
        if head not in into or head not in fresh:
            return False
        if not rest and not isinstance(into[head], list):
            if into[head] == fresh[head]:
                return False
            into[head] = fresh[head]
            return True
        return _put_list(into, fresh, head, rest)
    return False


def _put_list(into: Any, fresh: Any, head: str, rest: Sequence[str]) -> bool:
    mine, theirs = into[head], fresh[head]
    if not isinstance(mine, list):
        return False
    if not rest:
        if mine and isinstance(mine[0], dict):
            pairs = list(enumerate(zip(mine, theirs, strict=False)))
            done = [_put(one, other, []) for place, (one, other) in pairs if not _clashes(mine, place, other)]
            return any(done)
        if mine == theirs:
            return False
        into[head] = theirs
        return True
    name, *more = rest
    place = next((number for number, each in enumerate(mine) if isinstance(each, dict) and each["id"] == name), None)
    if place is None:
        place = int(name) if name.isdigit() and int(name) < len(mine) else None
    if place is None or place >= len(theirs):
        return False
    if not isinstance(mine[place], dict):
        different = mine[place] != theirs[place]
        mine[place] = theirs[place]
        return bool(different)
    if more in ([], ["name"]) and _clashes(mine, place, theirs[place]):
        return False
    return _put(mine[place], theirs[place], more)


def _clashes(items: Sequence[Any], place: int, fresh: Any) -> bool:
    """True where another item than the one at this place has the fresh one's name already: it is none to be had."""
    name = str(fresh.get("name", "")).casefold()
    others = [each for number, each in enumerate(items) if number != place]
    return bool(name) and any(str(each.get("name", "")).casefold() == name for each in others)


REFERENCES = frozenset({"held_by", "rivals", "about", "a", "b", "act", "threads"})
"""Fields that name items of the same content; those of earlier stages have the same ids in every telling."""


OWN = REFERENCES | {"closes_in", "planted_in", "paid_in"}
"""All fields that name items of the same content."""


def _refers(name: str) -> bool:
    return name in OWN or name in ("no", "derived_from")
