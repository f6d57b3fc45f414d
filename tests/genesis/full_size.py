"""Contents at their limits: every list as long as it may be, every text filled, every reference set."""

from functools import cache
from itertools import cycle, islice
from typing import Any, get_args

import annotated_types as at
from pydantic.fields import FieldInfo

from genesis.content.catalog import CONTENT, Content
from genesis.content.fields import FieldSpec, Item, specs
from genesis.session.stages import Stage

WORDS = (
    "Ilse Varga keeps the tide book at the quay while Reyl counts tomorrow's water and the bell stays dumb ".split()
)


@cache
def at_full_size(stage: Stage) -> Content:
    """The stage's content at its limits; `CHARACTERS` has a protagonist `c1` and an antagonist `c2`."""
    return CONTENT[stage].model_validate(_item(CONTENT[stage], 1))


def _item(model: type[Item], number: int) -> dict[str, Any]:
    values: dict[str, Any] = {"id": f"{model.PREFIX}{number}"}
    for spec in specs(model):
        field = model.model_fields[spec.name]
        values[spec.name] = _value(spec, field, number)
    return values


def _value(spec: FieldSpec, field: FieldInfo, number: int) -> Any:
    most = next((mark.max_length for mark in field.metadata if isinstance(mark, at.MaxLen)), 0)
    highest = next((mark.le for mark in field.metadata if isinstance(mark, at.Le)), 0)
    listed = isinstance(field.default, tuple)
    if spec.items:
        return [_item(spec.items, each + 1) for each in range(most)]
    if spec.refers:
        letter = _letter(spec)
        return [f"{letter}{1 + each}" for each in range(most)] if listed else f"{letter}{1 + number % 2}"
    if spec.name in ("name", "title"):
        return f"{WORDS[number % len(WORDS)].title()} {number}"
    if spec.name == "role":
        return get_args(field.annotation)[min(number, 3)]
    if listed:
        return [f"{spec.name} {number} {each}" for each in range(most)]
    if spec.text:
        return _text(most, number)
    if isinstance(field.default, bool) or isinstance(field.default, str):
        return field.default
    return min(number, int(highest))


def _letter(spec: FieldSpec) -> str:
    assert spec.refers is not None
    if spec.refers.lists == ("candidates",):
        return "k"
    holders = [each for model in CONTENT.values() for each in specs(model) if each.name == spec.refers.lists[0]]
    assert holders[0].items is not None
    return holders[0].items.PREFIX


def _text(most: int, number: int) -> str:
    words: list[str] = [f"{number}"]
    for word in islice(cycle(WORDS), number % len(WORDS), None):
        if sum(map(len, words)) + len(words) + len(word) > most:
            return " ".join(words)
        words.append(word)
    raise AssertionError("the words never end")
