"""The last record of every session in the changelog, as a recovery would choose it."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from connectors import reading
from connectors.settings import Settings
from genesis import wire
from genesis.topics import SESSIONS_CHANGELOG

RECORDS = 2000
"""Records read at once."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A record of the changelog: its age, and the hash of its state; no hash where it can't be read."""

    repairs: int
    sequence: int
    hash: str | None


class SavedStates:
    """The last record of every session in the changelog."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read_up_to: dict[int, int] | None = None
        self.last: dict[UUID, Saved] = {}

    @classmethod
    async def read(cls, settings: Settings) -> Self:
        """All that are there now. Raises TopicUnreadable."""
        saved = cls(settings)
        await saved.read_on()
        return saved

    async def read_on(self) -> None:
        """Read what has come since. Raises TopicUnreadable."""
        first, ends = await reading.bounds(self._settings, SESSIONS_CHANGELOG.name)
        async for batch in reading.read(
            self._settings, SESSIONS_CHANGELOG.name, self._read_up_to or first, ends, records=RECORDS
        ):
            for record in batch:
                self._take(record)
        self._read_up_to = ends

    def _take(self, record: Any) -> None:
        try:
            session_id = UUID((record.key or b"").decode())
        except ValueError:
            return
        if record.value is None:
            self.last.pop(session_id, None)
            return
        saved = _saved(record.value)
        known = self.last.get(session_id)
        # As a recovery does it: a zombie's late record does not win.
        if known is None or (saved.repairs, saved.sequence) >= (known.repairs, known.sequence):
            self.last[session_id] = saved


def _saved(record: bytes) -> Saved:
    try:
        _, repairs, sequence = wire.state_prefix(record)
    except ValueError:
        return Saved(-1, -1, None)
    try:
        return Saved(repairs, sequence, wire.state_hash(wire.load_state(record)))
    except wire.Unreadable:
        return Saved(repairs, sequence, None)
