"""The machine's processes on a real broker: the broker, the worker as a process, and the log of what came of it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors import kafka
from connectors.settings import Settings
from genesis.topics import EVENTS
from stack.launcher import Stack
from stack.parts import KAFKA
from streams.records import Arrived


@pytest.fixture(scope="session")
async def broker(data_folder: Path, free_ports: Callable[[int], list[int]]) -> AsyncIterator[Settings]:
    """A real broker of its own with all topics; yields the settings of a process that uses it."""
    names = ("kafka_port", "kafka_controller_port")
    settings = Settings(data=data_folder / "machine-broker", **dict(zip(names, free_ports(2), strict=True)))
    async with Stack(settings, (KAFKA,)) as stack:
        yield settings.model_copy(update={"bootstrap": stack.bootstrap})


class Process:
    """One of our processes, started as the launcher starts it."""

    def __init__(self, module: str, settings: Settings, log: Path, **environment: str) -> None:
        self._module, self._settings, self._log, self._environment = module, settings, log, environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")},
            "GENESIS_DATA": str(self._settings.data),
            "GENESIS_BOOTSTRAP": self._settings.bootstrap,
            **self._environment,
        }
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module], env=environment, stdout=output, stderr=output
            )
        return self

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: signal.Signals) -> int:
        """Sends a signal and returns the exit code."""
        self.send(number)
        return await self.ended()

    async def ended(self) -> int:
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 200)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    async def until_logged(self, text: str, count: int, seconds: float = 60) -> None:
        """Returns when its log holds `text` so many times."""
        async with asyncio.timeout(seconds):
            while self.log.count(text) < count:  # noqa: ASYNC110 a file tells nobody that it has grown
                await asyncio.sleep(0.05)

    @property
    def data(self) -> Path:
        """Its RocksDB folder."""
        return self._settings.data / f"worker-{self._environment['GENESIS_INSTANCE']}"

    def lose_its_disk(self) -> None:
        shutil.rmtree(self.data)

    def clear(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(30)


@pytest.fixture
def process(broker: Settings, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Makes processes of this test alone; `process("streams", "one")` is a worker of that instance."""
    made: list[Process] = []

    def make(module: str, instance: str, **environment: str) -> Process:
        settings = broker.model_copy(update={"data": tmp_path})
        log = tmp_path / f"{instance}.log"
        made.append(Process(module, settings, log, GENESIS_INSTANCE=instance, GENESIS_PART=instance, **environment))
        return made[-1]

    yield make
    for each in made:
        each.clear()


class History:
    """All of genesis.events as it arrives, by session, doubled events once."""

    def __init__(self) -> None:
        self.by_session: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.doubled: Counter[str] = Counter()
        self.conflicts: list[str] = []
        self._bodies: dict[str, bytes] = {}
        self._news = asyncio.Event()

    async def listen(self, consumer: Any) -> None:
        async for record in consumer:
            body = json.loads(record.value)
            before = self._bodies.get(body["event_id"])
            if before is None:
                self._bodies[body["event_id"]] = record.value
                self.by_session[record.key.decode()].append(body)
            elif before == record.value:
                self.doubled[record.key.decode()] += 1
            else:
                self.conflicts.append(body["event_id"])
            self._news.set()

    def of(self, session: UUID) -> list[dict[str, Any]]:
        return self.by_session.get(str(session), [])

    def outcomes(self, session: UUID) -> set[int]:
        """Numbers of the commands of this session that have an outcome."""
        return {body["metadata"]["command_no"] for body in self.of(session) if "command_no" in body["metadata"]}

    async def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Returns when `done` holds; fails after `seconds` without it."""
        async with asyncio.timeout(seconds):
            while not done():
                self._news.clear()
                await self._news.wait()

    def assert_whole(self, sessions: Iterable[UUID]) -> None:
        """Nothing lost, nothing doubled with another body, every history contiguous."""
        assert self.conflicts == []
        for session in sessions:
            sequences = [body["sequence"] for body in self.of(session)]
            assert sequences == list(range(1, len(sequences) + 1)), f"{session}: {sequences}"


@pytest.fixture
async def history(broker: Settings) -> AsyncIterator[History]:
    """The log from its beginning on."""
    consumer = kafka.listener(broker, EVENTS.name, auto_offset_reset="earliest")
    await consumer.start()
    log = History()
    listening = asyncio.create_task(log.listen(consumer))
    yield log
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await consumer.stop()


class Pipe:
    """Plays Debezium: puts messages on genesis.commands."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer

    async def send(self, *messages: Arrived) -> None:
        for message in messages:
            await self.producer.send(message.topic, message.value, key=message.key, headers=list(message.headers))
        await self.producer.flush()


@pytest.fixture
async def pipe(broker: Settings) -> AsyncIterator[Pipe]:
    producer = kafka.producer(broker)
    await producer.start()
    yield Pipe(producer)
    await producer.stop()
