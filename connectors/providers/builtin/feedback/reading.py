"""Feedback and guidance as wishes: what was recognised in them, and what was not."""

import re
from collections.abc import Iterable

from connectors.providers.builtin.feedback.patterns import PATTERNS
from connectors.providers.builtin.wishes import Wishes

CHIPS = {
    "darker": "make it darker",
    "lighter": "make it lighter",
    "shorter": "make it shorter",
    "stranger": "make it stranger",
    "less_cliche": "make it less of a cliché",
    "more_stakes": "raise the stakes",
}


_COURTESY = re.compile(
    r"^(?:and|but|also|then|please|thanks|thank you|could you|can you)\b[ ,]*"
    r"|[ ,]*\b(?:please|thanks|thank you)$",
    re.IGNORECASE,
)


def clauses(text: str) -> list[str]:
    """The text cut where one wish ends and another begins."""
    parts = re.split(r"[.;!?\n]+(?=\s|$)|,\s+|\s+(?:and|but)\s+(?=\w+(?:er\b| ))", text)
    told = (_COURTESY.sub("", part).strip(" -–,") for part in parts if part)
    return [part for part in told if part]


def read(texts: Iterable[str], chips: Iterable[str], lead: str = "") -> Wishes:
    """All wishes in these texts and chips; a clause without one goes to `not_understood`.

    `lead` is what is known of the lead, so that “the keeper” can mean somebody.
    """
    wishes = Wishes(lead=lead.casefold())
    for chip in chips:
        _clause(wishes, CHIPS.get(chip, chip))
    for text in texts:
        for clause in clauses(text):
            if not _clause(wishes, clause) and len(wishes.not_understood) < 10:
                wishes.not_understood.append(f"Not understood: “{clause[:160]}”")
    return wishes


def _clause(wishes: Wishes, clause: str) -> bool:
    for pattern, handler in PATTERNS:
        found = pattern.search(clause)
        if found and handler(wishes, found):
            return True
    return False
