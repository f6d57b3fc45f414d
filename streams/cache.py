"""The sessions of one partition as they are held in memory while the partition is owned."""

from collections import OrderedDict
from collections.abc import Callable

from genesis.wire import load_state
from streams.advance import Held

CACHE_BYTES = 6 << 20
"""Bytes of saved records a partition's cache stands for; the decoded sessions take three to four times as much."""


class SessionCache:
    """Decoded sessions, least recently used ones dropped first, so that a command costs what it changes.

    It belongs to one generation of the consumer group: after a rebalance another process may have changed
    any session, so everything is dropped.
    """

    def __init__(self, read: Callable[[bytes], bytes | None], limit: int = CACHE_BYTES) -> None:
        self._read = read
        """The record in the table for a key."""
        self._limit = limit
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self._bytes = 0
        self._generation: int | None = None

    def __len__(self) -> int:
        return len(self._held)

    def enter(self, generation: int) -> None:
        """Says which generation the next messages belong to; another one than before empties the cache."""
        if generation != self._generation:
            self._generation = generation
            self._held.clear()
            self._bytes = 0

    def get(self, key: bytes) -> Held | None:
        """The session of this key, read from the table if need be. Raises genesis.wire.Unreadable."""
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        record = self._read(key)
        if record is None:
            return None
        held = Held(load_state(record), record)
        self.keep(key, held)
        return held

    def record(self, key: bytes) -> bytes | None:
        """The record of this key in the table, readable or not."""
        return self._read(key)

    def keep(self, key: bytes, held: Held) -> None:
        """Puts a session in; called once its record is durable. One that is over is not kept: little follows it."""
        if (before := self._held.pop(key, None)) is not None:
            self._bytes -= len(before.record)
        if held.state.status.is_over:
            return
        self._held[key] = held
        self._bytes += len(held.record)
        while self._bytes > self._limit and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= len(dropped.record)
