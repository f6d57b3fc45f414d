"""Folds genesis.events from its beginning into the state of every session, with bounded memory."""

import shutil
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from rocksdict import Rdict

from genesis import wire
from genesis.session.events import Recorded
from genesis.session.evolve import evolve
from genesis.session.state import Session

IN_MEMORY = 1000
"""Sessions held as objects; the others lie in a temporary folder."""


class Replay:
    """`with Replay(folder) as replay:` feed it the records of the log in order, then ask for the states."""

    def __init__(self, folder: Path, in_memory: int = IN_MEMORY) -> None:
        """`folder` is where a temporary folder is made; states are spilled there."""
        self._folder = folder
        self._in_memory = in_memory
        self._states: OrderedDict[bytes, Session] = OrderedDict()
        self._incomplete: dict[bytes, list[Recorded]] = {}
        self._partitions: dict[bytes, int] = {}
        self.broken: dict[bytes, str] = {}
        """Sessions whose history can't be folded, and the first reason."""
        self.seen: Counter[str] = Counter()
        """Messages by what they were: `taken`, `repeated`, `unreadable`."""

    def __enter__(self) -> Self:
        self._spill = tempfile.mkdtemp(prefix="replay-", dir=self._folder)
        self._cold = Rdict(self._spill)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cold.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._partitions)

    def feed(self, record: Any) -> None:
        """The next record of the log, as aiokafka brings it.

        Raises wire.Newer: without what a newer release wrote no state would be right.
        """
        key = record.key or b""
        try:
            recorded = wire.load_event(record.value or b"")
            if str(recorded.session_id).encode() != key:
                raise wire.Unreadable("its key is not the id of its session")
        except (wire.Unreadable, RecursionError) as error:
            if isinstance(error, wire.Newer) and str(error.session_id).encode() == key:
                raise
            # As the projector has it: junk at any other place than the next belongs to nobody's history, so
            # whether something is missing is seen at the next event.
            self.seen["unreadable"] += 1
            return
        self._partitions.setdefault(key, record.partition)
        waiting = self._incomplete.get(key)
        state = self._state(key)
        last = waiting[-1].sequence if waiting else state.sequence if state else 0
        if recorded.sequence <= last or key in self.broken:
            self.seen["repeated"] += 1
            return
        self.seen["taken"] += 1
        waiting = self._incomplete.setdefault(key, [])
        waiting.append(recorded)
        if recorded.part < recorded.of:
            return
        del self._incomplete[key]
        try:
            for each in waiting:
                state = evolve(state, each)
        except ValueError as error:
            self.broken[key] = f"event {recorded.sequence} can't follow event {last} ({type(error).__name__})"
            return
        assert state is not None
        self._keep(key, state)

    def states(self) -> Iterator[tuple[bytes, int, Session]]:
        """Key, partition and state of every session whose history could be folded; a last message that is not
        complete is left out."""
        for key, partition in self._partitions.items():
            if key not in self.broken and (state := self._state(key)) is not None:
                yield key, partition, state

    def _state(self, key: bytes) -> Session | None:
        if key in self._states:
            self._states.move_to_end(key)
            return self._states[key]
        record = self._cold.get(key)
        return None if record is None else wire.load_state(record)

    def _keep(self, key: bytes, state: Session) -> None:
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > self._in_memory:
            cold, forgotten = self._states.popitem(last=False)
            self._cold[cold] = wire.dump_state(forgotten)


def key_of(session_id: UUID) -> bytes:
    """The key of a session's messages and of its record."""
    return str(session_id).encode()
