"""Projects messages of genesis.events: all read models, positions and outcomes of a batch in one transaction."""

import base64
import logging
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from connectors.postgres import Connection
from genesis import wire
from genesis.errors import GenesisError
from genesis.session import events as e
from genesis.session.evolve import evolve
from genesis.session.stages import Stage
from genesis.session.state import Session
from projections.domain_events.project import Message, Remains, remains, unreadable_body
from projections.handles.project import Handles
from projections.novels.project import novel_row
from projections.session_view import queries as session_view
from projections.session_view.project import Views
from projections.settled import Settled
from projections.tasks.project import Tasks

log = logging.getLogger(__name__)

CACHED_CHARACTERS = 12 << 20
"""JSON of the sessions that are kept in memory between batches; as objects they take several times that."""

_PROJECT = f"SELECT project_batch({', '.join(f'${number}' for number in range(1, 23))})"


class Overtaken(GenesisError):
    """Another projector has moved the positions on; read them anew and go on from there."""


class Swapped(GenesisError):
    """The read models were rebuilt or repaired; forget what is remembered of them, and go on from their positions."""


class Refused(GenesisError):
    """This batch can't be projected as it is: the fold or PostgreSQL refuses it, or the history is another one."""


@dataclass(slots=True)
class Known:
    """A session as its events so far leave it."""

    session: Session | None = None
    inconsistent: bool = False
    last: int = 0
    """Sequence of the last event of its history."""
    sizes: dict[Stage | None, int] = field(default_factory=dict)
    """Characters of JSON: of each slot, and under None of the rest."""

    @property
    def size(self) -> int:
        """Characters of JSON."""
        return sum(self.sizes.values())


class Cache:
    """The sessions last touched, bounded by their size."""

    def __init__(self, limit: int = CACHED_CHARACTERS) -> None:
        self._limit = limit
        self._known: OrderedDict[UUID, Known] = OrderedDict()
        self._size = 0

    def get(self, session_id: UUID) -> Known | None:
        """What is known of this session, if it still is."""
        return self._known.get(session_id)

    def put(self, session_id: UUID, known: Known) -> None:
        """Remember this session as it is now, and forget those that were touched longest ago."""
        self.drop(session_id)
        self._known[session_id] = known
        self._size += known.size
        while self._size > self._limit:
            self._size -= self._known.popitem(last=False)[1].size

    def drop(self, session_id: UUID) -> None:
        """Forget this session."""
        if known := self._known.pop(session_id, None):
            self._size -= known.size

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
        self._size = 0


class Projector:
    """Projects batch after batch over one connection, whose search_path names the schema that is filled.

    `live=False` fills a schema that nobody reads yet: nobody is notified and no command is settled.
    """

    def __init__(self, connection: Connection, *, live: bool = True, cache: Cache | None = None) -> None:
        self._connection = connection
        self._live = live
        self._cache = cache or Cache()
        self._edition: UUID | None = None
        self.positions: dict[int, int] = {}
        """Offset that is to be projected next, per partition."""
        self.quarantined = 0
        """Messages put into quarantine since the start, forks among them."""

    async def open(self, partitions: int) -> None:
        """Begin where the read models stand; partitions that they do not know yet begin at 0."""
        self._cache.clear()
        await self._connection.execute(
            "INSERT INTO projection_positions SELECT n, 0 FROM generate_series(0, $1 - 1) n ON CONFLICT DO NOTHING",
            partitions,
        )
        self._edition = await self._connection.fetchval("SELECT edition FROM projection_schema")
        rows = await self._connection.fetch("SELECT kafka_partition, next_offset FROM projection_positions")
        self.positions = {row["kafka_partition"]: row["next_offset"] for row in rows}

    async def project(self, messages: Sequence[Message], read: Sequence["Read"] | None = None) -> None:
        """Project these messages: in one transaction or, where one of them is refused, each in its own.

        They are in the order of their partition and begin at its position. Afterwards each of them is a row of the
        history, a repeat of one, or in quarantine. Raises Overtaken and Swapped, with nothing written, and what
        asyncpg raises while the server is away; genesis.wire.Newer where one of them is a newer release's, once all
        before it is projected.
        """
        try:
            reads = read or read_ahead(messages)
        except wire.Newer:
            if before := readable(messages):
                await self.project(before)
            raise
        try:
            await self._write(messages, reads)
        except Refused as error:
            log.warning("a batch of %d messages goes one by one: %s", len(messages), error)
            self._cache.clear()
            for message in messages:
                await self._project_alone(message)

    async def _project_alone(self, message: Message) -> None:
        try:
            await self._write([message], read_ahead([message]))
        except Refused as error:
            self._cache.clear()
            await self._write([message], [Read(message, None, remains(message), str(error), "refused")])

    async def _write(self, messages: Sequence[Message], read: Sequence["Read"]) -> None:
        batch = _Batch(read)
        batch.known = await self._recall(batch.sessions())
        try:
            batch.fold()
            arguments = batch.arguments(settles=self._live)
        except Exception as error:
            # Whatever it is, it must stop one event and not the partition.
            # Where, not what: the message of an error may quote the person.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("a batch could not be folded: %s at %s:%d", type(error).__name__, place.name, place.lineno or 0)
            raise Refused(f"the projection failed on it ({type(error).__name__})") from error
        try:
            forks: int = await self._connection.fetchval(
                _PROJECT, self._edition, *self._moves(messages), *arguments, self._notification(messages)
            )
        except asyncpg.PostgresError as error:
            if error.sqlstate == "GE002":
                raise Overtaken from error
            if error.sqlstate == "GE003":
                raise Swapped from error
            if error.sqlstate == "GE001" or (error.sqlstate or "")[:2] in ("22", "23", "54"):
                # Not the message: it quotes values, which are the person's words.
                raise Refused(f"{type(error).__name__} ({error.sqlstate})") from error
            raise
        except ValueError as error:  # asyncpg's own DataError: a value that has no such type
            raise Refused(type(error).__name__) from error
        for message in messages:
            self.positions[message.partition] = message.offset + 1
        self._remember(batch, forks)

    def _moves(self, messages: Sequence[Message]) -> tuple[list[int], list[int], list[int]]:
        after = {message.partition: message.offset + 1 for message in messages}
        return list(after), [self.positions[partition] for partition in after], list(after.values())

    def _notification(self, messages: Sequence[Message]) -> str | None:
        if not self._live:
            return None
        last = {message.partition: message.offset for message in messages}
        return orjson.dumps([{"partition": key, "offset": value} for key, value in last.items()]).decode()

    async def _recall(self, sessions: set[UUID]) -> dict[UUID, Known]:
        known: dict[UUID, Known] = {}
        for session_id in sessions:
            if cached := self._cache.get(session_id):
                known[session_id] = replace(cached)
        if missing := sessions - known.keys():
            loaded = await session_view.load(self._connection, list(missing))
            for session_id in missing:
                row = loaded.get(session_id)
                known[session_id] = (
                    Known(row.session, row.inconsistent, row.last, {None: row.size}) if row else Known()
                )
        return known

    def _remember(self, batch: "_Batch", forks: int) -> None:
        for session_id, known in batch.known.items():
            if forks or known.session is None or known.session.status.is_over:
                self._cache.drop(session_id)
            else:
                self._cache.put(session_id, known)
        put_aside = forks + len(batch.quarantined)
        if put_aside:
            self.quarantined += put_aside
            log.error("%d messages of genesis.events went into quarantine", put_aside)


@dataclass(frozen=True, slots=True)
class Read:
    """A message and what could be made of it: an event, or what is left of one and why it is."""

    message: Message
    recorded: e.Recorded | None
    left: Remains | None = None
    reason: str = ""
    kind: str = "unreadable"

    @property
    def session_id(self) -> UUID | None:
        if self.recorded is not None:
            return self.recorded.session_id
        return self.left.session_id if self.left else None


def read_ahead(messages: Sequence[Message]) -> list[Read]:
    """What can be made of these messages before their turn has come: half the work of projecting them.

    Raises genesis.wire.Newer where one of them is a newer release's; see `readable`.
    """
    return [_read(message) for message in messages]


def readable(messages: Sequence[Message]) -> list[Message]:
    """These messages without those that a newer release wrote, and without what follows them in their partition."""
    stopped: set[int] = set()
    left: list[Message] = []
    for message in messages:
        try:
            if message.partition not in stopped:
                _read(message)
                left.append(message)
        except wire.Newer:
            stopped.add(message.partition)
    return left


def _read(message: Message) -> Read:
    try:
        recorded = wire.load_event(message.value or b"")
    except wire.Newer as error:
        left = remains(message)
        if message.key != str(error.session_id).encode():
            return Read(message, None, left, "its key is not the id of its session")
        raise wire.Newer(
            f"genesis.events holds at {message.partition}/{message.offset} what this release does not know "
            f"({left.event_type}). {wire.Newer()}"
        ) from error
    except (wire.Unreadable, RecursionError) as error:
        return Read(message, None, remains(message), str(error))
    if message.key != str(recorded.session_id).encode():
        return Read(message, None, remains(message), "its key is not the id of its session")
    return Read(message, recorded)


class _Batch:
    """What a batch of messages comes to: the arguments of one call of project_batch."""

    def __init__(self, read: Sequence[Read]) -> None:
        self.known: dict[UUID, Known] = {}
        self.quarantined: list[dict[str, Any]] = []
        self._read = read
        self._bodies: list[str] = []
        self._partitions: list[int] = []
        self._offsets: list[int] = []
        self._fresh: list[bool | None] = []
        self._inconsistent: dict[UUID, dict[str, Any]] = {}
        self._views = Views()
        self._handles = Handles()
        self._tasks = Tasks()
        self._novels: list[dict[str, Any]] = []
        self._settled = Settled()

    def sessions(self) -> set[UUID]:
        """The sessions that the messages are about."""
        return {one.session_id for one in self._read if one.session_id is not None}

    def fold(self) -> None:
        """Let each event change its session, as the kernel does it, and note what becomes of it."""
        for one in self._read:
            if one.recorded is None:
                self._put_aside(one, one.left or remains(one.message), one.reason, one.kind)
            else:
                self._take(one, one.recorded)

    def _take(self, one: Read, recorded: e.Recorded) -> None:
        known = self.known[recorded.session_id]
        before = known.session
        sequence = before.sequence if before else 0
        fresh: bool | None = recorded.sequence > sequence
        if fresh and known.inconsistent and recorded.sequence > sequence + 1:
            fresh = None  # an earlier event lies in quarantine: the history goes on, the views wait for a repair
        if fresh:
            try:
                after = evolve(before, recorded)
            except ValueError as error:
                reason = f"it cannot follow what came before ({type(error).__name__})"
                return self._put_aside(one, remains(one.message), reason, "refused")
            known.session = after
            self._views.add(recorded, before, after)
            self._handles.add(recorded, before, after)
            self._tasks.add(recorded)
            if row := novel_row(recorded.event):
                self._novels.append(row)
        self._settled.add(recorded)
        self._append(one.message, one.message.value or b"", fresh)
        known.last = max(known.last, recorded.sequence)

    def _put_aside(self, one: Read, left: Remains, reason: str, kind: str) -> None:
        message = one.message
        self.quarantined.append(
            {
                "partition": message.partition,
                "offset": message.offset,
                "session_id": left.session_id,
                "sequence": left.sequence,
                "event_id": left.event_id,
                "kind": kind,
                "reason": reason,
                "key": _base64(message.key),
                "value": _base64(message.value),
                "headers": [[name, _base64(value)] for name, value in message.headers],
            }
        )
        self._settled.add_unreadable(left.causation_id, left.event_type, left.payload, left.at)
        if left.session_id is None:
            return
        known = self.known[left.session_id]
        # Nobody vouches for the sequence of what can't be read: it may take the next place and no other, lest junk
        # should sit where an event is going to come.
        in_place = left.sequence is not None and (kind != "unreadable" or left.sequence == known.last + 1)
        if not in_place and (known.session is None or (left.sequence or 0) <= known.last):
            return
        known.inconsistent = True
        owner = known.session.user_id if known.session else left.user_id
        self._inconsistent[left.session_id] = {"session_id": left.session_id, "user_id": owner or "", "at": left.at}
        if in_place and left.sequence is not None:
            known.last = max(known.last, left.sequence)
            own_id = one.recorded is not None or kind != "refused"
            body = unreadable_body(message, left, left.session_id, left.sequence, owner, reason, own_id=own_id)
            self._append(message, body, None)

    def _append(self, message: Message, body: bytes, fresh: bool | None) -> None:
        self._bodies.append(body.decode())
        self._partitions.append(message.partition)
        self._offsets.append(message.offset)
        self._fresh.append(fresh)

    def arguments(self, *, settles: bool) -> tuple[Any, ...]:
        """The arguments of project_batch between positions and notification; None where there is nothing.

        `settles`: with the outcomes of commands.
        """
        heads, stages, sizes = self._views.rows()
        for session_id, written in sizes.items():
            known = self.known[session_id]
            known.sizes = known.sizes | written
        bodies = self._bodies or None
        return (
            bodies,
            self._partitions if bodies else None,
            self._offsets if bodies else None,
            self._fresh if bodies else None,
            heads or None,
            stages or None,
            list(self._handles.changed.values()) or None,
            list(self._handles.opened.values()) or None,
            list(self._tasks.requested.values()) or None,
            list(self._tasks.ended.values()) or None,
            self._novels or None,
            self.quarantined or None,
            list(self._inconsistent.values()) or None,
            *((self._settled.columns() if settles else None) or (None, None, None, None)),
        )


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
