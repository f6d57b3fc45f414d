"""Which genre of the bank a free text means."""

import re
from functools import cache

from connectors.providers.builtin.bank.shelves import genres
from connectors.providers.builtin.choice import Choice


@cache
def _words() -> tuple[tuple[str, str], ...]:
    """(word or phrase, genre), the longest first, since `space opera` says more than `opera`."""
    found = [
        (" ".join(re.findall(r"\w+", alias.casefold())), name)
        for name, meta in genres().items()
        for alias in (meta.name, name.replace("_", " "), *meta.aliases)
    ]
    return tuple(sorted(set(found), key=lambda each: (-len(each[0]), each)))


def genre_of(text: str) -> str:
    """Folder name of the genre that the text means, or nothing."""
    plain = " ".join(re.findall(r"\w+", text.casefold()))
    exact = next((name for name, meta in genres().items() if meta.name.casefold() == text.strip().casefold()), "")
    if exact:
        return exact
    for word, name in _words():
        if f" {word} " in f" {plain} ":
            return name
    return ""


def any_genre(choice: Choice) -> str:
    """A genre where nothing says which."""
    return choice.pick("genre", sorted(genres()))
