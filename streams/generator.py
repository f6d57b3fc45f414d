"""`python -m streams.generator`: takes generation requests, asks the text providers, brings their results.

A plain consumer, no Faust: a generation may take minutes, and an agent must never wait that long.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import uvloop
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition

from connectors import kafka, liveness
from connectors.claims import Claims, Owner
from connectors.postgres import UNAVAILABLE, open_pool
from connectors.providers.catalog import find, providers
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.topics import COMMANDS, DEAD_LETTERS, EVENTS, REQUESTS
from genesis.wire import Unreadable, load_request
from streams.dead_letters import dead_letter
from streams.generation import LEASE, Generations
from streams.low_water import LowWater
from streams.progress import Progress
from streams.records import Arrived
from streams.stops import Stops

GROUP = "genesis-generator"
"""Consumer group of the generators."""

WAITING = 256
"""Requests that may wait for another process to finish or to die, beside those in work."""

COMMIT_SECONDS = 1.0
"""Seconds between two commits; what was done since comes again after a crash, and finds its stored result."""

REPORT_SECONDS = 2.0
"""Seconds between two words about itself."""

STOP_HEARD_MS = 250
"""Longest a stop lies in the broker before the generator hears of it."""

GRACE_SECONDS = 5.0
"""How long a clean stop waits for what runs; what is cut off becomes a new attempt at the next start."""

STAYED_AWAY: tuple[type[BaseException], ...] = (KafkaError, *UNAVAILABLE)
"""What ends the process when its own tries have not helped; it is then started anew."""

log = logging.getLogger(__name__)


class DatabaseUnset(GenesisError):
    """The generator needs its database: set GENESIS_DATABASE_DSN to the DSN of the role genesis_generator."""


class Generator(ConsumerRebalanceListener):
    """One generator process: reads requests, hands them to `generations`, sends what they bring."""

    def __init__(
        self,
        consumer: kafka.Client,
        producer: kafka.Client,
        generations: Generations,
        concurrency: int,
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._generations = generations
        # Twice the pool: the next request is parsed and claimed when a place becomes free.
        self._room = 2 * concurrency
        self._low_water = LowWater()
        self._in_work: dict[UUID, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()
        self._failure: asyncio.Future[None] | None = None
        self.done = 0
        self.committed: dict[str, int] = {}

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commits what is finished; the rest comes again to whoever gets the partitions, and finds the claims."""
        await self._commit()
        self._low_water.forget(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to prepare."""

    async def run(self) -> None:
        """Takes requests until it is cancelled. Raises what makes going on pointless."""
        self._failure = asyncio.get_running_loop().create_future()
        parts = [
            asyncio.create_task(self._take_requests()),
            asyncio.create_task(self._every(COMMIT_SECONDS, self._commit)),
            asyncio.create_task(self._every(LEASE.total_seconds() / 3, self._generations.renew)),
        ]
        try:
            done, _ = await asyncio.wait({*parts, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def stop(self) -> None:
        """Waits a little for what runs, ends the rest, commits."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._commit()

    @property
    def in_work(self) -> int:
        """Requests that were read and are not finished."""
        return len(self._tasks)

    async def _every(self, seconds: float, act: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            await act()

    def _free(self) -> int:
        waiting = self._generations.elsewhere
        if waiting >= WAITING:
            return 0
        return self._room - (len(self._tasks) - waiting)

    async def _take_requests(self) -> None:
        while True:
            free = self._free()
            if free <= 0:
                # Paused, not silent: a consumer that asks for nothing loses its partitions after ten minutes.
                self._consumer.pause(*self._consumer.assignment())
                self._finished.clear()
                try:
                    await asyncio.wait_for(self._finished.wait(), 30)
                except TimeoutError:
                    await self._take(1, 0)
                continue
            if self._consumer.paused():
                self._consumer.resume(*self._consumer.paused())
            await self._take(free, 1000)

    async def _take(self, count: int, timeout_ms: int) -> None:
        for partition, records in (await self._consumer.getmany(timeout_ms=timeout_ms, max_records=count)).items():
            for record in records:
                self._low_water.take(partition, record.offset)
                task = asyncio.create_task(self._finish(partition, record))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _finish(self, partition: TopicPartition, record: Any) -> None:
        try:
            await self._handle(_arrived(record))
        except asyncio.CancelledError:
            # The process stops or is about to exit: uncommitted, so it comes again.
            raise
        except Exception as error:
            if self._failure is not None and not self._failure.done():
                self._failure.set_exception(error)
            return
        self._low_water.finish(partition, record.offset)
        self.done += 1
        self._finished.set()

    async def _handle(self, arrived: Arrived) -> None:
        try:
            request = load_request(arrived.value or b"")
        except Unreadable as error:
            log.warning("%s is unreadable: %s", arrived.place, error)
            letter = dead_letter(arrived, reader="generator", error=error)
            await self._producer.send_and_wait(
                DEAD_LETTERS.name, letter.value, key=letter.key, headers=list(letter.headers)
            )
            return
        me = asyncio.current_task()
        assert me is not None
        while (other := self._in_work.get(request.task_id)) is not None:
            # Read twice, e.g. after a rebalance: the first reading brings the result.
            await asyncio.wait({other})
        self._in_work[request.task_id] = me
        try:
            result = await self._generations.result(request)
            if result is not None:
                headers = [(name, value) for name, value in arrived.headers if name == "traceparent"]
                await self._producer.send_and_wait(
                    COMMANDS.name, result, key=str(request.session_id).encode(), headers=headers
                )
                log.info("%s %s %s brought", request.session_id, request.task_id, request.stage)
        finally:
            del self._in_work[request.task_id]

    async def _commit(self) -> None:
        assigned = self._consumer.assignment()
        offsets = {tp: offset for tp, offset in self._low_water.committable().items() if tp in assigned}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            # The group has rebalanced: whoever has the partitions now gets the requests again.
            return
        self._low_water.committed(offsets)
        self.committed.update({str(tp.partition): offset for tp, offset in offsets.items()})


def _arrived(record: Any) -> Arrived:
    return Arrived(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp / 1000,
        record.key,
        record.value,
        list(record.headers),
    )


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """The process's life until `stopping`. Raises what it can't mend."""
    if settings.database_dsn is None:
        raise DatabaseUnset
    liveness.report(settings, "generator", "starting", watched=True)
    owner = Owner.start(settings.instance)
    database = await open_pool(
        settings.database_dsn.get_secret_value(),
        application_name="genesis-generator",
        # A claim that a crash of the server takes back costs another attempt; storing a result waits for the disk.
        synchronous_commit=False,
    )
    producer = kafka.producer(settings)
    requests = kafka.group_consumer(settings, GROUP, max_poll_interval_ms=10 * 60_000)
    # A stop may come a little later; asking the broker once per event would cost more than the generations.
    events = kafka.listener(settings, EVENTS.name, fetch_min_bytes=1 << 20, fetch_max_wait_ms=STOP_HEARD_MS)
    started: list[Any] = []
    try:
        for client in (producer, events, requests):
            await client.start()
            started.append(client)
        progress = Progress(producer)
        # The stops know what to cancel, and what runs asks them what is stopped.
        stops = Stops(lambda ended: generations.stop(ended))
        generations = Generations(
            claims=Claims(database, owner),
            find=partial(find, providers(settings)),
            progress=progress,
            stopped=stops.stopped,
            concurrency=settings.generator_concurrency,
            now=lambda: datetime.now(UTC),
        )
        generator = Generator(requests, producer, generations, settings.generator_concurrency)
        requests.subscribe([REQUESTS.name], listener=generator)
        parts = {
            asyncio.create_task(generator.run()),
            asyncio.create_task(_hear(events, stops)),
            asyncio.create_task(_report(settings, requests, generator, generations, progress)),
            asyncio.create_task(stopping.wait()),
        }
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await generator.stop()
            await progress.close()
    finally:
        for client in reversed(started):
            await client.stop()
        await database.close()


async def _hear(events: kafka.Client, stops: Stops) -> None:
    async for event in events:
        stops.hear(event.headers, event.value)


async def _report(
    settings: Settings,
    requests: kafka.Client,
    generator: Generator,
    generations: Generations,
    progress: Progress,
) -> None:
    while True:
        assigned = requests.assignment()
        liveness.report(
            settings,
            "generator",
            "ready" if assigned else "starting",
            watched=True,
            partitions=sorted(tp.partition for tp in assigned),
            committed=generator.committed,
            in_work=generator.in_work,
            running=len(generations.running),
            elsewhere=generations.elsewhere,
            done=generator.done,
            partials=progress.sent,
        )
        await asyncio.sleep(REPORT_SECONDS)


async def _main(settings: Settings) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    try:
        await run(settings, stopping)
    except GenesisError as error:
        log.critical("%s", error)
        return 1
    except STAYED_AWAY as error:
        log.critical("Kafka or PostgreSQL stayed away (%s); see whether they run", type(error).__name__)
        return 1
    return 0


def main() -> int:
    """Runs the generator until SIGTERM; 0 after a clean stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    # What was made by now lives for ever; every full collection would walk through it.
    gc.collect()
    gc.freeze()
    return uvloop.run(_main(Settings()))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)
