"""Texts with slots, as the bank holds them: which slots and forms there are, and what a well-formed text is."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Part = Literal["A", "M", "R", "W", "N"]
"""Who else there is beside the lead: ally, mentor, rival, witness, nemesis."""
Role = Literal["work", "home", "seat", "common", "wild", "under"]
"""What a place is for: the lead's work, the lead's home, the opponents' house, where people meet, outside, hidden."""
Kind = Literal["object", "person", "kin", "settlement", "site", "wild", "event", "creature", "abstract"]
"""What kinds of words of an idea there are; a slot takes only words of its own kind."""

Audience = Literal["adult", "young_adult", "middle_grade", "children"]
"""Whom a book is for, the oldest first."""

PEOPLE = frozenset({"L", "N", "D", "A", "M", "R", "W"})
NOUNS = frozenset({"thing", "proof", "trade", "craft", "kind", "kin"})
NAMED = frozenset({"town", "house", "other", "third", "event", "site", "wild", "P"})
WORDS = frozenset({"office", "years", "street", "inn", "aim", "plan"})
SLOTS = PEOPLE | NOUNS | NAMED | WORDS
"""Slots that every text may use; a premise may declare more."""
SAYS = frozenset(
    {"trigger", "attempt", "price", "midpoint", "climax", "ending", "final", "wound", "lesson", "custom", "here"}
    | {f"sign{no}" for no in range(1, 5)}
    | {f"blow{no}" for no in range(1, 4)}
    | {f"secret_{part}" for part in "AMRWN"}
)
"""Slots that stand for a whole text of the premise, the cast or the world; beats and synopses may use them."""
TYPES: dict[str, Kind] = {
    "thing": "object",
    "proof": "object",
    "trade": "person",
    "kin": "kin",
    "site": "site",
    "kind": "settlement",
    "wild": "wild",
    "event": "event",
}
"""Kind of word that fills a slot of every premise."""

FORMS = frozenset("f s they them their theirs themself job v a the it its pl T in C".split())
"""Forms of slots; all but `v` may be followed by a C, which makes the first letter large."""
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?(?::([^|{}]*)\|([^|{}]*))?\}")


def _well_formed(text: str) -> str:
    rest = SLOT.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("a brace belongs to no slot; write {name}, {name.form} or {name.v:has|have}")
    for found in SLOT.finditer(text):
        form, singular = found[2], found[3]
        if form and form.removesuffix("C") not in FORMS - {"C", "v"} and form not in FORMS:
            raise ValueError(f"there is no form “{form}”; known: {', '.join(sorted(FORMS))}")
        if (form == "v") != (singular is not None):
            raise ValueError(f"{found[0]}: a verb is written {{name.v:has|have}}")
    if text != text.strip() or "  " in text:
        raise ValueError("spaces at an end or doubled; take them out")
    return text


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Template = Annotated[str, Field(min_length=1), AfterValidator(_well_formed)]
"""A text with slots."""
Variants = Annotated[tuple[Template, ...], BeforeValidator(_several), Field(min_length=1)]
"""One text, or several that say the same in other words."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
"""Name of an entry: small letters, digits and hyphens."""


class Table(BaseModel):
    """An entry of a bank file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
