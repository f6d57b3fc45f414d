"""Gathers the evidence of a run once the studio is at rest: from PostgreSQL, and from Kafka as any reader would."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from chaos.checker.rows import KEYS, SESSION, key_of
from chaos.evidence import Accepted, Claim, Evidence, Json
from chaos.history import Entry
from chaos.reader import Reader
from connectors import kafka
from connectors.settings import Settings
from genesis import topics, wire
from genesis.errors import GenesisError
from genesis.session import messages as m

_OPEN = """
SELECT count(*) FROM door.command_inbox
WHERE session_id = ANY ($1::uuid[]) AND status IN ('RECEIVED', 'PROCESSING') AND given_up_at IS NULL
"""
_RUNNING = "SELECT count(*) FROM read.async_tasks WHERE session_id = ANY ($1::uuid[]) AND status = 'RUNNING'"
_LAST = """
SELECT aggregate_id, max(sequence) AS last FROM read.domain_events
WHERE aggregate_id = ANY ($1::uuid[]) GROUP BY aggregate_id
"""
_GENERATED = """
SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
WHERE attrelid = $1::regclass AND attgenerated <> ''
"""
"""Columns that PostgreSQL computes of the others: there is nothing to replay."""


class NeverAtRest(GenesisError):
    """The studio did not come to rest in time: commands without an outcome, or readers that are behind."""


class Gatherer:
    """Reads what the stores hold of some sessions."""

    def __init__(self, settings: Settings, dsn: str, owner: str = "local") -> None:
        """`dsn` is the administrator's: the evidence is in both schemas."""
        self._settings, self._dsn, self._owner = settings, dsn, owner

    async def rest(self, sessions: Sequence[UUID], readers: Iterable[Reader], seconds: float) -> None:
        """Wait until every command has its outcome, nothing runs, and every reader has seen all there is.

        Raises NeverAtRest, which says what was still open.
        """
        until = time.monotonic() + seconds
        readers = list(readers)
        open_ = "nothing answered"
        while time.monotonic() < until:
            try:
                open_ = await self._open(sessions, readers)
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                open_ = f"not to be asked: {type(error).__name__}"
            if not open_:
                return
            await asyncio.sleep(0.5)
        raise NeverAtRest(f"After {seconds:.0f} s the studio was not at rest: {open_}.")

    async def _open(self, sessions: Sequence[UUID], readers: list[Reader]) -> str:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        try:
            undecided = await connection.fetchval(_OPEN, sessions)
            running = await connection.fetchval(_RUNNING, sessions)
            lasts = {row["aggregate_id"]: row["last"] for row in await connection.fetch(_LAST, sessions)}
        finally:
            await connection.close()
        behind = sum(1 for reader in readers if reader.last < lasts.get(reader.session, 0))
        if undecided or running or behind:
            return f"{undecided} commands without outcome, {running} generations, {behind} readers behind"
        # The worker saves the state after the events are out, so the last state may still be on its way.
        saved = await self._saved(set(sessions))
        unsaved = sum(1 for session, last in lasts.items() if _sequence(saved.get(session)) < last)
        return f"{unsaved} states not saved" if unsaved else ""

    async def evidence(self, sessions: Sequence[UUID], history: Sequence[Entry]) -> Evidence:
        """All there is of these sessions."""
        wanted = set(sessions)
        log: dict[UUID, list[Json]] = defaultdict(list)
        for key, value in await self._records(topics.EVENTS.name):
            if (session := _session(key)) in wanted and session is not None:
                log[session].append(orjson.loads(value))
        results = []
        for key, value in await self._records(topics.COMMANDS.name):
            if _session(key) in wanted and _is_a_result(value):
                results.append(_json(value))
        connection = await asyncpg.connect(self._dsn)
        try:
            return Evidence(
                owner=self._owner,
                history=history,
                log=dict(log),
                saved=await self._saved(wanted),
                rows=await _rows(connection, sessions),
                inbox=await _inbox(connection, sessions),
                counts=await _counts(connection, sessions),
                claims=await _claims(connection, sessions),
                results=results,
            )
        finally:
            await connection.close()

    async def _saved(self, sessions: set[UUID]) -> dict[UUID, bytes]:
        saved = {}
        for key, value in await self._records(topics.SESSIONS_CHANGELOG.name):
            if (session := _session(key)) in sessions and session is not None and value:
                saved[session] = value
        return saved

    async def _records(self, topic: str) -> list[tuple[bytes, bytes]]:
        """Key and value of each record of a topic up to its present end, partition by partition in order."""
        consumer = kafka.listener(self._settings, client_id="genesis-chaos", auto_offset_reset="earliest")
        try:
            await consumer.start()
            partitions = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found = []
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for batch in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                    found += [(record.key or b"", record.value or b"") for record in batch]
            return found
        finally:
            await consumer.stop()


def _session(key: bytes) -> UUID | None:
    try:
        # Faust writes the keys of its changelog as JSON.
        return UUID(key.strip(b'"').decode())
    except ValueError:
        return None


def _is_a_result(value: bytes) -> bool:
    """True for what the machine would take as the result of a generation; junk that only looks like one is none."""
    try:
        envelope = wire.load_envelope(value)
    except (wire.Unreadable, RecursionError):
        return False
    return envelope.command_no is None and isinstance(envelope.message, m.GenerationSucceeded | m.GenerationFailed)


def _json(value: bytes) -> Json:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _sequence(record: bytes | None) -> int:
    return wire.state_prefix(record)[2] if record else 0


async def _rows(connection: Any, sessions: Sequence[UUID]) -> dict[str, dict[str, Json]]:
    rows: dict[str, dict[str, Json]] = {}
    for table in KEYS:
        column = SESSION.get(table, "session_id")
        generated = await connection.fetchval(_GENERATED, f"read.{table}")
        found = await connection.fetch(
            f"SELECT (to_jsonb(t) - $2::text[])::text FROM read.{table} t WHERE t.{column} = ANY ($1::uuid[])",
            sessions,
            generated,
        )
        plain = [orjson.loads(row[0]) for row in found]
        rows[table] = {key_of(table, row): row for row in plain}
    return rows


async def _inbox(connection: Any, sessions: Sequence[UUID]) -> dict[UUID, Accepted]:
    found = await connection.fetch(
        "SELECT id, session_id, command_no, command_type, status, internal, given_up_at IS NOT NULL AS given_up"
        " FROM door.command_inbox WHERE session_id = ANY ($1::uuid[])",
        sessions,
    )
    accepted = [Accepted(_plain(row[0]), _plain(row[1]), *row[2:]) for row in found]
    return {one.command: one for one in accepted}


async def _counts(connection: Any, sessions: Sequence[UUID]) -> dict[UUID, int]:
    found = await connection.fetch(
        "SELECT id, command_count FROM door.genesis_sessions WHERE id = ANY ($1::uuid[])", sessions
    )
    return {_plain(row["id"]): row["command_count"] for row in found}


async def _claims(connection: Any, sessions: Sequence[UUID]) -> dict[UUID, Claim]:
    found = await connection.fetch(
        "SELECT task_id, attempt, state = 'DONE' AS done, result FROM door.generation_claims"
        " WHERE session_id = ANY ($1::uuid[])",
        sessions,
    )
    claims = [
        Claim(_plain(row["task_id"]), row["attempt"], row["done"], _json((row["result"] or "").encode()) or None)
        for row in found
    ]
    return {claim.task: claim for claim in claims}


def _plain(id: UUID) -> UUID:
    # asyncpg's own subclass of UUID.
    return UUID(int=id.int)
