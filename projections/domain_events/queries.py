"""Questions to the history: what came after, what is new, what a command led to."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson

from connectors.postgres import Connection, Pool
from genesis.session import identity
from projections import sql

_SQL = sql.named(__package__)

MAX_EVENTS_OF_A_COMMAND = 200


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of the history."""

    session_id: UUID
    sequence: int
    event_type: str
    partition: int
    offset: int
    """Where it stands in genesis.events."""
    body: bytes
    """JSON as on genesis.events (design §6): what a stream sends as data."""


async def after(connection: Connection | Pool, session_id: UUID, sequence: int, limit: int) -> list[StoredEvent]:
    """The events of a session after this sequence, in order, at most `limit`."""
    return _events(await connection.fetch(_SQL["after"], session_id, sequence, limit))


async def since(connection: Connection | Pool, passed: Mapping[int, int], limit: int) -> list[StoredEvent]:
    """What is new: the events beyond these offsets, in order within each partition, at most `limit` of each.

    `passed` maps a partition to the last offset that has been seen of it (`positions` minus 1).
    """
    return _events(await connection.fetch(_SQL["since"], list(passed), list(passed.values()), limit))


async def of_command(connection: Connection | Pool, session_id: UUID, command_id: UUID) -> list[StoredEvent]:
    """The events that a command led to, in order; of a kept answer also what it led to when it was applied."""
    first = identity.event_id(command_id, 0)
    return _events(await connection.fetch(_SQL["of_command"], session_id, command_id, first, MAX_EVENTS_OF_A_COMMAND))


async def positions(connection: Connection | Pool) -> dict[int, int]:
    """How far the read models have come: partition to the offset that is to be projected next."""
    rows = await connection.fetch(_SQL["positions"])
    return {row["kafka_partition"]: row["next_offset"] for row in rows}


def _events(rows: list[asyncpg.Record]) -> list[StoredEvent]:
    return [stored(row) for row in rows]


def stored(row: asyncpg.Record) -> StoredEvent:
    """A row of the columns that all statements of queries.sql select, in their order."""
    (event_id, event_type, event_version, aggregate_type, session_id, sequence, correlation_id, causation_id) = row[
        :8
    ]
    created_at, payload, metadata, partition, offset = row[8:]
    body = orjson.dumps(
        {
            # asyncpg's ids are a subclass of UUID, which orjson does not take.
            "event_id": str(event_id),
            "event_type": event_type,
            "event_version": event_version,
            "aggregate_type": aggregate_type,
            "aggregate_id": str(session_id),
            "sequence": sequence,
            "correlation_id": str(correlation_id) if correlation_id else None,
            "causation_id": str(causation_id) if causation_id else None,
            "created_at": created_at,
            "payload": orjson.Fragment(payload),
            "metadata": orjson.Fragment(metadata),
        },
        option=orjson.OPT_UTC_Z,
    )
    return StoredEvent(session_id, sequence, event_type, partition, offset, body)
