"""The generator as a process, on a real broker and a real PostgreSQL."""

import signal
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from connectors import kafka
from connectors.settings import Settings
from genesis import wire
from genesis.session import messages as m
from genesis.session.rules import Rules
from genesis.topics import COMMANDS, DEAD_LETTERS, REQUESTS
from streams.advance import advance
from tests.streams.conftest import Pipe, Process
from tests.streams.test_machine_on_kafka import records_of
from tests.streams.wires import START, command

pytestmark = [pytest.mark.stack, pytest.mark.postgres]


def requests(count: int, provider: str = "bench") -> list[m.GenerationRequest]:
    made = []
    for _ in range(count):
        start = START.model_copy(update={"provider": provider})
        done = advance(command(uuid4(), 1, start, at=datetime.now(UTC)), None, Rules())
        made.append(wire.load_request(done.requests[0].value or b""))
    return made


async def ask(pipe: Pipe, *wanted: m.GenerationRequest) -> None:
    for each in wanted:
        await pipe.producer.send(REQUESTS.name, wire.dump_request(each), key=str(each.session_id).encode())
    await pipe.producer.flush()


class Results:
    """What comes back into genesis.commands."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.by_task: dict[Any, list[bytes]] = {}

    def of(self, wanted: list[m.GenerationRequest]) -> list[list[bytes]]:
        """The results of each of these requests that has one."""
        return [self.by_task[each.task_id] for each in wanted if each.task_id in self.by_task]

    async def until(self, count: int, wanted: list[m.GenerationRequest]) -> None:
        """Returns when so many of these requests have a result."""
        while len(self.of(wanted)) < count:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    message = wire.load_envelope(record.value).message
                    if isinstance(message, m.GenerationSucceeded | m.GenerationFailed):
                        self.by_task.setdefault(message.task_id, []).append(record.value)


@pytest.fixture
async def results(broker: Settings) -> Any:
    consumer = kafka.listener(broker, COMMANDS.name, auto_offset_reset="earliest")
    await consumer.start()
    yield Results(consumer)
    await consumer.stop()


@pytest.fixture
def generator(process: Any, database: Any) -> Process:
    made: Process = process(
        "streams.generator",
        "generator-1",
        GENESIS_DATABASE_DSN=database.role("genesis_generator"),
        GENESIS_BENCH_PROVIDER="true",
    )
    return made


@pytest.mark.timeout(120)
async def test_every_request_gets_its_result_whatever_kills_the_generator(
    generator: Process, pipe: Pipe, results: Results
):
    wanted = requests(300)
    generator.start()
    await ask(pipe, *wanted)

    for share in (50, 150):
        await results.until(share, wanted)
        await generator.end(signal.SIGKILL)
        generator.start()
    await results.until(len(wanted), wanted)

    # A result may be sent twice, but it is the stored one, byte for byte.
    assert all(len(set(values)) == 1 for values in results.of(wanted))
    assert await generator.end(signal.SIGTERM) == 0


@pytest.mark.timeout(120)
async def test_what_cannot_be_read_is_put_aside_and_the_rest_goes_on(
    generator: Process, pipe: Pipe, results: Results, broker: Settings
):
    wanted = requests(1)
    key = str(wanted[0].session_id).encode()
    await pipe.producer.send_and_wait(REQUESTS.name, b"{poison", key=key, headers=[("traceparent", b"t")])
    await ask(pipe, *wanted)
    generator.start()

    await results.until(1, wanted)

    (letter,) = [each for each in await records_of(broker, DEAD_LETTERS.name) if each.key == key]
    assert letter.value == b"{poison"
    headers = dict(letter.headers)
    assert (headers["traceparent"], headers["dead_letter_reader"]) == (b"t", b"generator")
    assert await generator.end(signal.SIGTERM) == 0


@pytest.mark.timeout(120)
async def test_after_a_clean_stop_no_request_is_answered_again(generator: Process, pipe: Pipe, results: Results):
    first, second = requests(20), requests(1)
    generator.start()
    await ask(pipe, *first)
    await results.until(20, first)
    await generator.until_logged(" brought", 20)
    assert await generator.end(signal.SIGTERM) == 0

    generator.start()
    await ask(pipe, *second)
    await results.until(1, second)

    assert [len(values) for values in results.of(first + second)] == [1] * 21
