"""Ids of candidates and items: a letter and a number, given by code, never reused in a session."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from genesis.content.catalog import Content
from genesis.content.fields import Item, Refers, specs
from genesis.session.stages import Stage

C = TypeVar("C", bound=Content)
New = dict[tuple[str, str], str]
"""(list, id as it arrived) -> id as given; the candidates themselves are the list `candidates`."""

CANDIDATES = "candidates"


def items(content: Content) -> Iterator[tuple[str, Item]]:
    """Every item of a content with the name of its list."""
    for spec in specs(type(content)):
        if spec.items:
            for item in getattr(content, spec.name):
                yield spec.name, item


def ids_of(content: Content) -> frozenset[str]:
    """All ids that a content holds, its own included; empty ids are left out."""
    return frozenset({content.id, *(item.id for _, item in items(content))} - {""})


def renumber(
    stage: Stage,
    candidates: Sequence[C],
    counters: Mapping[str, int],
    known: Collection[str],
    kept: Collection[str] = (),
) -> tuple[tuple[C, ...], dict[str, int]]:
    """Give arriving candidates and their items ids of this session, and take their references along.

    `counters` holds the highest number given so far per letter, `known` the ids of the other stages'
    confirmed contents, `kept` the ids of items of the parent round that came back and keep theirs.
    A reference that names nothing is emptied, so that it can never come to mean an item made later.
    `derived_from` names candidates of former rounds where such ids were given, else of this proposal.

    Returns the candidates and the new counters. Everything that arrives has an id afterwards, each only once.
    """
    numbers = dict(counters)
    staying = {each for each in kept if each}
    for each in staying:
        numbers[each[0]] = max(numbers.get(each[0], 0), int(each[1:]))
    new: New = {}
    numbered = [_number(CANDIDATES, candidate, numbers, staying, new) for candidate in candidates]
    given = []
    for candidate in numbered:
        inner: New = dict(new)
        changed: dict[str, object] = {}
        for spec in specs(type(candidate)):
            if spec.items:
                changed[spec.name] = tuple(
                    _number(spec.name, item, numbers, staying, inner) for item in getattr(candidate, spec.name)
                )
        given.append((candidate.model_copy(update=changed), inner))
    rewritten = tuple(cast(C, _rewrite(candidate, inner, known, counters)) for candidate, inner in given)
    return rewritten, numbers


def _number(name: str, item: Item, numbers: dict[str, int], staying: set[str], new: New) -> Item:
    if item.id in staying and item.id[:1] == item.PREFIX:
        staying.discard(item.id)
        given = item.id
    else:
        numbers[item.PREFIX] = numbers.get(item.PREFIX, 0) + 1
        given = f"{item.PREFIX}{numbers[item.PREFIX]}"
    # Of two that arrive with one id the first takes the references; both get an id of their own.
    if item.id:
        new.setdefault((name, item.id), given)
    return item.model_copy(update={"id": given})


def _rewrite(item: Item, new: New, known: Collection[str], former: Mapping[str, int]) -> Item:
    changed: dict[str, object] = {}
    for spec in specs(type(item)):
        value = getattr(item, spec.name)
        if spec.items:
            changed[spec.name] = tuple(_rewrite(each, new, known, former) for each in value)
        elif spec.refers and isinstance(value, str):
            changed[spec.name] = _resolve(value, spec.refers, new, known, former)
        elif spec.refers:
            found = (_resolve(each, spec.refers, new, known, former) for each in value)
            changed[spec.name] = tuple(dict.fromkeys(each for each in found if each))
    return item.model_copy(update=changed) if changed else item


def _resolve(old: str, refers: Refers, new: New, known: Collection[str], former: Mapping[str, int]) -> str:
    if refers.stage is not None:
        return old if old in known else ""
    if CANDIDATES in refers.lists and was_given(old, former):
        return old
    return next((new[name, old] for name in refers.lists if (name, old) in new), "")


def was_given(old: str, former: Mapping[str, int]) -> bool:
    """True where these counters, highest number per letter, have reached the number of this id."""
    number = old[1:]
    return number.isascii() and number.isdigit() and 0 < int(number) <= former.get(old[:1], 0)
