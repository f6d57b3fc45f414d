"""The changelog stays short under load: its topic's own settings make Kafka compact it while it is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors import kafka, reading
from connectors.settings import Settings
from genesis.topics import SESSIONS_CHANGELOG
from stack.launcher import Stack
from stack.parts import KAFKA
from tests.scenarios.studio import eventually

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

SESSIONS = 500
RECORD = 32 << 10
SEGMENT = int(SESSIONS_CHANGELOG.config["segment.bytes"])


async def test_what_a_recovery_reads_is_bounded_by_the_sessions_and_two_segments(
    data_folder: Path, free_ports: Callable[[int], list[int]]
):
    """Six segments of the same sessions again and again, then no more than each session once and what is still warm:
    the active segment, and one that was closed after the last cleaning."""
    ports = dict(zip(("kafka_port", "kafka_controller_port"), free_ports(2), strict=True))
    settings = Settings(data=data_folder / "compacted", partitions=1, **ports)
    async with Stack(settings, (KAFKA,)) as stack:
        settings = settings.model_copy(update={"bootstrap": stack.bootstrap})
        producer = kafka.producer(settings)
        await producer.start()
        for number in range(6 * SEGMENT // RECORD):
            key, value = b"session %d" % (number % SESSIONS), b"%d" % number + b"." * RECORD
            await producer.send_and_wait(SESSIONS_CHANGELOG.name, value, key)
        await producer.stop()

        async def left() -> list[tuple[bytes, bytes]]:
            first, ends = await reading.bounds(settings, SESSIONS_CHANGELOG.name)
            batches = [batch async for batch in reading.read(settings, SESSIONS_CHANGELOG.name, first, ends)]
            return [(record.key, record.value) for batch in batches for record in batch]

        async def compacted() -> bool:
            return len(await left()) * RECORD <= SESSIONS * RECORD + 2 * SEGMENT

        await eventually(compacted, "the changelog is compacted", deadline=300, pause=5)
        newest = dict(await left())
        assert len(newest) == SESSIONS
        total = 6 * SEGMENT // RECORD
        assert {int(value.split(b".")[0]) for value in newest.values()} == set(range(total - SESSIONS, total))
