"""The worker on a real broker: killed, stopped, frozen, robbed of its disk; nothing is lost, nothing doubled."""

import asyncio
import json
import signal
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connectors import kafka
from connectors.settings import Settings
from genesis.session import messages as m
from genesis.topics import COMMANDS, DEAD_LETTERS, SESSIONS_CHANGELOG
from tests.streams.conftest import History, Pipe, Process
from tests.streams.wires import START, arrived, broken, command

pytestmark = [pytest.mark.stack]

Make = Any


def sessions(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def everything(consumer: Any) -> list[Any]:
    """All records there are now."""
    ends = await consumer.end_offsets(list(consumer.assignment()))
    found = []
    for tp in ends:
        consumer.seek(tp, 0)
    while any([await consumer.position(tp) < end for tp, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=500)).values():
            found += records
    return found


async def records_of(settings: Settings, topic: str) -> list[Any]:
    consumer = kafka.listener(settings, topic, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return await everything(consumer)
    finally:
        await consumer.stop()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_a_backlog_survives_restarts_in_its_midst(
    process: Make, pipe: Pipe, history: History, sign: signal.Signals
):
    several = sessions(400)
    await pipe.send(*(command(each, 1, START) for each in several))
    await pipe.send(*(command(each, 2, m.FinishGenesis()) for each in several))
    await pipe.send(*(command(each, 3, m.AbandonGenesis()) for each in several))
    worker: Process = process("streams", "one").start()

    for turn, share in enumerate((100, 300, 500, 700, 900), 1):
        await worker.until_logged("watchdog ready", turn)
        await history.until(lambda share=share: sum(len(history.outcomes(each)) for each in several) > share)
        assert await worker.end(sign) in (0, -signal.SIGKILL)
        # So that there is something to recover: in that time stock Faust reads the backlog, and then drops it.
        worker.lose_its_disk()
        worker.start()
    await history.until(lambda: all(history.outcomes(each) == {1, 2, 3} for each in several))

    history.assert_whole(several)
    # All may have been done before the last kill: only a process that is up can be told to stop.
    await worker.until_logged("watchdog ready", 6)
    assert await worker.end(signal.SIGTERM) == 0


async def test_after_a_clean_stop_nothing_is_read_again(process: Make, pipe: Pipe, history: History):
    several = sessions(20)
    worker: Process = process("streams", "one").start()
    await pipe.send(*(command(each, 1, START) for each in several))
    # Logged when it is saved and acknowledged; the events alone are seen earlier.
    await worker.until_logged("START_GENESIS granted", len(several))

    assert await worker.end(signal.SIGTERM) == 0
    worker.start()
    await pipe.send(*(command(each, 2, m.AbandonGenesis()) for each in several))
    await history.until(lambda: all(history.outcomes(each) == {1, 2} for each in several))

    assert not any(history.doubled[str(each)] for each in several)
    assert not [
        line for line in worker.log.splitlines() if " repeat" in line and any(str(s) in line for s in several)
    ]


async def test_a_worker_without_its_disk_has_its_sessions_from_the_changelog(
    process: Make, pipe: Pipe, history: History
):
    several = sessions(50)
    worker: Process = process("streams", "one").start()
    await pipe.send(*(command(each, 1, START) for each in several))
    await history.until(lambda: all(history.outcomes(each) for each in several))

    await worker.end(signal.SIGKILL)
    worker.lose_its_disk()
    worker.start()
    await pipe.send(*(command(each, 2, m.AbandonGenesis()) for each in several))
    await history.until(lambda: all(history.outcomes(each) == {1, 2} for each in several))

    history.assert_whole(several)


async def test_a_zombie_s_late_record_does_not_win_a_recovery(
    process: Make, pipe: Pipe, history: History, broker: Settings
):
    session = uuid4()
    key = str(session).encode()
    worker: Process = process("streams", "one").start()
    await pipe.send(command(session, 1, START))
    await history.until(lambda: bool(history.outcomes(session)))
    await pipe.send(command(session, 2, m.FinishGenesis()))
    await history.until(lambda: history.outcomes(session) == {1, 2})
    assert await worker.end(signal.SIGTERM) == 0
    records = [each for each in await records_of(broker, SESSIONS_CHANGELOG.name) if each.key == key]

    oldest = records[0]
    await pipe.producer.send_and_wait(SESSIONS_CHANGELOG.name, oldest.value, key=key, partition=oldest.partition)
    worker.lose_its_disk()
    worker.start()
    await pipe.send(command(session, 3, m.AbandonGenesis()))
    await history.until(lambda: history.outcomes(session) == {1, 2, 3})

    history.assert_whole([session])
    assert "older record" in worker.log


async def test_a_long_changelog_is_read_ahead_and_a_zombie_s_record_does_not_win_there_either(
    process: Make, pipe: Pipe, history: History, broker: Settings
):
    """More records than are worth the trouble, so that not Faust reads them; ended sessions stay ended."""
    several, last = sessions(600), uuid4()
    worker: Process = process("streams", "one").start()
    await pipe.send(*(command(each, 1, START) for each in (*several, last)))
    await pipe.send(*(command(each, 2, m.AbandonGenesis()) for each in (*several, last)))
    await history.until(lambda: all(history.outcomes(each) == {1, 2} for each in (*several, last)))
    assert await worker.end(signal.SIGTERM) == 0
    key = str(last).encode()
    oldest = next(each for each in await records_of(broker, SESSIONS_CHANGELOG.name) if each.key == key)
    await pipe.producer.send_and_wait(SESSIONS_CHANGELOG.name, oldest.value, key=key, partition=oldest.partition)

    worker.lose_its_disk()
    worker.start()
    await pipe.send(*(command(each, 3, m.FinishGenesis()) for each in (*several, last)))
    await history.until(lambda: all(history.outcomes(each) == {1, 2, 3} for each in (*several, last)))

    history.assert_whole([*several, last])
    assert "records of the changelog in" in worker.log
    assert "older record" in worker.log
    assert {history.of(each)[-1]["payload"]["reason"] for each in (*several, last)} == {"session_ended"}


async def test_poison_beside_healthy_sessions(process: Make, pipe: Pipe, history: History, broker: Settings):
    healthy, ill = sessions(20), uuid4()
    worker: Process = process("streams", "one").start()
    await pipe.send(command(ill, 1, START), arrived(None, b"\xff"), arrived(ill, None), arrived(ill, b"{}"))
    await pipe.send(*(command(each, 1, START) for each in healthy))
    await pipe.send(broken(command(ill, 2, m.AbandonGenesis())), command(ill, 3, m.AbandonGenesis()))
    await history.until(lambda: all(history.outcomes(each) for each in healthy))
    await history.until(lambda: history.outcomes(ill) == {1, 2, 3})

    history.assert_whole([ill, *healthy])
    rejected = [body for body in history.of(ill) if body["event_type"] == "command-rejected"]
    assert [body["payload"]["reason"] for body in rejected] == ["unreadable"]
    letters = [each for each in await records_of(broker, DEAD_LETTERS.name) if each.key in (None, str(ill).encode())]
    assert len(letters) == 4
    assert await worker.end(signal.SIGTERM) == 0


async def test_a_large_session_passes_through(process: Make, pipe: Pipe, history: History, broker: Settings):
    # Larger than the 1 MiB that Kafka and its clients take by themselves.
    session = uuid4()
    process("streams", "one").start()
    await pipe.send(arrived(session, b"x" * 1_500_000), command(session, 1, START))
    await history.until(lambda: bool(history.outcomes(session)))

    letters = [each for each in await records_of(broker, DEAD_LETTERS.name) if each.key == str(session).encode()]
    assert [len(each.value) for each in letters] == [1_500_000]


async def test_two_workers_share_and_one_takes_over(process: Make, pipe: Pipe, history: History):
    several = sessions(60)
    one: Process = process("streams", "one").start()
    process("streams", "two").start()
    for number, message in enumerate((START, m.FinishGenesis(), m.AbandonGenesis()), start=1):
        await pipe.send(*(command(each, number, message) for each in several))
        if number == 2:
            await one.end(signal.SIGKILL)
    await history.until(lambda: all(history.outcomes(each) == {1, 2, 3} for each in several), 90)

    history.assert_whole(several)


async def test_a_worker_frozen_past_its_session_writes_nothing_when_it_wakes(
    process: Make, pipe: Pipe, history: History, broker: Settings
):
    several = sessions(120)
    one: Process = process("streams", "one").start()
    await pipe.send(*(command(each, 1, START) for each in several))
    await history.until(lambda: any(history.outcomes(each) for each in several))
    # In the midst of its work: batches are in its hands.
    one.send(signal.SIGSTOP)
    two: Process = process("streams", "two").start()
    await history.until(lambda: all(history.outcomes(each) for each in several), 90)
    await pipe.send(*(command(each, 2, m.FinishGenesis()) for each in several))
    await history.until(lambda: all(history.outcomes(each) == {1, 2} for each in several))

    one.send(signal.SIGCONT)
    await pipe.send(*(command(each, 3, m.AbandonGenesis()) for each in several))
    await history.until(lambda: all(history.outcomes(each) == {1, 2, 3} for each in several), 90)

    history.assert_whole(several)
    await two.end(signal.SIGTERM)
    last = {each.key: each for each in await records_of(broker, SESSIONS_CHANGELOG.name)}
    for each in several:
        assert json.loads(last[str(each).encode()].value.split(b"\n", 1)[1])["command_no"] == 3


async def test_commands_made_anew_under_a_living_worker_skip_nothing(
    process: Make, pipe: Pipe, history: History, broker: Settings
):
    several = sessions(20)
    worker: Process = process("streams", "one").start()
    await pipe.send(*(command(each, 1, START) for each in several))
    await history.until(lambda: all(history.outcomes(each) for each in several))

    admin: Any = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([COMMANDS.name])
        await _anew(admin, broker)
    finally:
        await admin.close()
    producer = kafka.producer(broker)
    await producer.start()
    try:
        await Pipe(producer).send(*(command(each, 2, m.AbandonGenesis()) for each in several))
        restarts = 0
        while not all(history.outcomes(each) == {1, 2} for each in several):
            waiting = asyncio.ensure_future(
                history.until(lambda: all(history.outcomes(each) == {1, 2} for each in several), 90)
            )
            ended = asyncio.ensure_future(worker.ended())
            done, _ = await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended in done and waiting not in done:
                # As the launcher does.
                restarts += 1
                assert restarts < 5
                worker.start()
            waiting.cancel()
    finally:
        await producer.stop()

    history.assert_whole(several)


async def _anew(admin: Any, broker: Settings) -> None:
    async with asyncio.timeout(30):
        while True:
            answer = await admin.create_topics(
                [NewTopic(COMMANDS.name, broker.partitions, 1, topic_configs=COMMANDS.config)]
            )
            # Deleting takes its time: until then the name is taken.
            if answer.topic_errors[0][1] == 0:
                return
            await asyncio.sleep(0.2)
