"""What a copy-editor would mark in a finished text; for the tests, and for authors of the bank."""

import re

SOUNDED = r"(?:one\b|one-|once|uni(?![nm])|us[aeiu]|u[kt][aeio]|eu|ewe|ubiq|ur[ai])"
"""Beginnings that are written with a vowel and spoken with a consonant."""

PATTERNS = {
    "a slot": re.compile(r"[{}]"),
    "a doubled word": re.compile(r"(?<![\w-])(\w+) \1\b", re.IGNORECASE),
    "a before a vowel": re.compile(rf"\ba (?!{SOUNDED})[aeiou]\w", re.IGNORECASE),
    "an before a consonant": re.compile(
        r"\b[Aa]n (?!hour|honest|honou?r|heir)(?:[bcdfghjklmnpqrstvwxyz]|(?:uni(?![nm])|eu|once|one\b))"
    ),
    "cut off": re.compile(r"…$"),
    "spacing": re.compile(r"  | [,.;:?!](?!\.\.)|[,;:]{2}|\.[,;:]|\.\.(?!\.)"),
    "a small letter after a full stop": re.compile(r"[.?!] [a-z]"),
    "a verb of another number": re.compile(
        r"\b(?:she|he) (?:have|do|are|were|say|go)\b|\b[Tt]hey (?:has|does|is|was|says|goes)\b"
    ),
    "an empty place": re.compile(r"\(\)|“”|\b(?:by|of|with|the|a|an) [.,;:]"),
}


def faults(text: str) -> list[str]:
    """What is wrong with a text, in a few words each; empty where nothing is."""
    return [name for name, pattern in PATTERNS.items() if pattern.search(text)]
