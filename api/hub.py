"""The hub: one listener per process that brings what is new to every open stream.

A NOTIFY only wakes it; a query on the stored events decides what is new. So an event that a client has seen is
committed, and with it, in the same transaction, every read model it changed (design §3 rule 7).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import stamina

from api.problems import Behind, TooManyStreams
from connectors.postgres import READ_SCHEMA, UNAVAILABLE, DatabaseUnavailable, connect
from connectors.settings import Settings
from projections.domain_events import queries as domain_events
from projections.domain_events.queries import StoredEvent

log = logging.getLogger(__name__)

CHANNEL = "genesis_events"
"""What the projector notifies at every commit; the payload says which positions it has reached."""

LOOK_SECONDS = 5.0
"""Seconds after which the hub looks although nobody woke it, and so finds out that its connection is dead."""

BEHIND_SECONDS = 0.1
"""Seconds between two looks while the read side is behind what has been shown."""

PAGE = 500
"""Rows per partition read at once."""

MAX_FRAMES = 256
"""Events that may wait for one client."""

MAX_BYTES = 4 << 20
"""Bytes that may wait for one client. The frames are shared by all clients of a session."""

MAX_PROGRESS = 8
"""Generations whose partial text may wait for one client; a session runs at most five at once."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it goes over the wire, encoded once for all clients."""

    sequence: int
    data: bytes


def event_frame(row: StoredEvent) -> Frame:
    """The SSE frame of a stored event: id = sequence, event = type, data = body."""
    # JSON on one line: a line break inside would end the field.
    data = b"id: %d\nevent: %b\ndata: %b\n\n" % (row.sequence, row.event_type.encode(), row.body)
    return Frame(row.sequence, data)


class Subscription:
    """One client's place at the hub: what waits for it, bounded."""

    __slots__ = ("_bytes", "_frames", "_progress", "closing", "cut", "woken")

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._progress: dict[str, bytes] = {}
        self.woken = asyncio.Event()
        """Set while there is something to do."""
        self.closing = False
        """The server stops: send what there is and end."""
        self.cut = asyncio.Event()
        """The client was too slow: nothing more is collected for it. It comes back with Last-Event-ID."""

    def push(self, frame: Frame) -> None:
        """Put an event at the end, or cut the client off where too much is waiting already."""
        if self.cut.is_set():
            return
        if len(self._frames) >= MAX_FRAMES or (self._frames and self._bytes + len(frame.data) > MAX_BYTES):
            self._frames.clear()
            self._progress.clear()
            self.cut.set()
        else:
            self._frames.append(frame)
            self._bytes += len(frame.data)
        self.woken.set()

    def push_progress(self, task_id: str, data: bytes) -> None:
        """Replace the partial text of this generation that may still wait: each one holds the whole text."""
        if self.cut.is_set() or (len(self._progress) >= MAX_PROGRESS and task_id not in self._progress):
            return
        self._progress[task_id] = data
        self.woken.set()

    def take(self) -> tuple[list[Frame], list[bytes]]:
        """What waits: events in order, and partial texts."""
        frames, progress = list(self._frames), list(self._progress.values())
        self._frames.clear()
        self._progress.clear()
        self._bytes = 0
        self.woken.clear()
        return frames, progress

    def close(self) -> None:
        """Have the stream end after what waits."""
        self.closing = True
        self.woken.set()


class Hub:
    """Follows the stored events and hands them to the subscriptions of their sessions."""

    def __init__(self, settings: Settings) -> None:
        assert settings.database_dsn is not None
        self._dsn = settings.database_dsn.get_secret_value()
        self._limit = settings.stream_limit
        self._sessions: dict[UUID, list[Subscription]] = {}
        self._streams = 0
        self.cut = 0
        """Streams cut off because their client was too slow, since the process began."""
        self._closing = False
        # Partition -> offset of the last event that was handed out.
        self._passed: dict[int, int] = dict.fromkeys(range(settings.partitions), -1)
        self._started = False
        self._unsure = True
        self._settled = asyncio.Event()
        self._woken = asyncio.Event()

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return self._streams

    @property
    def handed_out(self) -> dict[int, int]:
        """Offset of the last event that was handed out, per partition; -1 before the first."""
        return dict(self._passed)

    @property
    def settled(self) -> bool:
        """True while it listens and the read side is at least where clients have seen it."""
        return self._settled.is_set()

    def require_settled(self) -> None:
        """What every read asks first: no answer may be older than what a stream has shown.

        Raises Behind. Without a connection nobody knows whether a crash of PostgreSQL took rows back, so that
        counts as behind, too.
        """
        if not self._settled.is_set():
            raise Behind

    async def wait_settled(self) -> None:
        """Wait until it is settled."""
        await self._settled.wait()

    def has(self, session_id: UUID) -> bool:
        """Whether anybody here follows this session."""
        return session_id in self._sessions

    @contextmanager
    def join(self, session_id: UUID) -> Iterator[Subscription]:
        """A subscription to a session, from now on. Join first, then read what was before: nothing is missed.

        Raises TooManyStreams.
        """
        if self._streams >= self._limit or self._closing:
            raise TooManyStreams
        subscription = Subscription()
        self._sessions.setdefault(session_id, []).append(subscription)
        self._streams += 1
        try:
            yield subscription
        finally:
            self._streams -= 1
            others = self._sessions[session_id]
            others.remove(subscription)
            if not others:
                del self._sessions[session_id]

    def push_progress(self, session_id: UUID, task_id: str, data: bytes) -> None:
        """Hand partial text to whoever follows this session."""
        for subscription in self._sessions.get(session_id, ()):
            subscription.push_progress(task_id, data)

    def close_streams(self) -> None:
        """End every stream; none can be opened any more."""
        self._closing = True
        for subscriptions in self._sessions.values():
            for subscription in subscriptions:
                subscription.close()

    async def run(self) -> None:
        """Listen for ever, over as many connections as it takes.

        Raises DatabaseRefused: trying again would not help.
        """
        while True:
            # Making the connection includes the first look: what fails at once backs off, too.
            async for attempt in stamina.retry_context(
                on=lambda error: isinstance(error, (DatabaseUnavailable, *UNAVAILABLE)),
                attempts=None,
                timeout=None,
                wait_initial=0.05,
                wait_max=2.0,
                wait_jitter=0.05,
            ):
                with attempt:
                    connection = await self._listening()
            try:
                await self._follow(connection)
            except UNAVAILABLE as error:
                log.warning("the hub lost its connection (%s); it makes a new one", type(error).__name__)
            finally:
                self._settled.clear()
                connection.terminate()

    async def _listening(self) -> "asyncpg.Connection[asyncpg.Record]":
        connection = await connect(
            self._dsn, application_name="genesis-hub", search_path=READ_SCHEMA, command_timeout=10.0
        )
        try:
            connection.add_termination_listener(self._on_termination)
            # First listen, then look: what is committed in between wakes it.
            await connection.add_listener(CHANNEL, self._on_notify)
            self._unsure = True
            await self._look(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _on_termination(self, connection: object) -> None:
        self._settled.clear()
        self._woken.set()

    def _on_notify(self, connection: object, pid: int, channel: str, payload: object) -> None:
        # Anything but a batch (`swapped` after a rebuild) says that positions may have changed their meaning.
        if not str(payload).startswith(("[", "{")):
            self._unsure = True
        self._woken.set()

    async def _follow(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS if self.settled else BEHIND_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                self._unsure = True
            self._woken.clear()
            await self._look(connection)

    async def _look(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        if self._unsure:
            positions = await self._positions(connection)
            if not self._started:
                # Whoever joins reads the past from the table; the hub begins here.
                self._passed.update(positions)
                self._started = True
            if any(positions.get(partition, -1) < passed for partition, passed in self._passed.items()):
                if self.settled:
                    log.warning("the read side is behind what was shown already; reads wait until it has caught up")
                self._settled.clear()
                return
            self._unsure = False
        while not self._sessions:
            positions = await self._positions(connection)
            # Whoever joined meanwhile may have read the past before these positions were reached.
            if not self._sessions:
                self._passed.update(positions)
                self._settle(connection)
                return
        while True:
            rows = await domain_events.since(connection, self._passed, PAGE)
            for row in rows:
                self._hand_out(row)
            if len(rows) < PAGE:
                break
        self._settle(connection)

    async def _positions(self, connection: "asyncpg.Connection[asyncpg.Record]") -> dict[int, int]:
        """Partition to the last offset that is in the read models."""
        return {
            partition: following - 1 for partition, following in (await domain_events.positions(connection)).items()
        }

    def _settle(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        if not connection.is_closed():
            self._settled.set()

    def _hand_out(self, row: StoredEvent) -> None:
        self._passed[row.partition] = row.offset
        if subscriptions := self._sessions.get(row.session_id):
            frame = event_frame(row)
            for subscription in subscriptions:
                subscription.push(frame)
