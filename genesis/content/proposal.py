"""What stands beside the content of a proposal: what was understood, what was found, what made it."""

from typing import Annotated, Literal

from pydantic import Field

from genesis.content.fields import S20, S40, S80, S160, S400
from genesis.values import Frozen, Text

Decimal = Annotated[Text, Field(max_length=24, pattern=r"^\d+(\.\d+)?$")]
"""An amount of money as decimal text, so that no store rounds it."""


class Understood(Frozen):
    """One wish of the person that the text maker recognised and obeyed."""

    intent: S40
    """What sort of wish: `rename`, `avoid`, `tone`, ..."""
    path: S160 = ""
    """JSON Pointer of the field it fell on; empty where it fell on the whole."""
    text: S400 = ""
    """The wish in a sentence for people."""


class Finding(Frozen):
    """What a check found. Errors block confirmation, warnings are recorded with it."""

    level: Literal["error", "warning"]
    """`error` blocks confirmation and finish, `warning` does not."""
    code: S40
    """Stable name of the rule: `empty_required`, `unknown_id`, ..."""
    path: S160 = ""
    """JSON Pointer with list items named by id; empty where it concerns the whole."""
    text: S400 = ""
    """One sentence for people, with the remedy."""


class Provenance(Frozen):
    """What made a text. Null fields are unknown, never guessed."""

    kind: Literal["procedural", "llm"]
    """`procedural` is rule-based and no AI model."""
    provider: S40
    """Provider by its name in the catalogue."""
    model: S80
    """Model, or engine and bank version (`builtin/1.0+bank.1`)."""
    prompt_id: S80 | None = None
    """Prompt file; null where there is no prompt."""
    prompt_version: S20 | None = None
    """Version of the prompt."""
    prompt_hash: S80 | None = None
    """SHA-256 of the rendered prompt, hexadecimal."""
    schema_hash: S80 | None = None
    """SHA-256 of the output schema, hexadecimal."""
    seed: int | None = None
    """Seed in use."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sampling temperature; null where there is none."""
    tokens_in: Annotated[int, Field(ge=0)] | None = None
    """Tokens read, over all attempts; null where nothing is counted."""
    tokens_out: Annotated[int, Field(ge=0)] | None = None
    """Tokens written, over all attempts; null where nothing is counted."""
    cost: Decimal | None = None
    """Money spent as decimal text; null means that the price is unknown, never zero."""
    currency: Annotated[Text, Field(max_length=3)] | None = None
    """ISO 4217 code of the cost."""
    duration_ms: Annotated[int, Field(ge=0)] | None = None
    """Milliseconds from request to result."""
    attempts: Annotated[int, Field(ge=1)] = 1
    """Attempts that were needed."""
    finish_reason: S40 | None = None
    """Why the maker stopped, in its provider's word."""


PROCEDURAL_BADGE = "Built-in story engine (rule-based, not an AI model)"
"""How text of kind `procedural` is labelled wherever it appears (design §3 rule 8)."""
