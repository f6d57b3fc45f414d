"""What stock Faust lacks, guard by guard, without a broker; the losses themselves are on the real one."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.producer.sender import Sender
from faust.tables.recovery import Recovery
from faust.types import TP
from mode.utils.queues import FlowControlEvent
from pydantic import ValidationError

from connectors.settings import Settings
from genesis import wire
from genesis.session.rules import Rules
from streams import app, guards
from streams.advance import advance
from streams.guards import IdemProducer, IdemTransport, LeasedConsumer, SafeRecovery, SafeTableManager, drain
from streams.records import Record
from tests import examples
from tests.streams.wires import START, command

COMMANDS_0 = TP("genesis.commands", 0)
CHANGELOG_0 = TP("genesis-sessions-changelog", 0)


@pytest.fixture
def machine(tmp_path: Any) -> app.Machine:
    declared = app.declare(Settings(data=tmp_path, instance="guarded"), store="memory://")
    declared.finalize()
    return declared


def record(sequence: int, repairs: int = 0) -> bytes:
    return b"1 %d %d\n{}" % (repairs, sequence)


def changed(value: bytes | None, offset: int, key: bytes = b"k") -> Any:
    message = SimpleNamespace(
        tp=CHANGELOG_0, topic=CHANGELOG_0.topic, partition=0, offset=offset, key=key, value=value
    )
    return SimpleNamespace(message=message, key=key, value=value)


# -- the table


class Sending:
    """A changelog topic whose acknowledgements are given by hand."""

    def __init__(self) -> None:
        self.sent: list[asyncio.Future[Any]] = []

    def send_soon(self, **_: Any) -> asyncio.Future[Any]:
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]


async def test_a_change_is_durable_when_the_broker_has_acknowledged_it(machine: app.Machine):
    table, topic = machine.sessions, Sending()
    table.changelog_topic = topic
    for key in (b"a", b"b"):
        table.send_changelog(0, key, b"v")

    waiting = asyncio.ensure_future(table.durable(0))
    await asyncio.sleep(0)
    topic.sent[0].set_result(None)
    await asyncio.sleep(0)
    assert not waiting.done()
    topic.sent[1].set_result(None)

    await waiting


async def test_a_change_the_broker_refused_is_not_passed_over(machine: app.Machine):
    table, topic = machine.sessions, Sending()
    table.changelog_topic = topic
    table.send_changelog(0, b"a", b"v")
    topic.sent[0].set_exception(OSError("refused"))

    with pytest.raises(OSError, match="refused"):
        await table.durable(0)


async def test_a_partition_does_not_wait_for_another_ones_changes(machine: app.Machine):
    table, topic = machine.sessions, Sending()
    table.changelog_topic = topic
    table.send_changelog(1, b"a", b"v")

    await table.durable(0)

    topic.sent[0].cancel()


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ((record(1), record(2)), record(2)),
        ((record(5), record(2)), record(5)),
        ((record(5), record(2), record(6)), record(6)),
        ((record(9), record(3, repairs=1)), record(3, repairs=1)),
        ((record(4), record(4) + b" "), record(4) + b" "),
        ((record(4), b"garbage"), record(4)),
        ((b"garbage", record(4)), record(4)),
        # Of a newer release: nobody here can read it, but it is the younger one.
        ((b"99 0 9\n{}", record(4)), b"99 0 9\n{}"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_recovery_keeps_the_newest_state(
    machine: app.Machine, records: tuple[bytes, ...], kept: bytes, together: bool
):
    events = [changed(value, offset) for offset, value in enumerate(records)]
    for batch in [events] if together else [[event] for event in events]:
        machine.sessions.apply_changelog_batch(batch)

    assert machine.sessions.data[b"k"] == kept


def test_a_recovery_on_disk_keeps_the_newest_state_and_its_place(tmp_path: Any):
    machine = app.declare(Settings(data=tmp_path, instance="disk"))
    machine.finalize()
    machine.conf.datadir.mkdir(parents=True)
    machine._create_directories()

    machine.sessions.apply_changelog_batch([changed(record(5), 10)])
    machine.sessions.apply_changelog_batch([changed(record(2), 11)])

    assert machine.sessions._stored(0, b"k") == record(5)
    assert machine.sessions.persisted_offset(CHANGELOG_0) == 11
    assert machine.sessions.outdated == 1


def test_what_is_saved_begins_with_what_a_recovery_compares():
    done = advance(command(examples.a_uuid("prefix"), 1, START), None, Rules())

    assert done.after is not None
    assert wire.state_prefix(done.after.record) == (wire.STATE_SCHEMA, 0, done.after.state.sequence)


# -- recovery


class Told(list[str]):
    """The order in which things were done."""

    def sync(self, name: str) -> Any:
        return lambda *_: self.append(name)

    def doing(self, name: str, result: Any = None) -> Any:
        async def do(*_: Any) -> Any:
            self.append(name)
            return result

        return do


class ConsumerOfOne:
    """As much of a consumer as the end of a recovery touches."""

    def __init__(self, told: Told, committed: int | None, end: int, earliest: int = 0) -> None:
        self._committed_offset: dict[TP, int | None] = {COMMANDS_0: committed}
        self.told = told
        self.end, self.earliest = end, earliest
        self.perform_seek = told.doing("seek to committed")
        self.resume_flow = told.sync("resume flow")
        self.resume_partitions = told.sync("resume partitions")

    def assignment(self) -> set[TP]:
        return {COMMANDS_0, CHANGELOG_0}

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp == CHANGELOG_0

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, self.end)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, self.earliest)

    async def seek(self, tp: TP, offset: int) -> None:
        self.told.append(f"seek {tp.topic} {offset}")


async def recovered(consumer: ConsumerOfOne, recovery: type[Recovery] = SafeRecovery) -> list[str]:
    told = consumer.told
    fake: Any = SimpleNamespace(
        consumer=consumer,
        consumer_generation_id=1,
        conf=SimpleNamespace(broker_request_timeout=5, stream_recovery_delay=0),
        on_rebalance_complete=SimpleNamespace(send=told.doing("complete")),
        flow_control=SimpleNamespace(resume=told.sync("queues cleared")),
        _fetcher=SimpleNamespace(maybe_start=told.doing("fetcher")),
        assignor=SimpleNamespace(assigned_standbys=set),
        on_rebalance_end=told.sync("end"),
        in_recovery=False,
    )
    tables: Any = SimpleNamespace(
        values=list,
        changelog_topics={CHANGELOG_0.topic},
        on_actives_ready=told.sync("ready"),
        on_standbys_ready=told.sync("standbys"),
    )
    await recovery(fake, tables).on_recovery_completed(1)
    return told


async def test_the_source_is_read_only_after_the_queues_were_cleared():
    told = await recovered(ConsumerOfOne(Told(), committed=5, end=9))

    assert told.index("resume partitions") > told.index("queues cleared") > told.index("seek to committed")


async def test_stock_faust_clears_what_it_has_begun_to_read():
    # The day this fails the guard has become superfluous.
    told = await recovered(ConsumerOfOne(Told(), committed=5, end=9), Recovery)

    assert told.index("resume partitions") < told.index("queues cleared")


@pytest.mark.parametrize("committed", [None, 0])
async def test_a_partition_that_was_never_committed_is_read_from_its_start(committed: int | None):
    told = await recovered(ConsumerOfOne(Told(), committed=committed, end=9, earliest=2))

    assert "seek genesis.commands 2" in told


async def test_a_topic_made_anew_is_read_from_its_start():
    consumer = ConsumerOfOne(Told(), committed=500, end=3)

    assert "seek genesis.commands 0" in await recovered(consumer)
    assert COMMANDS_0 not in consumer._committed_offset


async def test_a_committed_partition_stays_where_it_is():
    told = await recovered(ConsumerOfOne(Told(), committed=9, end=9))

    assert not [step for step in told if step.startswith("seek genesis")]


async def test_a_fetch_under_way_keeps_to_the_partitions_it_was_asked_for():
    # To aiokafka an empty set means all partitions: it would take the backlog, and Faust would throw it away.
    asked: list[set[TP]] = []

    async def getmany(partitions: set[TP], seconds: float) -> None:
        asked.append(partitions)

    consumer: Any = LeasedConsumer.__new__(LeasedConsumer)
    consumer.app = SimpleNamespace(in_recovery=True)
    consumer._thread = SimpleNamespace(getmany=getmany)
    active = {CHANGELOG_0}

    await LeasedConsumer._getmany(consumer, active, 1.0)
    active.clear()

    assert asked == [{CHANGELOG_0}]


def test_the_app_recovers_with_the_guard(machine: app.Machine):
    assert isinstance(machine.tables, SafeTableManager)
    assert isinstance(machine.tables.recovery, SafeRecovery)


# -- the producer


async def test_the_machine_s_producer_is_idempotent_and_waits_for_all_replicas(machine: app.Machine):
    assert isinstance(machine.transport, IdemTransport)
    assert isinstance(machine.producer, IdemProducer)

    kafka_producer = machine.producer._new_producer()

    try:
        assert kafka_producer._txn_manager is not None
        assert kafka_producer._sender._acks == -1
        assert kafka_producer._max_request_size == 2 << 20
    finally:
        await kafka_producer.stop()


async def test_nothing_leaves_the_buffers_of_a_worker_that_has_lost_its_lease(
    machine: app.Machine, monkeypatch: pytest.MonkeyPatch
):
    sent: list[object] = []

    async def stock(*batches: object) -> None:
        sent.append(batches)

    def died(reason: str) -> None:
        raise RuntimeError(reason)

    monkeypatch.setattr(Sender, "_send_produce_req", lambda self, *batches: stock(*batches))
    monkeypatch.setattr(guards, "die", died)
    kafka_producer = machine.producer._new_producer()
    try:
        machine.lease.heard(machine.lease.now())
        await kafka_producer._sender._send_produce_req(1, {})
        machine.lease._heard -= 60
        with pytest.raises(RuntimeError, match="about to be sent"):
            await kafka_producer._sender._send_produce_req(1, {})
    finally:
        await kafka_producer.stop()
    assert len(sent) == 1


class Batches:
    """A producer whose batches hold two records."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, list[bytes]]] = []

    def create_batch(self) -> Any:
        held: list[bytes] = []

        def append(*, value: bytes, **_: Any) -> object | None:
            if len(held) == 2:
                return None
            held.append(value)
            return object()

        return SimpleNamespace(append=append, record_count=lambda: len(held), close=lambda: None, held=held)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> int:
        self.sent.append((topic, partition, batch.held))
        return len(self.sent)


@pytest.mark.parametrize("count", range(6))
async def test_records_leave_in_order_and_none_is_left_behind(machine: app.Machine, count: int):
    batches = Batches()
    machine.producer._producer = batches
    values = [b"%d" % number for number in range(count)]

    sent = await machine.producer.append("t", 3, [Record(b"k", value, ()) for value in values])

    assert [value for _, _, held in batches.sent for value in held] == values
    assert len(sent) == len(batches.sent)
    assert all((topic, partition) == ("t", 3) for topic, partition, _ in batches.sent)


# -- membership


def test_an_empty_instance_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GENESIS_INSTANCE", "")

    with pytest.raises(ValidationError, match="instance"):
        Settings()


def test_without_an_instance_membership_is_dynamic(tmp_path: Any):
    assert app.declare(Settings(data=tmp_path), store="memory://").conf.consumer_group_instance_id is None


def test_two_workers_have_two_folders_and_two_addresses(tmp_path: Any):
    one, two = (app.declare(Settings(data=tmp_path, instance=name), store="memory://").conf for name in "ab")

    assert one.datadir != two.datadir
    assert one.canonical_url != two.canonical_url


# -- batches


class Queue(asyncio.Queue[Any]):
    """A stream's queue."""

    _errors: tuple[BaseException, ...] = ()


class Stream:
    """A stream over a queue that ends as an ordinary stop ends one."""

    def __init__(self, generation: int = 1) -> None:
        self.tracked: list[int] = []
        flow = FlowControlEvent()
        flow.resume()
        self.app = SimpleNamespace(
            flow_control=flow,
            consumer_generation_id=generation,
            consumer=SimpleNamespace(track_message=lambda message: self.tracked.append(message.offset)),
        )
        self.channel = SimpleNamespace(queue=Queue())

    def put(self, *offsets: int, generation: int = 1) -> None:
        for offset in offsets:
            message = SimpleNamespace(offset=offset, generation_id=generation, tracked=False)
            self.channel.queue.put_nowait(SimpleNamespace(message=message))

    def noack(self) -> Any:
        return self

    async def events(self) -> Any:
        while self.channel.queue.qsize():
            yield self.channel.queue.get_nowait()


async def batches_of(stream: Stream, limit: int = 64) -> list[list[int]]:
    return [[event.message.offset for event in batch] async for batch in drain(stream, limit)]


async def test_a_batch_is_what_waits_in_order_and_no_more_than_its_limit():
    stream = Stream()
    stream.put(*range(7))

    assert await batches_of(stream, limit=3) == [[0, 1, 2], [3, 4, 5], [6]]


async def test_every_event_of_a_batch_counts_as_unacknowledged():
    stream = Stream()
    stream.put(*range(4))

    await batches_of(stream)

    # The first one is counted by the stream itself.
    assert stream.tracked == [1, 2, 3]


async def test_what_an_earlier_generation_read_is_left_out():
    stream = Stream(generation=2)
    stream.put(5, generation=2)
    stream.put(6, 7, generation=1)
    stream.put(8, generation=2)

    assert await batches_of(stream) == [[5, 8]]


async def test_an_ordinary_stop_ends_the_batches_without_an_error():
    assert await batches_of(Stream()) == []


# -- the last resort


def test_the_last_resort_ends_the_process_at_once():
    program = "import atexit; atexit.register(print, 'tidied'); from streams.guards import die; die('no way on')"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (guards.EXIT_UNKNOWN, "")


def test_another_version_of_faust_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(guards.VERIFIED, "faust-streaming", "0.16.0")

    with pytest.raises(guards.UnverifiedVersion, match=r"0\.16\.0"):
        guards._verify()
