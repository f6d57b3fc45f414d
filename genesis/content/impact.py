"""What a changed stage does to the stages after it: the paths there that may no longer agree with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from genesis.content.catalog import Content
from genesis.content.fields import S80, S160, Item, specs
from genesis.content.ids import items
from genesis.content.impact_graph import GRAPH, Field, Row
from genesis.content.names import LostName, lost_names
from genesis.content.outline import Chapter
from genesis.content.paths import collapse
from genesis.content.texts import texts, walk
from genesis.session.stages import ORDER, Stage
from genesis.values import Frozen

MAX_STALE = 40
"""Most reasons a stale stage carries (content model §7)."""


class StaleReason(Frozen):
    """One path of a confirmed stage that no longer agrees with an earlier stage, and why."""

    path: S160
    """JSON Pointer within the stage's confirmed content, list items named by id; `/chapters` is the whole list."""
    because: S160
    """What changed: stage and JSON Pointer, as in `WORLDVIEW/rules/r1/cost`."""
    kind: Literal["reference", "derivation", "mention"]
    """`reference`: it names an item that was removed. `mention`: its text uses a name that is no longer used.
    `derivation`: it was made from what changed."""
    was: S80 = ""
    """`mention`: the name that is no longer used, whole; its parts may be what stands in the text."""
    now: S80 = ""
    """`mention`: what it is called today; empty where it was removed."""


STRENGTH = ("reference", "mention", "derivation")
"""Kinds of reasons, the most certain first."""

Changes = dict[Field, dict[str, str]]
"""Changed field -> id of the changed item, empty for the content's own fields -> path across stages."""


def impact(
    stage: Stage, old: Content, new: Content, confirmed: Mapping[Stage, Content]
) -> dict[Stage, tuple[StaleReason, ...]]:
    """What confirming `new` in place of `old`, both of this stage, makes stale in later confirmed stages.

    `confirmed` holds the confirmed contents; this stage and those before it are not looked at. A change reaches a
    path by reference (it holds the id of an item that was removed), by mention (its text uses the old name of
    something renamed or removed) or by derivation (the impact graph), content model §6. An item that is still
    there keeps its references, whatever changed in it: its id means the same item, and a new name is reached by
    mention. Only what changed now counts: what the later stages' own changes lead to is asked when these are
    confirmed. White space is no change.

    Each path comes once and never under another of the same stage, with its strongest kind and that kind's first
    cause, in the order of the document; at most MAX_STALE per stage. A stage that nothing reaches is left out.
    """
    changes = _changes(stage, old, new)
    lost = [(f"{stage.value}{each.path}", each) for each in lost_names(old, new)]
    removed = _removed(stage, old, new)
    stale: dict[Stage, tuple[StaleReason, ...]] = {}
    for later in ORDER[ORDER.index(stage) + 1 :] if changes or lost or removed else ():
        content = confirmed.get(later)
        if content is None:
            continue
        reasons = [
            *_references(content, stage, removed),
            *_mentions(content, lost),
            *_derivations(later, content, changes),
        ]
        if reasons:
            place = {path: no for no, path in enumerate(_paths(content))}
            stale[later] = merge_stale((), sorted(reasons, key=lambda each: place[each.path]))
    return stale


def merge_stale(before: Iterable[StaleReason], more: Iterable[StaleReason]) -> tuple[StaleReason, ...]:
    """All that was stale and what came to it, by the same rules; `before` wins where both say the same."""
    reasons = (*before, *more)
    # A confirmed content begins at its fields, in the stages with a choice too, as the draft of an outline does.
    told = frozenset(collapse(Stage.PLOT_OUTLINE, (each.path for each in reasons), MAX_STALE))
    kept: dict[str, StaleReason] = {}
    for reason in reasons:
        tokens = reason.path.split("/")
        path = next(above for end in range(2, len(tokens) + 1) if (above := "/".join(tokens[:end])) in told)
        held = kept.get(path)
        if held is None or STRENGTH.index(reason.kind) < STRENGTH.index(held.kind):
            kept[path] = reason if path == reason.path else reason.model_copy(update={"path": path})
    return tuple(kept.values())


# -- what changed


def _changes(stage: Stage, old: Content, new: Content) -> Changes:
    """Every field with another value, and the items with one; of their names and references nothing is made."""
    changes: Changes = {}
    for name, item_id, model, was, now in _pairs(old, new):
        for spec in specs(model):
            before, after = (each and getattr(each, spec.name) for each in (was, now))
            if spec.items or before == after or _plain(before) == _plain(after):
                continue
            path = f"{stage.value}/{name}/{item_id}" if name else stage.value
            because = f"{path}/{spec.name}" if was and now else path
            changes.setdefault(Field(stage, name, spec.name), {})[item_id] = because
            if name and spec.refers is None and spec.name not in ("name", "title"):
                changes.setdefault(Field(stage, name, ""), {}).setdefault(item_id, because)
    return changes


def _pairs(old: Content, new: Content) -> Iterator[tuple[str, str, type[Item], Item | None, Item | None]]:
    """(list, item id, class, item before, item now), the contents themselves first with neither list nor id."""
    yield "", "", type(old), old, new
    was = {(name, item.id): item for name, item in items(old)}
    now = {(name, item.id): item for name, item in items(new)}
    for key, item in (was | now).items():
        yield *key, type(item), was.get(key), now.get(key)


def _plain(value: object) -> object:
    """The value without what nobody can see: surplus white space, and the kinds of emptiness."""
    match value:
        case str():
            return " ".join(value.split())
        case tuple():
            return tuple(" ".join(each.split()) for each in value if each.strip()) or ""
        case None | 0 | False:
            return ""
        case _:
            return value


def _paths(content: Content) -> Iterator[str]:
    """Every path of the content in the order of the document, items right before their fields."""
    for path, item in walk(content):
        yield path
        for spec in specs(type(item)):
            yield f"{path}/{spec.name}"


def _removed(stage: Stage, old: Content, new: Content) -> dict[tuple[str, str], str]:
    """(list, id) of every item that is gone -> its path across stages."""
    there = {(name, item.id) for name, item in items(new)}
    gone = [(name, item.id) for name, item in items(old) if (name, item.id) not in there]
    return {(name, item_id): f"{stage.value}/{name}/{item_id}" for name, item_id in gone}


# -- what it reaches


def _references(content: Content, stage: Stage, removed: Mapping[tuple[str, str], str]) -> Iterator[StaleReason]:
    for path, item in walk(content) if removed else ():
        for spec in specs(type(item)):
            if spec.refers is None or spec.refers.stage is not stage:
                continue
            value = getattr(item, spec.name)
            for named in (value,) if isinstance(value, str) else value:
                for each in spec.refers.lists:
                    if because := removed.get((each, named)):
                        yield StaleReason(path=f"{path}/{spec.name}", because=because, kind="reference")


def _mentions(content: Content, lost: Sequence[tuple[str, LostName]]) -> Iterator[StaleReason]:
    for path, text in texts(content) if lost else ():
        folded = text.casefold()
        found = next(((because, each) for because, each in lost if each.stands_in(text, folded)), None)
        if found:
            because, name = found
            now = name.now[0] if name.now else ""
            yield StaleReason(path=path, because=because, kind="mention", was=name.forms[0][0], now=now)


def _derivations(later: Stage, content: Content, changes: Changes) -> Iterator[StaleReason]:
    for row in GRAPH:
        if not any(source in changes for source in row.sources):
            continue
        for field in row.later:
            if field.stage is not later:
                continue
            for item in getattr(content, field.items) if field.items else (content,):
                because = _because(row, item, changes)
                if because and _is_filled(row, field, item):
                    path = f"/{field.items}/{item.id}" if field.items else ""
                    at = f"{path}/{field.name}" if field.name else path
                    yield StaleReason(path=at, because=because, kind="derivation")


def _is_filled(row: Row, field: Field, item: Item) -> bool:
    """True where this item has this row, and something in the field."""
    if row.roles and getattr(item, "role", "") not in row.roles:
        return False
    return not field.name or _plain(getattr(item, field.name)) != ""


def _because(row: Row, item: Item, changes: Changes) -> str | None:
    """The first changed source of this row that counts for this item."""
    for source in row.sources:
        for changed, because in changes.get(source, {}).items():
            if not row.of_its_cast or (isinstance(item, Chapter) and changed in item.cast):
                return because
    return None
