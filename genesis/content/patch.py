"""Edits by the person: RFC 6902 operations on a draft, all of them or none (content model §4)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from genesis.content.catalog import CONTENT, MAX_CANDIDATES, Content
from genesis.content.editing import Editor
from genesis.content.naming import Naming
from genesis.content.operations import Operation, PatchCode, PatchRefused
from genesis.content.paths import BadPath, Node, UnknownPath, document, format_path, outermost, whole
from genesis.session.stages import CHOICE, Stage


@dataclass(frozen=True, slots=True)
class Patched:
    """A draft after a patch."""

    candidates: tuple[Content, ...]
    counters: dict[str, int]
    """Highest number given per letter, those of new items included."""
    touched: tuple[str, ...]
    """Paths of what was changed, added or moved and is there: items by id, plain lists whole, none in another."""
    removed: tuple[str, ...]
    """Paths of items and candidates that are there no more; locks under them have lost their meaning."""


def blank(stage: Stage) -> Content:
    """The content that own text of a stage begins with: nothing filled in, no id yet."""
    return CONTENT[stage]()


def apply_patch(
    stage: Stage,
    candidates: Sequence[Content],
    operations: Sequence[Operation],
    counters: Mapping[str, int],
    session: Mapping[str, int] | None = None,
) -> Patched:
    """Apply all operations to a draft, one after the other, or raise `PatchRefused`.

    Without candidates own text begins: with `{"op": "add", "path": "/-", "value": {...}}` in a stage with a
    choice, with `blank(stage)` in the others. `counters` holds the highest number given per letter in this
    stage, `session` (else the same) in the whole session: a reference to a number never given is refused, one
    to an item that was removed stays and is left to the checks. New items get ids here; an id in a value is a
    name that other values of the patch, and the paths of later operations, may use. `no` of chapters follows
    the order of their list.
    """
    naming = Naming(stage, candidates, counters, session or {})
    start = [*candidates]
    if not start and stage not in CHOICE:
        start.append(blank(stage).model_copy(update={"id": naming.next_id(CONTENT[stage])}))
    before, after = document(stage, start), document(stage, start)
    editor = Editor(after, naming)
    for index, operation in enumerate(operations):
        try:
            editor.apply(index, operation)
        except (BadPath, UnknownPath) as error:
            code: PatchCode = "bad_path" if isinstance(error, BadPath) else "unknown_path"
            raise PatchRefused(code, str(error), operation.path, index) from error
        except PatchRefused as refusal:
            raise refusal.at(index, operation.path) from refusal
    try:
        naming.resolve_references(after.value, before.value)
        contents = _validated(stage, after)
    except PatchRefused as refusal:
        raise refusal.at(editor.culprit(refusal.path), refusal.path) from refusal
    return Patched(contents, naming.counters, _touched(stage, before, editor), _removed(before, after))


def _validated(stage: Stage, root: Node) -> tuple[Content, ...]:
    drafts = root.value if stage in CHOICE else [root.value]
    if not drafts:
        raise PatchRefused("not_removable", "One candidate must stay; add another before removing the last.")
    if len(drafts) > MAX_CANDIDATES[stage]:
        most = MAX_CANDIDATES[stage]
        raise PatchRefused("too_many", f"There is room for {most} candidates; remove one before adding another.")
    return tuple(_content(stage, each) for each in drafts)


def _content(stage: Stage, draft: dict[str, Any]) -> Content:
    try:
        # As JSON and strictly: neither "5" nor true is a number.
        return CONTENT[stage].model_validate_json(json.dumps(draft), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _refusal(stage, draft, first) from error


def _refusal(stage: Stage, draft: dict[str, Any], error: ErrorDetails) -> PatchRefused:
    value: Any = draft
    path = [draft["id"]] if stage in CHOICE else []
    for token in error["loc"]:
        if isinstance(value, list) and isinstance(token, int):
            value = value[token]
            path.append(value["id"] if isinstance(value, dict) and "id" in value else str(token))
        else:
            value = value.get(token) if isinstance(value, dict) else None
            path.append(str(token))
    place = format_path(path)
    if error["type"] == "extra_forbidden":
        return PatchRefused("unknown_field", "There is no such field; take its name from the draft.", place)
    if error["type"] == "too_long":
        most = error["ctx"]["max_length"]
        if isinstance(value, list):
            sentence = f"There is room for {most} in this list; remove one before adding another."
            return PatchRefused("too_many", sentence, place)
        return PatchRefused("bad_value", f"There is room for {most} characters here; shorten the text.", place)
    says = error["msg"].removeprefix("Value error, ")
    return PatchRefused("bad_value", f"The value does not fit, change it: {says}.", place)


def _touched(stage: Stage, before: Node, editor: Editor) -> tuple[str, ...]:
    """What the operations named that is there and differs, or has moved."""
    kept = []
    for path in dict.fromkeys(whole(stage, mark.path) for mark in editor.marks):
        now = _value(editor.root, path)
        if now is not None and (now != _value(before, path) or path in editor.moved):
            kept.append(format_path(path))
    return outermost(kept)


def _value(root: Node, path: tuple[str, ...]) -> Any:
    try:
        return root.walk(path).value
    except UnknownPath:
        return None


def _removed(before: Node, after: Node) -> tuple[str, ...]:
    left = {path for path in _items(after)}
    return outermost(path for path in _items(before) if path not in left)


def _items(root: Node) -> Iterator[str]:
    lists = [root] if isinstance(root.value, list) else [root.step(name) for name in root.value]
    for each in lists:
        if each.model is not None:
            yield from (format_path((*each.path, item["id"])) for item in each.value)
