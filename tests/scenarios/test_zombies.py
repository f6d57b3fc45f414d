"""A worker is frozen for longer than its session lasts, another takes over, then it wakes: it overwrites nothing."""

import asyncio
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors import liveness
from connectors.settings import Settings
from genesis import topics, wire
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist, eventually

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture
async def two_workers(real_studio: RealStudio) -> AsyncIterator[RealStudio]:
    """The studio with a second worker, both with partitions of their own."""
    stack = real_studio.stack
    await stack.add_worker("worker-2")
    try:
        await eventually(lambda: shared(stack.settings), "both workers have partitions")
        yield real_studio
    finally:
        await stack.remove_worker("worker-2")


def partitions(settings: Settings, worker: str) -> list[int]:
    """Those the worker says are its own; none while it is not ready."""
    word = liveness.read(settings, worker)
    return list(word.facts.get("partitions", ())) if word is not None and word.state == "ready" else []


async def shared(settings: Settings) -> bool:
    one, two = partitions(settings, "worker"), partitions(settings, "worker-2")
    return bool(one) and bool(two) and sorted(one + two) == list(range(settings.partitions))


async def has_all(settings: Settings, worker: str) -> bool:
    return sorted(partitions(settings, worker)) == list(range(settings.partitions))


async def test_a_worker_that_wakes_after_it_was_replaced_overwrites_nothing(two_workers: RealStudio):
    """Each of the two in its turn, in the midst of its work, while eight people go on writing."""
    stack, settings = two_workers.stack, two_workers.stack.settings
    seed = 20_261_123
    chance = random.Random(seed)
    written: list[Novelist] = []
    over = asyncio.Event()

    async def person(number: int) -> None:
        while not over.is_set():
            novelist = Novelist(two_workers)
            written.append(novelist)
            await novelist.whole_session(idea=f"person {number}", seed=len(written))

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(person(number))
        for frozen, other in (("worker", "worker-2"), ("worker-2", "worker")):
            begun = len(written) + chance.randrange(4, 12)
            await eventually(lambda begun=begun: grown(written, begun), "everybody writes")
            # Long enough for the next to take over, too short for the launcher to kill it for its silence.
            stack.kill(frozen, signal.SIGSTOP)
            await eventually(lambda other=other: has_all(settings, other), f"{other} takes over", pause=0.02)
            begun = len(written) + 8
            await eventually(lambda begun=begun: grown(written, begun), "it works on their sessions")
            stack.kill(frozen, signal.SIGCONT)
            await eventually(lambda: shared(settings), f"{frozen} is back among the living")
        over.set()
    for novelist in written:
        await must_agree(two_workers, novelist)
    assert await went_back(settings) == []


async def grown(written: list[Novelist], count: int) -> bool:
    return len(written) >= count


async def went_back(settings: Settings) -> list[str]:
    """Records of the changelog that are older than one before them: each would be a newer state overwritten."""
    name = topics.SESSIONS_CHANGELOG.name
    consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{settings.kafka_port}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for number in range(settings.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        newest: dict[bytes, tuple[int, int]] = defaultdict(lambda: (-1, -1))
        older: list[str] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    _, repairs, sequence = wire.state_prefix(record.value)
                    if (repairs, sequence) < newest[record.key]:
                        older.append(f"{record.topic}/{record.partition}@{record.offset}")
                    newest[record.key] = max(newest[record.key], (repairs, sequence))
        return older
    finally:
        await consumer.stop()
