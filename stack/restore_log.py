"""`genesis restore-log`: genesis.events written anew from the database after Kafka was lost, and all that follows."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from connectors import kafka as clients
from connectors import reading
from connectors.postgres import READ_SCHEMA, Connection, connect
from connectors.settings import Settings
from genesis import wire
from genesis.errors import GenesisError
from genesis.topics import EVENTS
from projections.domain_events import queries as history
from projections.domain_events.project import UNREADABLE
from projections.rebuild import rebuild
from stack import kafka, postgres, standstill
from stack.mending import bar, grounds, say
from stack.repair_all import SENDS, refill

COMMAND = "genesis restore-log"

PAGE = 1000
"""Rows read at once."""

DELETE_SECONDS = 60.0
"""Longest wait until a deleted topic is gone."""


class LogHoldsMore(GenesisError):
    """genesis.events holds events that the database does not have, so writing it anew would lose them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the log as it is to be written."""

    offset: int
    """Where it stood in the log that was lost."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


async def restore_log(settings: Settings, console: Console | None = None) -> int:
    """Writes the log anew, rebuilds the read models, repairs all sessions, and notes the new Kafka cluster.

    Returns the exit code. Raises StillWorking, Unfinished, LogHoldsMore, and what a rebuild raises. Cut off at any
    point it begins anew, and no studio starts before it has come to its end.
    """
    out = console or Console(file=sys.stdout)
    async with grounds(settings, out) as reached:
        admin = await connect(
            postgres.dsn(settings),
            application_name="genesis restore-log",
            search_path=READ_SCHEMA,
            command_timeout=600,
        )
        try:
            await standstill.demand(reached, admin)
            await _make_empty(reached, admin)
            await standstill.begin(admin, COMMAND)
            written = await _write(reached, admin, out)
            say(out, f"{written} messages are back in genesis.events.")
            cluster = await kafka.create_topics(reached)
            await admin.execute(
                "UPDATE door.installation SET value = $1 WHERE key = 'kafka_cluster' AND value <> $1", cluster
            )
            with bar(out, "read models") as told:
                done = await rebuild(reached, postgres.dsn(settings), alone=True, told=told)
            say(out, f"The read models are filled anew: {done.messages} events. In quarantine: {done.quarantined}.")
            code = await refill(reached, out)
            await standstill.end(admin, COMMAND)
        finally:
            await admin.close()
    say(out, "What was under way when Kafka was lost is sent again when the studio is started.")
    return code


async def _make_empty(settings: Settings, connection: Connection) -> None:
    """A log that is not empty is deleted only where the database has all of it. Raises LogHoldsMore."""
    first, ends = await reading.bounds(settings, EVENTS.name)
    if not any(ends.values()):
        return
    unknown = 0
    async for batch in reading.read(settings, EVENTS.name, first, ends, records=PAGE):
        unknown += await connection.fetchval(
            """
            SELECT count(*) FROM unnest($1::uuid[], $2::bytea[]) AS m (event_id, value)
            WHERE NOT EXISTS (SELECT FROM domain_events d WHERE d.event_id = m.event_id)
                AND NOT EXISTS (SELECT FROM quarantine q WHERE q.value = m.value)
            """,
            [_event_id(record.value) for record in batch],
            [record.value or b"" for record in batch],
        )
    if unknown:
        raise LogHoldsMore(
            f"genesis.events holds {unknown} messages that the database does not have, so writing it anew would lose "
            "them. Where the log is whole, start the studio: the projector takes them in."
        )
    await _delete(settings)
    await kafka.create_topics(settings)


def _event_id(value: bytes | None) -> UUID | None:
    try:
        return UUID(orjson.loads(value or b"")["event_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def _delete(settings: Settings) -> None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([EVENTS.name])
        async with asyncio.timeout(DELETE_SECONDS):
            while EVENTS.name in await admin.list_topics():  # noqa: ASYNC110 the broker tells nobody
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def _write(settings: Settings, connection: Connection, out: Console) -> int:
    total = await connection.fetchval(
        "SELECT (SELECT count(*) FROM domain_events WHERE event_type <> 'unreadable')"
        " + (SELECT count(*) FROM quarantine)"
    )
    producer = clients.producer(settings, linger_ms=5)
    await producer.start()
    done = 0
    try:
        with bar(out, "messages") as told:
            for partition in range(settings.partitions):
                sent: list[asyncio.Future[Any]] = []
                async for line in _lines(connection, partition):
                    sent.append(
                        await producer.send(
                            EVENTS.name, line.value, line.key, partition=partition, headers=line.headers
                        )
                    )
                    if len(sent) >= SENDS:
                        await asyncio.gather(*sent)
                        done += len(sent)
                        sent.clear()
                        told(done, total)
                await asyncio.gather(*sent)
                done += len(sent)
                told(done, total)
    finally:
        await producer.stop()
    return done


async def _lines(connection: Connection, partition: int) -> AsyncIterator[Line]:
    """The messages of one partition in their order: events as they were, and from the quarantine byte for byte."""
    passed = -1
    while True:
        page = await history.since(connection, {partition: passed}, PAGE)
        whole = len(page) < PAGE
        end = None if whole else page[-1].offset
        lines = [_line(event) for event in page if event.event_type != UNREADABLE]
        lines += await _quarantined(connection, partition, passed, end)
        for line in sorted(lines, key=lambda line: line.offset):
            yield line
        if end is None:
            return
        passed = end


def _line(event: history.StoredEvent) -> Line:
    headers = wire.event_headers(wire.load_event(event.body))
    return Line(event.offset, str(event.session_id).encode(), event.body, headers)


async def _quarantined(connection: Connection, partition: int, passed: int, end: int | None) -> list[Line]:
    rows = await connection.fetch(
        """
        SELECT kafka_offset, session_id, kind, key, value, headers FROM quarantine
        WHERE kafka_partition = $1 AND kafka_offset > $2 AND ($3::bigint IS NULL OR kafka_offset <= $3)
        """,
        partition,
        passed,
        end,
    )
    return [
        Line(
            row["kafka_offset"],
            # A fork was readable, so that only its body was kept.
            str(row["session_id"]).encode() if row["kind"] == "fork" else row["key"],
            row["value"],
            [(name, base64.b64decode(value)) for name, value in row["headers"] or ()],
        )
        for row in rows
    ]
