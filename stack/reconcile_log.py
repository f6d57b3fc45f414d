"""Is every message of the log in the history or in quarantine, and the history in the log?"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from connectors import reading
from connectors.settings import Settings
from genesis.topics import EVENTS
from projections.rebuild import Told
from stack.findings import Findings

RECORDS = 2000
"""Messages compared at once."""


class LogComparison:
    """Holds genesis.events against the history and the quarantine."""

    def __init__(
        self, settings: Settings, connection: "asyncpg.Connection[asyncpg.Record]", findings: Findings
    ) -> None:
        self._settings, self._connection, self._findings = settings, connection, findings

    async def compare(self, ends: dict[int, int], told: Told) -> None:
        """Compare all messages before `ends`; `told` hears of them as they are read. Raises TopicUnreadable."""
        first, _ = await reading.bounds(self._settings, EVENTS.name)
        done, total = 0, sum(end - first.get(number, 0) for number, end in ends.items())
        async for batch in reading.read(self._settings, EVENTS.name, first, ends, records=RECORDS):
            await self._compare(batch)
            done += len(batch)
            told(done, total)
        self._findings.checked["messages of genesis.events"] = done
        # By place, since that is what positions and streams go by; a message that repeats another has no row.
        stored = await self._connection.fetchval(
            "SELECT count(*) FROM domain_events d JOIN unnest($1::integer[], $2::bigint[], $3::bigint[])"
            " AS p (partition, first, next) ON p.partition = d.kafka_partition"
            " WHERE d.kafka_offset < p.next AND d.kafka_offset >= p.first",
            list(ends),
            [first.get(number, 0) for number in ends],
            list(ends.values()),
        )
        beyond = await self._connection.fetchval("SELECT count(*) FROM domain_events") - stored
        if any(first.values()):
            self._findings.add(
                "broken",
                "an event of the database has no message in genesis.events, which has lost its beginning",
                "Bring the topic back, or `genesis restore-log` with the studio stopped.",
                count=beyond,
            )

    async def _compare(self, batch: Sequence[Any]) -> None:
        rows = await self._connection.fetch(
            """
            SELECT m.partition, m."offset" FROM unnest($1::integer[], $2::bigint[], $3::uuid[])
                AS m (partition, "offset", event_id)
            WHERE NOT EXISTS (SELECT FROM domain_events d WHERE d.event_id = m.event_id)
                AND NOT EXISTS (
                    SELECT FROM domain_events d WHERE d.kafka_partition = m.partition AND d.kafka_offset = m."offset")
                AND NOT EXISTS (
                    SELECT FROM quarantine q WHERE q.kafka_partition = m.partition AND q.kafka_offset = m."offset")
            """,
            [record.partition for record in batch],
            [record.offset for record in batch],
            [_event_id(record.value) for record in batch],
        )
        for row in rows:
            self._findings.add(
                "broken",
                "a message of genesis.events is neither in the history nor in quarantine",
                "`genesis rebuild`.",
                f"{row['partition']}/{row['offset']}",
            )


def _event_id(value: bytes | None) -> UUID | None:
    try:
        return UUID(orjson.loads(value or b"")["event_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
