"""What every kernel value is made of: frozen models and text that every store can hold."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: equal by content, never changed in place, nothing in it that was not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def storable(text: str) -> str:
    """The text, if every store can hold it. Raises ValueError with the remedy."""
    # jsonb refuses U+0000, and a lone surrogate has no UTF-8: either would stop a projection (design §9).
    if "\x00" in text:
        raise ValueError("text must not contain the character U+0000; remove it and send again")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("text must be valid Unicode; a half of a surrogate pair was found") from error
    return text


Text = Annotated[str, AfterValidator(storable)]
"""Text that PostgreSQL's jsonb, Kafka and JSON all hold; combine with Field(max_length=...)."""
