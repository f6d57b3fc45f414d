"""What is stale because a name changed is mended by the name: the text says it again as it is called today."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from connectors.providers.builtin.granting import replaced
from genesis.content.catalog import Content
from genesis.content.impact import StaleReason
from genesis.content.names import ARTICLES
from genesis.session.stages import Stage

C = TypeVar("C", bound=Content)

SHORTEST = 3
"""Letters from which one word of a name is replaced by itself, as it is looked for (content model §6)."""


def called_as_today(content: C, stale: Sequence[StaleReason]) -> C:
    """The content with every renamed thing called by its new name; people by their first or last name as well."""
    names = dict.fromkeys((reason.was, reason.now, _is_person(reason)) for reason in stale if reason.now)
    for was, now, person in names:
        for before, after in (_of_a_person if person else _of_a_thing)(was, now):
            content = replaced(content, before, after)
    return content


def by_name(stale: Sequence[StaleReason]) -> frozenset[str]:
    """The paths that a new name alone mends."""
    others = {reason.path for reason in stale if reason.kind != "mention" or not reason.now}
    return frozenset(reason.path for reason in stale) - others


def _is_person(reason: StaleReason) -> bool:
    return reason.because.startswith(f"{Stage.CHARACTERS}/characters/")


def _of_a_person(was: str, now: str) -> Iterator[tuple[str, str]]:
    yield was, now
    old, new = was.split(), now.split()
    if len(old) > 1:
        for place in (0, -1):
            if len(old[place]) >= SHORTEST and old[place][0].isupper():
                yield old[place], new[place]


def _of_a_thing(was: str, now: str) -> Iterator[tuple[str, str]]:
    """With its article and without: in a sentence it is “the Tide House” and not “The Tide House”."""
    yield was, now
    yield _bare(was), _bare(now)


def _bare(name: str) -> str:
    first, _, rest = name.strip().partition(" ")
    return rest if rest and first.casefold() in ARTICLES else name.strip()
