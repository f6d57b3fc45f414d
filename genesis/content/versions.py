"""New drafts made by code from candidates that are there: a blend beside its parents, a merge into one of them."""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal, TypeVar, cast

from pydantic import ConfigDict, Field

from genesis.content.catalog import Content
from genesis.content.fields import Id
from genesis.content.paths import covers, format_path
from genesis.errors import GenesisError
from genesis.values import Frozen, Text

C = TypeVar("C", bound=Content)

MAX_SOURCES = 3
"""Most candidates that one is made from, in a merge counting the one that receives (content model §4)."""

DERIVED_FROM = "derived_from"


class NoRoomForBlend(GenesisError):
    """Every candidate is locked or edited and the stage is full; unlock or remove one, then blend again."""


class Take(Frozen):
    """One field of another candidate that is to stand in the chosen one."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    field: Annotated[Text, Field(min_length=1, max_length=40)]
    """Name of the field, such as `stakes`."""
    source: Annotated[Id, Field(alias="from", min_length=1)]
    """Id of the candidate it is taken from."""


class MergeRefused(GenesisError):
    """A merge can't be done; nothing of it was. Take fields and ids from the draft."""

    def __init__(
        self, code: Literal["unknown_candidate", "unknown_field", "field_twice", "too_many_sources"], sentence: str
    ) -> None:
        super().__init__(sentence)
        self.code = code


def blended(
    parents: Sequence[C], blend: C, sources: Sequence[str], protected: Collection[str], limit: int
) -> tuple[C, ...]:
    """The blend, then as many of the candidates it was made beside as `limit` leaves room for, in their order.

    Those with a path in `protected` (locked, edited) stay before the `sources`, these before the others. A
    concept is told where it came from (`derived_from`, at most three). Raises `NoRoomForBlend` where the blend
    would push out what the person protected.
    """
    if not has_room(parents, protected, limit):
        raise NoRoomForBlend
    held = _held(parents, protected)
    others = [each for each in parents if each.id != blend.id]
    wanted = sorted(others, key=lambda each: 0 if each.id in held else 1 if each.id in sources else 2)
    staying = {each.id for each in wanted[: limit - 1]}
    return (_derived(blend, sources), *(each for each in others if each.id in staying))


def has_room(parents: Sequence[Content], protected: Collection[str], limit: int) -> bool:
    """True where a blend would push out nothing that the person protected."""
    return len(_held(parents, protected)) < limit


def _held(parents: Sequence[Content], protected: Collection[str]) -> set[str]:
    return {each.id for each in parents if any(covers(format_path([each.id]), path) for path in protected)}


def merged(candidates: Sequence[C], base: str, take: Sequence[Take]) -> tuple[C, ...]:
    """The candidates with fields copied into the one whose id is `base`.

    A concept that received something from others is told so: `derived_from` is then `base` and these others.
    Raises `MergeRefused`: a candidate or field that is not there, a field taken twice, more than three sources.
    """
    known = {each.id: each for each in candidates}
    if base not in known or any(each.source not in known for each in take):
        raise MergeRefused("unknown_candidate", "There is no such candidate in this draft; take its id from it.")
    fields = set(type(known[base]).model_fields) - {"id", DERIVED_FROM}
    if any(each.field not in fields for each in take):
        raise MergeRefused("unknown_field", "No such field can be taken; take its name from the candidate.")
    if len({each.field for each in take}) < len(take):
        raise MergeRefused("field_twice", "One field is taken from two candidates; choose one of them.")
    sources = tuple(dict.fromkeys((base, *(each.source for each in take))))
    if len(sources) > MAX_SOURCES:
        raise MergeRefused(
            "too_many_sources",
            f"A merge is made from at most {MAX_SOURCES} candidates, the base counted; take fewer.",
        )
    taken = {each.field: getattr(known[each.source], each.field) for each in take}
    result = cast(C, known[base].model_copy(update=taken))
    if len(sources) > 1:
        result = _derived(result, sources)
    return tuple(result if each.id == base else each for each in candidates)


def _derived(candidate: C, sources: Sequence[str]) -> C:
    if DERIVED_FROM not in type(candidate).model_fields:
        return candidate
    return cast(C, candidate.model_copy(update={DERIVED_FROM: tuple(sources[:MAX_SOURCES])}))
