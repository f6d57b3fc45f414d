"""The projector's process: reads genesis.events from where the read models stand, batch by batch, for ever."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
import stamina
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from connectors import kafka, liveness
from connectors.postgres import READ_SCHEMA, UNAVAILABLE, DatabaseUnavailable, connect
from connectors.settings import Settings
from genesis import topics
from genesis.errors import GenesisError
from projections.domain_events.project import Message
from projections.projector import Overtaken, Projector, Swapped

log = logging.getLogger(__name__)

BATCH_MESSAGES = 500
BATCH_BYTES = 4 << 20
"""A batch ends with the message that reaches either."""

IDLE_MS = 500
"""Longest wait for messages; also how late a stop is noticed in a quiet system."""

COMMAND_SECONDS = 15.0
"""Longest a batch may take in PostgreSQL, waiting for another projector's included."""

GIVE_UP_SECONDS = 300.0
"""Seconds without PostgreSQL or Kafka after which the process ends and its launcher takes over the retrying."""

OVERTAKEN_SECONDS = 0.5
"""Pause of a projector that another one has overtaken, so that the two don't do all work twice."""

REPORT_SECONDS = 2.0

_FAILURES: tuple[type[BaseException], ...] = (asyncpg.PostgresError, DatabaseUnavailable, *UNAVAILABLE)

TEMPORARY = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE after which the same batch may succeed: connection, deadlock, resources, shutdown, I/O."""


class ProjectorUnconfigured(GenesisError):
    """The projector has no database login. Set GENESIS_DATABASE_DSN to the DSN of the role genesis_projector."""


class LogOfAnotherTime(GenesisError):
    """genesis.events does not hold the offset the read models stand at: it was made anew or lost its beginning.
    Bring the topic back; if it is whole from offset 0, `genesis rebuild` fills the read models anew."""


class KafkaUnavailable(GenesisError):
    """Kafka can't be reached. Look whether it runs (`genesis status`) and GENESIS_BOOTSTRAP is right."""


class Runner:
    """One projector over all partitions. A second one is harmless: positions are compared and set."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        if settings.database_dsn is None:
            raise ProjectorUnconfigured
        self._settings = settings
        self._dsn = settings.database_dsn.get_secret_value()
        self._stop = stop
        self._consumer: Any = None
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._projector: Projector | None = None
        self._turned_at = asyncio.get_running_loop().time()
        self._quarantined = 0

    async def run(self) -> None:
        """Project until `stop` is set. Raises GenesisError where it can't go on."""
        reports = asyncio.create_task(self._report())
        try:
            try:
                self._consumer = await self._started_consumer()
            except KafkaError as error:
                raise KafkaUnavailable from error
            await self._resume()
            while not self._stop.is_set():
                await self._turn()
        finally:
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)
            if self._consumer is not None:
                await self._consumer.stop()
            if self._connection is not None:
                await self._connection.close(timeout=5)

    async def _turn(self) -> None:
        self._turned_at = asyncio.get_running_loop().time()
        try:
            arrived = await self._consumer.getmany(timeout_ms=IDLE_MS, max_records=BATCH_MESSAGES)
        except OffsetOutOfRangeError as error:
            raise LogOfAnotherTime from error
        except KafkaError as error:
            if not error.retriable:
                raise KafkaUnavailable(f"Kafka refuses to be read: {type(error).__name__}.") from error
            log.warning("reading genesis.events failed and is tried again: %s", type(error).__name__)
            return await self._pause(1.0)
        messages = [message for batch in arrived.values() for message in batch]
        try:
            for batch in bounded(messages):
                assert self._projector is not None
                await self._projector.project(batch)
        except Swapped:
            log.info("the read models were rebuilt or repaired; going on from their positions")
            await self._resume()
        except Overtaken:
            log.warning("another projector works on the same partitions")
            await self._pause(OVERTAKEN_SECONDS)
            await self._resume()
        except _FAILURES as error:
            if not _is_temporary(error):
                raise
            log.warning("the database failed on a batch (%s); it comes again", type(error).__name__)
            await self._pause(0.2)
            await self._resume()

    async def _resume(self) -> None:
        """A connection, the positions in the database, and the consumer there: also after a crash took rows back."""
        if self._projector is not None:
            self._quarantined += self._projector.quarantined
        if self._connection is not None:
            self._connection.terminate()
        async for attempt in stamina.retry_context(
            on=_is_temporary, attempts=None, timeout=GIVE_UP_SECONDS, wait_initial=0.1, wait_max=5.0
        ):
            with attempt:
                self._turned_at = asyncio.get_running_loop().time()
                self._connection = await open_connection(self._dsn)
                self._projector = Projector(self._connection)
                await self._projector.open(self._settings.partitions)
        assert self._projector is not None
        partitions = {number: TopicPartition(topics.EVENTS.name, number) for number in self._projector.positions}
        if set(self._consumer.assignment()) != set(partitions.values()):
            self._consumer.assign(list(partitions.values()))
        for number, offset in self._projector.positions.items():
            self._consumer.seek(partitions[number], offset)

    async def _started_consumer(self) -> Any:
        async for attempt in stamina.retry_context(
            on=KafkaError, attempts=None, timeout=GIVE_UP_SECONDS, wait_initial=0.1, wait_max=5.0
        ):
            with attempt:
                self._turned_at = asyncio.get_running_loop().time()
                # The position is in the database; one that the log doesn't hold is an error, not a new start.
                consumer: Any = kafka.listener(
                    self._settings, client_id="genesis-projector", auto_offset_reset="none"
                )
                try:
                    await consumer.start()
                except BaseException:
                    await consumer.stop()
                    raise
                return consumer
        raise AssertionError("stamina ends with a result or an error")

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            pass

    async def _report(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # A loop that no longer turns falls silent, and the launcher ends the process.
            if loop.time() - self._turned_at < COMMAND_SECONDS + 5:
                liveness.report(
                    self._settings,
                    "projector",
                    "ready" if self._projector is not None else "starting",
                    watched=True,
                    positions=self._projector.positions if self._projector else {},
                    quarantined=self._quarantined + (self._projector.quarantined if self._projector else 0),
                )
            await asyncio.sleep(REPORT_SECONDS)


async def open_connection(
    dsn: str, schema: str = READ_SCHEMA, command_seconds: float = COMMAND_SECONDS
) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection to project over. Raises DatabaseUnavailable, DatabaseRefused."""
    connection = await connect(
        dsn,
        application_name="genesis projector",
        search_path=schema,
        command_timeout=command_seconds,
        # A crash of PostgreSQL takes rows and position back together; they are projected again.
        synchronous_commit=False,
    )
    # All writes look rows up by key, so one plan is good for all: without force_generic_plan the length of the arrays
    # makes PostgreSQL plan each call anew. And one made while the tables were small must not scan them later.
    await connection.execute(
        "SET plan_cache_mode = force_generic_plan; "
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
    )
    # Large texts are compressed with less work where the server can.
    await connection.execute(
        "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings "
        "WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
    )
    return connection


def bounded(
    messages: Sequence[Message], most: int = BATCH_MESSAGES, most_bytes: int = BATCH_BYTES
) -> Iterator[Sequence[Message]]:
    """These messages in batches, each ending with the message that reaches either bound."""
    begin, size = 0, 0
    for place, message in enumerate(messages):
        size += len(message.value or b"")
        if size >= most_bytes or place - begin + 1 >= most:
            yield messages[begin : place + 1]
            begin, size = place + 1, 0
    if begin < len(messages):
        yield messages[begin:]


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in TEMPORARY
    return isinstance(error, _FAILURES)
