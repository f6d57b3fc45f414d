"""What a content calls its things, and which of these names a later text must no longer use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from genesis.content.cast import Character
from genesis.content.catalog import Content
from genesis.content.fields import Item
from genesis.content.texts import mention, walk

ARTICLES = frozenset({"the", "a", "an"})

SHORTEST = 3
"""Letters from which one word of a person's name is looked for by itself."""


@dataclass(frozen=True, slots=True)
class LostName:
    """A thing that was renamed or removed: `forms` called it once, `now` calls it today.

    Whole names are found in any case; a part of a name only as it was written, since a part may be a word of
    everyday use: Hope and hope, the Bell and a bell.
    """

    path: str
    """Where the name changed: the field, or the item that was removed."""
    forms: tuple[tuple[str, bool], ...]
    """(form, whether its case counts)"""
    now: tuple[str, ...]

    def stands_in(self, text: str, folded: str) -> bool:
        """True where the text still uses a form other than inside a name of today; `folded` is its casefold."""
        for form, exact_case in self.forms:
            # Looking for the word costs a hundred times the look for its letters.
            if form.casefold().removesuffix("s") not in folded:
                continue
            pattern = mention(form, exact_case)
            if pattern is not None and pattern.search(self._without_names_of_today(text, form)):
                return True
        return False

    def _without_names_of_today(self, text: str, form: str) -> str:
        for name in self.now:
            if form.casefold() in name.casefold() and (pattern := mention(name)):
                text = pattern.sub("\n", text)
        return text


def lost_names(old: Content, new: Content) -> Iterator[LostName]:
    """Every thing of `old` that `new` calls otherwise or no longer has, in the order of `old`.

    A name that only moved within the thing, from alias to name perhaps, is not lost. A person is also known by
    each capitalised word of the name that nobody in `new` bears, anything else by its name without article.
    """
    there = {path: item for path, item in walk(new)}
    borne = {word.casefold() for item in there.values() for name in names_of(item) for word in _words(name)}
    for path, item in walk(old):
        successor = there.get(path)
        now = names_of(successor) if successor else ()
        still = {_plain(name) for name in now}
        lost = [name for name in names_of(item) if _plain(name) not in still]
        if lost:
            forms = dict.fromkeys((name, False) for name in lost)
            forms |= dict.fromkeys((part, True) for name in lost for part in _parts(item, name, borne))
            yield LostName(f"{path}/{_field(item, lost[0])}" if successor else path, tuple(forms), now)


def names_of(item: Item) -> tuple[str, ...]:
    """What this is called: its name and aliases, or the title of a novel; nothing for what has no name."""
    own = getattr(item, "name", None) or getattr(item, "title", "")
    return tuple(name for name in (own, *getattr(item, "aliases", ())) if name.strip())


def _field(item: Item, name: str) -> str:
    if name in getattr(item, "aliases", ()):
        return "aliases"
    return "name" if hasattr(item, "name") else "title"


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _words(name: str) -> list[str]:
    return re.findall(r"\w[\w'’-]*", name)


def _parts(item: Item, name: str, borne: set[str]) -> Iterator[str]:
    words = _words(name)
    if isinstance(item, Character):
        for word in words if len(words) > 1 else ():
            plain = word.casefold()
            if word[0].isupper() and len(word) >= SHORTEST and plain not in ARTICLES and plain not in borne:
                yield word
    elif len(words) > 1 and words[0].casefold() in ARTICLES and words[1][0].isupper():
        yield name.strip()[len(words[0]) :].strip()
