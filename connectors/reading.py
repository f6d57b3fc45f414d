"""Reading a topic from one place to another, once, without a consumer group: what tools of the operator do."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka import listener
from connectors.settings import Settings
from genesis.errors import GenesisError

FETCH_BYTES = 8 << 20
"""Most bytes of one partition per fetch."""

WAIT_MS = 1000
"""Longest wait for records in one turn."""

SILENT_TURNS = 30
"""Turns without a record after which the broker counts as gone."""


class TopicUnreadable(GenesisError):
    """A topic can't be read. Look whether Kafka runs (`genesis status`) and what logs/kafka.log says."""


async def bounds(settings: Settings, topic: str) -> tuple[dict[int, int], dict[int, int]]:
    """First and next offset of each partition; both empty where there is no such topic. Raises TopicUnreadable."""
    consumer = await _started(settings, topic)
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        first, following = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    except KafkaError as error:
        raise TopicUnreadable(f"{topic} can't be read ({type(error).__name__}); see logs/kafka.log.") from error
    finally:
        await consumer.stop()
    return {place.partition: first[place] for place in places}, {
        place.partition: following[place] for place in places
    }


async def read(
    settings: Settings, topic: str, begin: Mapping[int, int], end: Mapping[int, int], *, records: int = 2000
) -> AsyncIterator[list[Any]]:
    """The records from the offsets in `begin` (0 where there is none) up to before those in `end`.

    Each batch holds at most `records`, of any partitions, each partition's in order. Raises TopicUnreadable.
    """
    left = {TopicPartition(topic, number): stop for number, stop in end.items() if begin.get(number, 0) < stop}
    if not left:
        return
    consumer = await _started(settings)
    try:
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, begin.get(place.partition, 0))
        silent = 0
        while left:
            arrived = await consumer.getmany(timeout_ms=WAIT_MS, max_records=records)
            wanted = [
                record
                for place, batch in arrived.items()
                if place in left
                for record in batch
                if record.offset < left[place]
            ]
            if wanted:
                yield wanted
            for place in [place for place in left if await consumer.position(place) >= left[place]]:
                del left[place]
                consumer.pause(place)
            silent = 0 if arrived else silent + 1
            if silent == SILENT_TURNS:
                raise TopicUnreadable(
                    f"{topic} gave nothing for {SILENT_TURNS * WAIT_MS // 1000} s; see logs/kafka.log."
                )
    except KafkaError as error:
        raise TopicUnreadable(f"{topic} can't be read ({type(error).__name__}); see logs/kafka.log.") from error
    finally:
        await consumer.stop()


async def _started(settings: Settings, *topics: str) -> Any:
    # An offset that the log does not hold is an error here, never a new start.
    consumer = listener(settings, *topics, auto_offset_reset="none", max_partition_fetch_bytes=FETCH_BYTES)
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        raise TopicUnreadable(
            f"Kafka can't be reached at {settings.bootstrap} ({type(error).__name__}); see `genesis status`."
        ) from error
    return consumer
