"""How far each hop of the pipe has come: the replication slot, the topics, the groups that read them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.kafka import listener
from connectors.postgres import Connection, Pool
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.topics import COMMANDS, EVENTS, HEARTBEAT, Topic

SLOT = "genesis_outbox"
"""Name of the replication slot that Debezium reads."""

ANSWER_SECONDS = 5.0
"""How long Kafka may take for an answer; who asks has other work to do meanwhile."""

Offsets = dict[int, int]
"""Partition → offset."""


class PipeSilent(GenesisError):
    """Kafka does not say how far it has come. Look whether it runs (`genesis status`)."""


async def slot_passed(connection: Connection, place: str) -> bool:
    """True once Debezium has confirmed this place of the WAL (an LSN as text): what lies before is in Kafka."""
    passed: bool | None = await connection.fetchval(
        "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots"
        " WHERE slot_name = $2 AND database = current_database() AND wal_status <> 'lost'",
        place,
        SLOT,
    )
    return bool(passed)


async def slot_room(connection: Connection | Pool) -> int | None:
    """Bytes of WAL that may still be written before the server gives the slot up; None where nothing is at stake:
    no slot, no limit, or it is given up already."""
    room: int | None = await connection.fetchval(
        "SELECT greatest(safe_wal_size, 0) FROM pg_replication_slots"
        " WHERE slot_name = $1 AND database = current_database() AND wal_status <> 'lost'",
        SLOT,
    )
    return room


async def committed(settings: Settings, group: str, topic: Topic) -> Offsets:
    """Offset that the group reads next, of each partition it has committed. Raises PipeSilent."""
    # Any: aiokafka's admin client is not typed.
    admin: Any = AIOKafkaAdminClient(
        bootstrap_servers=settings.bootstrap, request_timeout_ms=int(ANSWER_SECONDS * 1000)
    )
    async with _answered():
        try:
            await admin.start()
            offsets = await admin.list_consumer_group_offsets(group)
        finally:
            await admin.close()
    return {place.partition: offset.offset for place, offset in offsets.items() if place.topic == topic.name}


class PipeView:
    """Watches the pipe from outside: its topics' ends, and what arrives on the heartbeat topic from now on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Any = None
        self._seen: set[bytes] = set()
        """Outbox rows that have arrived; what Debezium sends there by itself is none."""

    async def open(self) -> None:
        """Begins to listen; what is written afterwards is heard. Raises PipeSilent."""
        self._consumer = listener(self._settings, request_timeout_ms=int(ANSWER_SECONDS * 1000))
        try:
            async with _answered():
                await self._consumer.start()
                heartbeats = self._places(HEARTBEAT)
                others = self._places(COMMANDS) + self._places(EVENTS)
                self._consumer.assign(heartbeats + others)
                # Only their ends are asked for.
                self._consumer.pause(*others)
                # The position is fixed now: without it the first fetch, whenever it is, would choose the end.
                await self._consumer.seek_to_end(*heartbeats)
                for place in heartbeats:
                    await self._consumer.position(place)
        except PipeSilent:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends listening."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def saw(self, probes: Iterable[UUID]) -> bool:
        """True once an outbox row of one of these ids has arrived on the heartbeat topic. Raises PipeSilent."""
        async with _answered():
            while records := (await self._consumer.getmany(timeout_ms=0)).values():
                self._seen |= {
                    value for each in records for one in each for name, value in one.headers if name == "id"
                }
        return any(str(probe).encode() in self._seen for probe in probes)

    async def ends(self, topic: Topic) -> Offsets:
        """Offset after the last message of each partition. Raises PipeSilent."""
        async with _answered():
            found = await self._consumer.end_offsets(self._places(topic))
        return {place.partition: offset for place, offset in found.items()}

    async def begins(self, topic: Topic) -> Offsets:
        """Offset of the oldest message that is kept, of each partition. Raises PipeSilent."""
        async with _answered():
            found = await self._consumer.beginning_offsets(self._places(topic))
        return {place.partition: offset for place, offset in found.items()}

    async def committed(self, group: str, topic: Topic) -> Offsets:
        """Offset that the group reads next, of each partition it has committed. Raises PipeSilent."""
        return await committed(self._settings, group, topic)

    def _places(self, topic: Topic) -> list[TopicPartition]:
        count = self._settings.partitions if topic.co_partitioned else 1
        return [TopicPartition(topic.name, number) for number in range(count)]


def passed(reached: Offsets, ends: Offsets, begins: Offsets | None = None) -> bool:
    """True if all that lies before `ends` was read; what is not kept any more (before `begins`) need not be."""
    return all(max(reached.get(number, 0), (begins or {}).get(number, 0)) >= end for number, end in ends.items())


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise PipeSilent(f"{PipeSilent.__doc__} ({type(error).__name__})") from error
