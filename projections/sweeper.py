"""The sweeper tells sessions that a time is up: it reads the read models and sends numbered commands, once each.
It also sends commands again that were lost on their way (see `lost.py`) and repairs sessions whose state is behind
their events (see `self_repair.py`).

It is active once: whoever holds the advisory lock sweeps, the others stand by. Lock and work share one connection,
so that whoever has lost the lock can do no more work.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import stamina

from connectors.outbox.accept import SessionNotFound, accept_internal
from connectors.postgres import READ_SCHEMA, UNAVAILABLE, Connection, DatabaseUnavailable, connect
from connectors.settings import Settings
from genesis import wire
from genesis.errors import GenesisError
from genesis.session import identity
from genesis.session.messages import GenerationFailed, HandleExpired, SessionExpired
from genesis.session.stages import Stage
from projections.lost import LostCommands
from projections.self_repair import SelfRepair

log = logging.getLogger(__name__)

LOCK = (0x67656E65, 1)
"""Advisory lock of the active sweeper. Two-part keys are a space of their own beside the keys of commands."""

PAGE = 500
"""Rows looked at per table and sweep."""

CLEAR_SECONDS = 10.0
"""Seconds between two clearings of the outbox and the claims."""

CLEAR_BATCH = 1000
"""Rows deleted by one statement: small, so that its locks and its WAL are."""

CLEAR_BATCHES = 10
"""Statements per clearing. With the above 1,000 rows a second, twice what the goal of the load accepts."""

GIVE_UP_SECONDS = 300.0
"""Seconds without a connection after which the process ends and its launcher takes over the retrying."""

_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class SweeperUnconfigured(GenesisError):
    """The sweeper has no database login. Set GENESIS_SWEEPER_DSN to the DSN of the role genesis_sweeper."""


@dataclass(frozen=True, slots=True)
class Due:
    """A command to be sent because a time is up; its id follows from what it is about."""

    command_id: UUID
    session_id: UUID
    message: HandleExpired | GenerationFailed | SessionExpired
    correlation_id: UUID


class Deadlines:
    """One table's rows that are past their time, walked page by page, a page per sweep.

    A row stays until its command has gone through the whole pipe. What was sent is recognised in the inbox and
    left alone; and since the walk goes on behind it, and starts anew only at the end, rows that are stuck never
    keep later ones waiting.
    """

    def __init__(self, query: str, due: Callable[[asyncpg.Record], Due], *arguments: Any) -> None:
        """`query` takes (time, id) to go on behind, a limit, then `arguments`; its rows are ordered by (at, id)."""
        self._query = query
        self._arguments = arguments
        self._due = due
        self._behind = _FIRST

    async def sweep(self, connection: Connection, page: int = PAGE) -> int:
        """Send what is due on the next page; the number of commands that were sent."""
        rows = await connection.fetch(self._query, *self._behind, page, *self._arguments)
        dues = [self._due(row) for row in rows]
        known = await connection.fetch(
            "SELECT id FROM door.command_inbox WHERE id = ANY($1::uuid[])", [due.command_id for due in dues]
        )
        sent_before = {row["id"] for row in known}
        sent = 0
        for due in dues:
            if due.command_id not in sent_before:
                sent += await _send(connection, due)
        self._behind = (rows[-1]["at"], rows[-1]["id"]) if len(rows) == page else _FIRST
        return sent


HANDLES = """
SELECT id, session_id, stage, correlation_id, expires_at AS at
FROM flow_resume_handles
WHERE status = 'WAITING' AND expires_at <= now() AND (expires_at, id) > ($1, $2)
ORDER BY expires_at, id LIMIT $3
"""

GENERATIONS = """
SELECT id, session_id, stage, correlation_id, deadline AS at
FROM async_tasks
WHERE status = 'RUNNING' AND deadline <= now() AND (deadline, id) > ($1, $2)
ORDER BY deadline, id LIMIT $3
"""


SESSIONS = """
SELECT session_id AS id, session_id, sequence, touched_hour AT TIME ZONE 'UTC' AS at
FROM session_view
WHERE status IN ('IN_PROGRESS', 'PAUSED') AND touched_hour <= (now() - $4::interval) AT TIME ZONE 'UTC'
    AND updated_at <= now() - $4::interval
    AND (touched_hour, session_id) > ($1::timestamptz AT TIME ZONE 'UTC', $2)
ORDER BY touched_hour, session_id LIMIT $3
"""


def handles() -> Deadlines:
    """Resume handles that nobody has answered in time; a renewed one expires under another id."""
    return Deadlines(HANDLES, _handle_expired)


def generations() -> Deadlines:
    """Generations that have not brought their proposal in time."""
    return Deadlines(GENERATIONS, _generation_late)


def untouched(ttl: timedelta) -> Deadlines:
    """Sessions in which nothing has happened for so long; one that is touched meanwhile overtakes the command."""
    return Deadlines(SESSIONS, _session_expired, ttl)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Sweep, or stand by for it, until `stop` is set.

    Raises SweeperUnconfigured, DatabaseRefused, and DatabaseUnavailable after GIVE_UP_SECONDS without Postgres.
    """
    if settings.sweeper_dsn is None:
        raise SweeperUnconfigured
    # Cancelling in the middle is safe: a command is sent or not, and sending it again does nothing.
    work = asyncio.create_task(_work(settings, settings.sweeper_dsn.get_secret_value()))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        work.cancel()
        stopped.cancel()
        await asyncio.gather(work, stopped, return_exceptions=True)


async def _work(settings: Settings, dsn: str) -> None:
    while True:
        connection = await connected(dsn, settings.sweep_seconds)
        try:
            await _sweep_on(connection, settings)
        except UNAVAILABLE as error:
            log.warning("the sweeper lost its connection (%s) and makes a new one", type(error).__name__)
            await asyncio.sleep(settings.sweep_seconds)
        finally:
            connection.terminate()


async def connected(dsn: str, sweep_seconds: float) -> "asyncpg.Connection[asyncpg.Record]":
    """The one connection of a sweeper, waited for with growing pauses.

    Raises DatabaseRefused, and DatabaseUnavailable after GIVE_UP_SECONDS.
    """
    async for attempt in stamina.retry_context(
        on=DatabaseUnavailable, attempts=None, timeout=GIVE_UP_SECONDS, wait_initial=0.2, wait_max=15.0
    ):
        with attempt:
            return await connect(
                dsn,
                application_name="genesis sweeper",
                search_path=READ_SCHEMA,
                # A frozen sweeper must lose the lock: ten missed sweeps, and the server ends its connection.
                idle_limit=max(30.0, 10 * sweep_seconds),
            )
    raise AssertionError("stamina ends with a result or an error")


async def _sweep_on(connection: Connection, settings: Settings) -> None:
    # Asked again and again, since a blocking pg_advisory_lock would hold a snapshot and with it back vacuum.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *LOCK):  # noqa: ASYNC110 no event
        await asyncio.sleep(settings.sweep_seconds)
    log.info("this sweeper is the active one")
    looks = {
        "handles": handles(),
        "generations": generations(),
        "sessions": untouched(timedelta(days=settings.session_days)),
    }
    lost = LostCommands(settings)
    mending = SelfRepair(settings)
    loop = asyncio.get_running_loop()
    clear_at = loop.time()
    try:
        while True:
            for name, deadlines in looks.items():
                if sent := await deadlines.sweep(connection):
                    log.info("%s past their time: %d commands sent", name, sent)
            await lost.sweep(connection)
            await mending.sweep(connection)
            if loop.time() >= clear_at:
                await clear(connection)
                clear_at = loop.time() + CLEAR_SECONDS
            await asyncio.sleep(settings.sweep_seconds)
    finally:
        await lost.close()


async def clear(connection: Connection) -> int:
    """Delete outbox rows and claims that are older than 8 days, in small batches; how many it were."""
    cleared = 0
    for statement in ("SELECT door.clear_outbox($1)", "SELECT door.clear_claims($1)"):
        for _ in range(CLEAR_BATCHES):
            batch: int = await connection.fetchval(statement, CLEAR_BATCH)
            cleared += batch
            if batch < CLEAR_BATCH:
                break
    return cleared


async def _send(connection: Connection, due: Due) -> int:
    try:
        accepted = await accept_internal(
            connection,
            command_id=due.command_id,
            session_id=due.session_id,
            command_type=due.message.type,
            payload=wire.payload_of(due.message),
            correlation_id=due.correlation_id,
        )
    except SessionNotFound:
        # Read models of another installation's log, for instance: nothing this process could mend.
        log.warning("session %s is in the read models but was never accepted here", due.session_id)
        return 0
    return 0 if accepted.repeated else 1


def _handle_expired(row: asyncpg.Record) -> Due:
    message = HandleExpired(stage=Stage(row["stage"]), handle_id=_plain(row["id"]), expires_at=row["at"])
    expires_at = wire.payload_of(message)["expires_at"]
    return Due(
        command_id=identity.handle_expiry_id(message.handle_id, expires_at),
        session_id=row["session_id"],
        message=message,
        correlation_id=row["correlation_id"],
    )


def _generation_late(row: asyncpg.Record) -> Due:
    task = _plain(row["id"])
    return Due(
        command_id=identity.deadline_id(task),
        session_id=row["session_id"],
        message=GenerationFailed(
            task_id=task,
            stage=Stage(row["stage"]),
            code="timed_out",
            timed_out=True,
            message="No proposal came in time, so the generation was ended. Ask for it again.",
        ),
        correlation_id=row["correlation_id"],
    )


def _session_expired(row: asyncpg.Record) -> Due:
    session = _plain(row["session_id"])
    command_id = identity.session_expiry_id(session, row["sequence"])
    return Due(
        command_id=command_id,
        session_id=session,
        message=SessionExpired(last_sequence=row["sequence"]),
        correlation_id=command_id,
    )


def _plain(id: UUID) -> UUID:
    # asyncpg's own subclass of UUID is written into names and JSON differently by some libraries.
    return UUID(int=id.int)
