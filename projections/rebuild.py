"""Fills the read models anew from genesis.events beside the running ones, and swaps them without a gap."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from connectors import reading
from connectors.postgres import READ_SCHEMA, connect
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.topics import EVENTS
from projections import repair, schema
from projections.domain_events.project import Message
from projections.projector import Projector, Read, read_ahead
from projections.runner import bounded, open_connection

log = logging.getLogger(__name__)

NEXT, OLD = "read_next", "read_old"
"""Schemas that are being filled, and that have been replaced a moment ago."""

BATCH_MESSAGES = 4000
BATCH_BYTES = 16 << 20
"""A batch ends with the message that reaches either. Larger than the live projector's: nobody waits for one."""

CLOSE = 500
"""Messages behind the live read models from which on the rest is folded under the lock."""

ROUNDS = 20
"""How often the rebuild tries to come close before it takes the lock with whatever is left."""

SWAPS = 5
"""How often the swap is tried."""

CHANNEL = "genesis_events"


class RebuildRunning(GenesisError):
    """Another rebuild is at work on this database; wait for its end."""


class LogIncomplete(GenesisError):
    """genesis.events can't give back all events, so rebuilding from it would lose some."""


class SwapFailed(GenesisError):
    """The rebuilt read models could not be put in the place of the present ones, which are as they were; see
    logs/postgres.log and try again."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    messages: int
    seconds: float
    locked_seconds: float
    """How long the live projector had to wait for the swap."""
    quarantined: int


Told = Callable[[int, int], None]
"""Called with messages done and messages in all, as far as they are known."""


def _untold(done: int, of: int) -> None:
    pass


async def rebuild(settings: Settings, admin_dsn: str, *, alone: bool = False, told: Told = _untold) -> Rebuilt:
    """Rebuild all read models and swap them in, under whatever load; `door` is left alone.

    `admin_dsn` is an administrator's. `alone`: no projector runs and the positions of the present read models
    mean another log, so the new ones simply go to the end of this one. Raises RebuildRunning, LogIncomplete,
    TopicUnreadable; the running read models are then as they were.
    """
    admin = await connect(admin_dsn, application_name="genesis rebuild", command_timeout=600)
    try:
        if not await admin.fetchval("SELECT pg_try_advisory_lock(hashtextextended('genesis rebuild', 0))"):
            raise RebuildRunning
        first, ends = await reading.bounds(settings, EVENTS.name)
        demand_whole(first)
        await admin.execute(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE; DROP SCHEMA IF EXISTS {OLD} CASCADE")
        await schema.create(admin, NEXT)
        rebuilt = await _Rebuild(settings, admin_dsn, admin, ends, alone, told).run()
        await _drop(admin, OLD)
        return rebuilt
    finally:
        await admin.close()


def demand_whole(first: dict[int, int]) -> None:
    """Whoever makes something anew from genesis.events needs all of it. Raises LogIncomplete."""
    for number, offset in first.items():
        if offset > 0:
            raise LogIncomplete(
                f"genesis.events no longer starts at offset 0 (partition {number} starts at {offset}), so what "
                "came before would be lost. Bring the topic back from a copy of the data folder."
            )


class _Rebuild:
    """One rebuild under way."""

    def __init__(
        self,
        settings: Settings,
        admin_dsn: str,
        admin: "asyncpg.Connection[asyncpg.Record]",
        ends: dict[int, int],
        alone: bool,
        told: Told,
    ) -> None:
        self._settings = settings
        self._admin_dsn = admin_dsn
        self._admin = admin
        self._ends = ends
        self._alone = alone
        self._told = told
        self._done = 0

    async def run(self) -> Rebuilt:
        started = time.monotonic()
        # As the administrator, who may rename schemas; what it fills belongs to the projector all the same.
        connection = await open_connection(self._admin_dsn, NEXT, command_seconds=600)
        try:
            projector = Projector(connection, live=False)
            await projector.open(self._settings.partitions)
            locked = None
            for _ in range(SWAPS):
                await self._come_close(projector)
                await self._demand_all_events(projector)
                if (locked := await self._swap(connection, projector)) is not None:
                    break
            else:
                raise SwapFailed
        finally:
            await connection.close()
        return Rebuilt(self._done, time.monotonic() - started, locked, projector.quarantined)

    async def _come_close(self, projector: Projector) -> None:
        for _ in range(ROUNDS):
            target = await self._target(self._admin)
            if _distance(projector.positions, target) == 0:
                return
            close = _distance(projector.positions, target) <= CLOSE
            await self._fold(projector, target)
            if close:
                return

    async def _target(self, connection: "asyncpg.Connection[asyncpg.Record]") -> dict[int, int]:
        """The positions to be reached: those of the live read models, or the ends of the log where there are none."""
        if (
            self._alone
            or await connection.fetchval(f"SELECT to_regclass('{READ_SCHEMA}.projection_positions')") is None
        ):
            return self._ends
        rows = await connection.fetch(f"SELECT kafka_partition, next_offset FROM {READ_SCHEMA}.projection_positions")
        target = {row["kafka_partition"]: row["next_offset"] for row in rows}
        # Projected a moment ago means that the log has grown since it was asked for its end.
        if any(offset > self._ends.get(number, 0) for number, offset in target.items()):
            _, self._ends = await reading.bounds(self._settings, EVENTS.name)
        for number, offset in target.items():
            if offset > self._ends.get(number, 0):
                raise LogIncomplete(
                    f"The read models stand at offset {offset} of partition {number}, but genesis.events ends at "
                    f"{self._ends.get(number, 0)}: it has lost its end or was made anew. "
                    "`genesis restore-log` writes it anew from the database."
                )
        return target

    async def _fold(self, projector: Projector, target: dict[int, int]) -> None:
        total = self._done + _distance(projector.positions, target)
        batches = reading.read(self._settings, EVENTS.name, dict(projector.positions), target, records=BATCH_MESSAGES)
        writing: asyncio.Task[None] | None = None
        try:
            async for arrived in batches:
                for batch in bounded(arrived, BATCH_MESSAGES, BATCH_BYTES):
                    # While PostgreSQL writes the batch before this one.
                    read = read_ahead(batch)
                    if writing is not None:
                        await writing
                        self._told(self._done, total)
                    writing = asyncio.create_task(self._write(projector, batch, read))
                    await asyncio.sleep(0)
            if writing is not None:
                await writing
                self._told(self._done, total)
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, projector: Projector, batch: Sequence[Message], read: Sequence[Read]) -> None:
        await projector.project(batch, read)
        self._done += len(batch)

    async def _demand_all_events(self, projector: Projector) -> None:
        """The old history may be the only other copy of an event: it is not given away for less."""
        if await self._admin.fetchval(f"SELECT to_regclass('{READ_SCHEMA}.domain_events')") is None:
            return
        missing = await self._admin.fetchval(
            f"""
            SELECT count(*) FROM {READ_SCHEMA}.domain_events o
            LEFT JOIN unnest($1::integer[], $2::bigint[]) AS p (partition, next) ON p.partition = o.kafka_partition
            WHERE o.event_type <> 'unreadable' AND ($3 OR o.kafka_offset < p.next)
                AND NOT EXISTS (SELECT FROM {NEXT}.domain_events n WHERE n.event_id = o.event_id)
            """,
            list(projector.positions),
            list(projector.positions.values()),
            self._alone,
        )
        if missing:
            raise LogIncomplete(
                f"{missing} events of the database are not in genesis.events, so a rebuild would lose them. "
                "`genesis restore-log` writes the log anew from the database."
            )

    async def _swap(self, connection: "asyncpg.Connection[asyncpg.Record]", projector: Projector) -> float | None:
        """Fold the rest and put the new schema in the old one's place; seconds under the lock, None: try again."""
        folded = self._done
        started = time.monotonic()
        try:
            async with connection.transaction():
                # Held shared by every batch of a live projector: those at work end, the next ones wait.
                await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('genesis projections', 0))")
                started = time.monotonic()
                await self._fold(projector, await self._target(connection))
                await self._repair_again(connection)
                if await connection.fetchval(f"SELECT to_regnamespace('{READ_SCHEMA}')") is not None:
                    # A batch that was planned against the old tables must not find its edition there.
                    await connection.execute(f"DELETE FROM {READ_SCHEMA}.projection_schema")
                    await connection.execute(f"ALTER SCHEMA {READ_SCHEMA} RENAME TO {OLD}")
                await connection.execute(f"ALTER SCHEMA {NEXT} RENAME TO {READ_SCHEMA}")
                await connection.execute(f"SELECT pg_notify('{CHANNEL}', 'swapped')")
        except asyncpg.PostgresError as error:
            # Something in the last few messages that is projected only one by one; not in here.
            log.warning("the swap did not come about (%s) and is tried again", type(error).__name__)
            self._done = folded
            await projector.open(self._settings.partitions)
            return None
        return time.monotonic() - started

    async def _repair_again(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """What marked a session is still in the log and has marked it again; what was repaired stays repaired."""
        known = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM information_schema.columns"
            " WHERE table_schema = $1 AND table_name = 'session_view' AND column_name = 'inconsistent')",
            READ_SCHEMA,
        )
        if not known:
            return
        repaired = await connection.fetch(
            f"SELECT n.session_id FROM {NEXT}.session_view n JOIN {READ_SCHEMA}.session_view o USING (session_id)"
            " WHERE n.inconsistent AND NOT o.inconsistent"
        )
        for row in repaired:
            try:
                await repair.write_anew(connection, row["session_id"])
            except repair.HistoryUnreadable as error:
                log.warning("session %s is marked inconsistent again: %s", row["session_id"], error)


def _distance(positions: dict[int, int], target: dict[int, int]) -> int:
    return sum(max(0, offset - positions.get(number, 0)) for number, offset in target.items())


async def _drop(admin: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """Drop a schema without making its last readers' successors wait long."""
    await admin.execute("SET lock_timeout = '500ms'")
    for _ in range(20):
        try:
            await admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            return
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(0.5)
    log.warning("the schema %s is still being read; the next rebuild drops it", name)
