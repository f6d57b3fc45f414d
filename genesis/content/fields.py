"""What a field of generated content may be: limited text, and the marks that checks and schemas read."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from genesis.session.stages import Stage
from genesis.values import Frozen, Text


@dataclass(frozen=True)
class Required:
    """Mark of a field that must be filled before its stage is confirmed; drafts may leave it empty."""


@dataclass(frozen=True)
class Refers:
    """Mark of a field that holds the id, or ids, of items in the named lists.

    `lists` are field names of the content model; `candidates` stands for the candidates themselves.
    `stage` is None where the lists belong to the same content, else the earlier stage that holds them.
    """

    lists: tuple[str, ...]
    stage: Stage | None = None


REQUIRED = Required()

S20 = Annotated[Text, Field(max_length=20)]
S30 = Annotated[Text, Field(max_length=30)]
S35 = Annotated[Text, Field(max_length=35)]
S40 = Annotated[Text, Field(max_length=40)]
S60 = Annotated[Text, Field(max_length=60)]
S80 = Annotated[Text, Field(max_length=80)]
S120 = Annotated[Text, Field(max_length=120)]
S160 = Annotated[Text, Field(max_length=160)]
S200 = Annotated[Text, Field(max_length=200)]
S240 = Annotated[Text, Field(max_length=240)]
S300 = Annotated[Text, Field(max_length=300)]
S400 = Annotated[Text, Field(max_length=400)]
S600 = Annotated[Text, Field(max_length=600)]
S1200 = Annotated[Text, Field(max_length=1200)]
S1500 = Annotated[Text, Field(max_length=1500)]
S2400 = Annotated[Text, Field(max_length=2400)]

Id = Annotated[Text, Field(max_length=12)]
"""A letter and a number (`r1`, `h12`), given by code; empty while nothing is named."""


class Item(Frozen):
    """Anything with an id of its own: a candidate of a stage or an item of one of its lists."""

    PREFIX: ClassVar[str]

    id: Id = ""
    """Letter and number, given by code and never reused in a session."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What the marks of one content field say."""

    name: str
    required: bool
    refers: Refers | None
    items: type[Item] | None
    """Class of the items where the field is a list of items."""
    cap: int
    """Most elements of a list, most characters of a text; 0 where the field is neither."""
    text: bool
    """True where the field holds text that people write: no reference, no choice of given words, no number."""


@cache
def specs(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """The fields of a content model in their order, without `id`."""
    return tuple(_spec(name, field) for name, field in model.model_fields.items() if name != "id")


def _spec(name: str, field: FieldInfo) -> FieldSpec:
    inner = get_args(field.annotation)
    item = inner[0] if inner and isinstance(inner[0], type) and issubclass(inner[0], Item) else None
    refers = next((mark for mark in field.metadata if isinstance(mark, Refers)), None)
    written = field.annotation is str or get_origin(field.annotation) is tuple
    text = written and item is None and refers is None
    cap = next((mark.max_length for mark in field.metadata if isinstance(mark, MaxLen)), 0)
    return FieldSpec(name, REQUIRED in field.metadata, refers, item, cap, text)
