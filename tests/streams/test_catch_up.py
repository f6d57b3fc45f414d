"""Reading the changelog ahead stops where the partitions may be somebody else's, and says how far it came."""

from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from connectors import reading
from connectors.settings import Settings
from genesis.topics import SESSIONS_CHANGELOG
from streams import catch_up as ahead

ZERO, ONE = (TP(SESSIONS_CHANGELOG.name, number) for number in (0, 1))


class Shelf:
    """A table that remembers what was restored into it."""

    def __init__(self) -> None:
        self.restored: list[tuple[TP, list[int]]] = []

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        self.restored.append((tp, [record.offset for record in records]))


def changelog(monkeypatch: pytest.MonkeyPatch, *batches: list[tuple[int, int]], fails: bool = False) -> None:
    """What reading the changelog brings: batches of (partition, offset), then perhaps a failure."""

    async def read(*_: Any, **__: Any) -> AsyncIterator[list[Any]]:
        for batch in batches:
            yield [SimpleNamespace(partition=partition, offset=offset) for partition, offset in batch]
        if fails:
            raise reading.TopicUnreadable

    monkeypatch.setattr(reading, "read", read)


BATCHES = ([(0, 0), (0, 1), (1, 0)], [(0, 2), (1, 1)])


async def test_each_batch_is_restored_by_partition_and_its_place_noted(monkeypatch: pytest.MonkeyPatch):
    changelog(monkeypatch, *BATCHES)
    shelf, offsets = Shelf(), {ZERO: -1, ONE: -1}
    done = await ahead.catch_up(Settings(), shelf, offsets, {ZERO: 2000, ONE: 1}, lambda: False)
    assert done == 5
    assert shelf.restored == [(ZERO, [0, 1]), (ONE, [0]), (ZERO, [2]), (ONE, [1])]
    assert offsets == {ZERO: 2, ONE: 1}


async def test_once_the_partitions_may_be_somebody_else_s_nothing_more_is_written(monkeypatch: pytest.MonkeyPatch):
    """The state may move under another owner: an older record written now would stand in its way."""
    changelog(monkeypatch, *BATCHES)
    shelf, offsets = Shelf(), {ZERO: -1, ONE: -1}
    voids = iter([False, True])
    done = await ahead.catch_up(Settings(), shelf, offsets, {ZERO: 2000, ONE: 1}, lambda: next(voids))
    assert done == 3
    assert shelf.restored == [(ZERO, [0, 1]), (ONE, [0])]
    assert offsets == {ZERO: 1, ONE: 0}, "the ordinary recovery goes on from what was written"


async def test_what_cannot_be_read_is_left_to_the_ordinary_recovery(monkeypatch: pytest.MonkeyPatch):
    changelog(monkeypatch, BATCHES[0], fails=True)
    shelf, offsets = Shelf(), {ZERO: -1, ONE: -1}
    assert await ahead.catch_up(Settings(), shelf, offsets, {ZERO: 2000, ONE: 1}, lambda: False) == 3
    assert offsets == {ZERO: 1, ONE: 0}


async def test_a_short_changelog_is_not_worth_the_trouble(monkeypatch: pytest.MonkeyPatch):
    changelog(monkeypatch, *BATCHES)
    shelf = Shelf()
    assert await ahead.catch_up(Settings(), shelf, {ZERO: -1}, {ZERO: ahead.LEAST - 2}, lambda: False) == 0
    assert shelf.restored == []
