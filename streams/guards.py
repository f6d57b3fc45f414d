"""What stock Faust lacks: each class here stands between one way of losing messages and us.

Written against exactly these versions, whose insides it uses; on an upgrade every guard is verified anew,
each has a test that fails without it.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NoReturn, cast

import aiokafka
import faust
import rocksdict
from faust.stores.rocksdb import Store as RocksStore
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from genesis.errors import GenesisError
from genesis.wire import state_prefix
from streams.catch_up import catch_up
from streams.lease import Lease, LeaseLost
from streams.records import Record

VERIFIED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}
"""Versions the guards were measured with."""

EXIT_UNKNOWN = 70
"""Exit code for "outcome unknown": the unacknowledged messages come again after the restart."""

RECOVERY_FETCH_SECONDS = 0.1
"""How long a fetch of changelog records may wait for some."""

log = logging.getLogger(__name__)


class UnverifiedVersion(GenesisError):
    """The guards of the machine were not verified with this version; install the locked requirements."""


def _verify() -> None:
    found = {"faust-streaming": faust.__version__, "aiokafka": aiokafka.__version__}
    if found != VERIFIED:
        raise UnverifiedVersion(f"The machine's guards were verified with {VERIFIED}, installed is {found}.")


_verify()


def die(reason: str, code: int = EXIT_UNKNOWN) -> NoReturn:
    """The last resort: the process ends at once, commits nothing, and its supervisor starts it anew.

    An exception that leaves an agent would be acknowledged by Faust: the message would be lost.
    """
    log.critical("exit %d: %s", code, reason)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


class DurableTable(faust.Table):  # type: ignore[type-arg]  # generic in the stubs, not at run time
    """A table of raw bytes whose changelog records can be awaited.

    Guards against two things. Faust sends changelog records without waiting for them: a commit could overtake
    up to 0.1 s of them, and after a kill they were gone (72 of 180 in a measurement). And a record that a
    frozen worker wrote late would win in a recovery, being the later one: here the record with the higher
    (repairs, sequence) wins, at equality the later (design §8).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inflight: dict[int, list[asyncio.Future[Any]]] = {}
        self.outdated = 0
        """Records left out in recoveries because a newer one was there already."""

    def send_changelog(self, partition: int | None, *args: Any, **kwargs: Any) -> Any:
        """Sends a change; its acknowledgement is awaited by `durable`."""
        sent = super().send_changelog(partition, *args, **kwargs)
        assert partition is not None  # only with use_partitioner, which is never on
        self._inflight.setdefault(partition, []).append(sent)
        return sent

    async def durable(self, partition: int) -> None:
        """Returns when all changes of this partition are acknowledged; raises if the broker refused one.

        Per partition: the actors of different partitions don't wait for each other.
        """
        for sent in self._inflight.pop(partition, []):
            await sent

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Applies records read in a recovery, the newest state of each session winning."""
        newest: dict[tuple[int, bytes], bytes] = {}
        events = list(batch)
        for event in events:
            message = event.message
            place = (message.partition, message.key)
            there = newest[place] if place in newest else self._stored(*place)
            if there is not None and message.value is not None and _age(message.value) < _age(there):
                self.outdated += 1
                log.warning("session %s: an older record at %s was left out", *_named(message))
                # Written again instead of skipped, so that the offset kept beside the data still moves on.
                message.value = event.value = there
            newest[place] = message.value
        super().apply_changelog_batch(events)

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Writes records of one partition of the changelog at once, the newest state of each session winning."""
        newest: dict[bytes, bytes | None] = {}
        for record in records:
            key, value = record.key, record.value
            there = newest[key] if key in newest else self._stored(tp.partition, key)
            if there is not None and value is not None and _age(value) < _age(there):
                self.outdated += 1
                log.warning("session %s: an older record at %s was left out", *_named(record))
                value = there
            newest[key] = value
        store = cast(RocksStore, self.data)
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in newest.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        store._db_for_partition(tp.partition).write(batch)
        # Last: after a kill in between the records are read again.
        store.set_persisted_offset(tp, records[-1].offset)

    def _stored(self, partition: int, key: bytes) -> bytes | None:
        store = self.data
        if isinstance(store, RocksStore):
            return cast("bytes | None", store._db_for_partition(partition).get(key))
        return cast("bytes | None", cast(Any, store).data.get(key))


def _age(record: bytes) -> tuple[int, int]:
    try:
        _, repairs, sequence = state_prefix(record)
    except ValueError:
        # Garbage never displaces a session; a recovery must not stop at it either.
        return -1, -1
    return repairs, sequence


def _named(message: Any) -> tuple[str, str]:
    return message.key.decode("utf-8", "replace"), f"{message.topic}/{message.partition}@{message.offset}"


class SafeRecovery(Recovery):
    """Gives the source partitions free only after the queues were cleared and every position is right.

    Guards against the worst loss of stock Faust: it resumes the source partitions, then clears the queues
    they are being read into; the hole looks like compaction and is committed over (232 of 3,000 events in five
    graceful restarts). And a partition that was never committed, or whose topic was made anew and is shorter
    than the committed offset, was not rewound (36 events).
    """

    async def _build_offsets(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        """Says where a recovery begins, after most of it was done: see `catch_up.py`."""
        await super()._build_offsets(consumer, tps, destination, title)
        app, generation = cast(Any, self.app), self._generation_id

        def is_void() -> bool:
            return bool(app.consumer_generation_id != generation)

        for table in self.actives_for_table:
            # Other stores are of tests, and in memory.
            if title == "active" and isinstance(cast(Any, table).data, RocksStore):
                await catch_up(
                    app.settings, cast(DurableTable, table), destination, self.active_highwaters, is_void=is_void
                )

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Ends a recovery; the stock order of steps with the resume moved to the end."""
        consumer = cast(Any, self.app.consumer)
        app = cast(Any, self.app)
        self.log.info("Restore complete!")
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        callbacks = [
            asyncio.ensure_future(
                table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
            )
            for table in cast(Any, self.tables).values()
        ]
        if callbacks:
            await asyncio.wait(callbacks)
        assignment = consumer.assignment()
        if app.consumer_generation_id != generation_id:
            self.log.warning("the group has rebalanced again, this recovery is void")
            return
        source = {tp for tp in assignment if not consumer._is_changelog_tp(tp)}
        if assignment:
            timeout = app.conf.broker_request_timeout
            await self._wait(consumer.perform_seek(), timeout=timeout)
            await self._wait(self._rewind(consumer, source), timeout=timeout)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        # Last: flow_control.resume() has just cleared the queues that this lets records into.
        consumer.resume_partitions(source)
        await app._fetcher.maybe_start()
        cast(Any, self.tables).on_actives_ready()
        if not app.assignor.assigned_standbys():
            cast(Any, self.tables).on_standbys_ready()
        app.on_rebalance_end()
        self.log.info("Worker ready")

    async def _rewind(self, consumer: Any, source: set[TP]) -> None:
        """Puts partitions without a usable committed offset to their first record."""
        ends = await consumer.highwaters(*source) if source else {}
        committed = consumer._committed_offset
        lost = [tp for tp in source if not committed.get(tp) or committed[tp] > (ends.get(tp) or 0)]
        if not lost:
            return
        for tp, offset in (await consumer.earliest_offsets(*lost)).items():
            if committed.get(TP(tp.topic, tp.partition)):
                log.warning("%s/%d is shorter than what was committed: it was made anew", tp.topic, tp.partition)
            # Left in place it would make every acknowledgement below it void, and the read offset drops records.
            committed.pop(TP(tp.topic, tp.partition), None)
            await consumer.seek(TP(tp.topic, tp.partition), offset)


class SafeTableManager(TableManager):
    """Recovers with SafeRecovery, and starts without the second of sleep that stock Faust takes."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = SafeRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Starts; tables and agents are declared before the app is, so there is nothing to wait for."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class IdemProducer(driver.Producer):
    """An idempotent producer with acks from all replicas, and records of one step in one batch.

    Guards against the doubled and reordered records of Faust's plain producer: a retry after a lost
    acknowledgement would write a record twice. And against what a frozen worker still has in its buffers:
    between a put and the write to the socket lies some time, so the lease is asked there once more.
    """

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        sender: Any = producer._sender
        stock, lease = sender._send_produce_req, cast(Any, self.app).lease

        async def leased(*args: Any) -> Any:
            try:
                lease.check()
            except LeaseLost as error:
                die(f"records were about to be sent, but {error}")
            return await stock(*args)

        sender._send_produce_req = leased
        return producer

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[asyncio.Future[Any]]:
        """Sends records to one partition, in order, in as few batches as they fit in; a future for each batch.

        A batch is on the log whole or not at all. It costs a fraction of as many single sends.
        """
        producer = cast(Any, self._ensure_producer())
        sent: list[asyncio.Future[Any]] = []
        batch = producer.create_batch()
        for key, value, headers in records:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                # The first record of a batch always fits; the broker is the judge of its size.
                batch.append(timestamp=None, key=key, value=value, headers=headers)
        if batch.record_count():
            # Closed, so that nobody else's record gets into it.
            batch.close()
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        return sent


class LeasedThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the group; it tells the app's lease of every confirmed heartbeat."""

    async def on_start(self) -> None:
        """Starts the consumer and listens to its heartbeats."""
        await super().on_start()
        coordinator = cast(Any, self._ensure_consumer())._coordinator
        lease: Lease = cast(Any, self.app).lease
        stock = coordinator._do_heartbeat

        async def heartbeat() -> bool:
            asked = lease.now()
            confirmed = bool(await stock())
            if confirmed:
                lease.heard(asked)
            return confirmed

        coordinator._do_heartbeat = heartbeat


class LeasedConsumer(driver.Consumer):
    """A consumer that knows how old its membership is, and that notices a topic made anew.

    Guards against a frozen worker's late writes (see `lease.py`), and against Faust's silent dropping of
    records below the offset it has read: when a topic is made anew under a living worker its records start
    at 0 again, and each would be skipped. And against a fetch under way while a recovery ends: it is given the
    very set of partitions that a recovery then empties, to aiokafka an empty set means all partitions, and what
    it so takes of the backlog is thrown away, the place after it being read next.
    """

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 as in Faust
        # A copy, so that the fetch keeps to what it was asked for; short, since after a recovery the source waits.
        wanted = None if active_partitions is None else set(active_partitions)
        return await super()._getmany(wanted, RECOVERY_FETCH_SECONDS if self.app.in_recovery else timeout)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return LeasedThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A new assignment is a word of the coordinator too."""
        lease: Lease = cast(Any, self.app).lease
        lease.heard(lease.now())
        await super().on_partitions_assigned(assigned, generation_id)

    def _to_message(self, tp: TP, record: Any) -> Any:
        read = self._read_offset[tp]
        if read is not None and record.offset < read and not self._is_changelog_tp(tp):
            die(f"{tp.topic}/{tp.partition} went back from {read} to {record.offset}: the topic was made anew")
        return super()._to_message(tp, record)


class IdemTransport(driver.Transport):
    """The transport with the guarded producer and consumer."""

    Producer = IdemProducer
    Consumer = LeasedConsumer


async def drain(stream: Any, limit: int = 64) -> AsyncIterator[list[Any]]:
    """Batches of what waits in a stream, at least one event and at most `limit`, none of them acknowledged.

    Further events are taken from the queue itself, without giving control away: while the stream's own
    iterator yields, a rebalance may clear the queue, and a batch that then waits for its next event would
    keep its first ones unacknowledged, which the rebalance waits for. An ordinary stop ends the iteration.
    """
    app = stream.app
    async for event in stream.noack().events():
        batch = [event]
        queue = stream.channel.queue
        while len(batch) < limit and queue.qsize() and not queue._errors:
            further = queue.get_nowait()
            message = further.message
            # The same three steps as in the stream's iterator: leave out what an earlier generation read,
            # count it as unacknowledged, hand it on.
            if not app.flow_control.is_active() or message.generation_id != app.consumer_generation_id:
                continue
            if not message.tracked:
                message.tracked = True
                app.consumer.track_message(message)
            batch.append(further)
        yield batch
