"""The pipe between the parts misbehaves: re-sends, poison, topics made anew, streams cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from connectors.outbox import register
from genesis import topics
from genesis.session.stages import Stage
from stack import connect, kafka
from stack.launcher import Stack
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@asynccontextmanager
async def producing(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def dead_letters(stack: Stack, key: bytes) -> list[ConsumerRecord]:
    """Every dead letter with this key, from the beginning."""
    consumer = AIOKafkaConsumer(
        topics.DEAD_LETTERS.name, bootstrap_servers=stack.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found: list[ConsumerRecord] = []
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(each) < end for each, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += [record for record in batch if record.key == key]
        return found
    finally:
        await consumer.stop()


async def test_a_connector_that_sends_everything_again_changes_nothing(real_studio: RealStudio):
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea="said twice", seed=1)
    await novelist.walk(Stage.CONCEPT_SELECTION, Stage.STORY_CONCEPTION)
    await novelist.until("input-requested", Stage.WORLDVIEW)

    async with httpx.AsyncClient(base_url=connect.url(stack.settings), timeout=30, trust_env=False) as client:
        (await client.put(f"/connectors/{register.NAME}/stop")).raise_for_status()

        async def forgotten() -> bool:
            return (await client.delete(f"/connectors/{register.NAME}/offsets")).is_success

        # 400 until the task has really stopped.
        await eventually(forgotten, "the connector's offsets are deleted", deadline=60)
        (await client.put(f"/connectors/{register.NAME}/resume")).raise_for_status()
    await stack.wait_connector(90)

    [proposal] = [
        each["payload"]["proposal"]
        for each in novelist.seen
        if each["event_type"] == "proposal-made" and each["payload"]["stage"] == "WORLDVIEW"
    ]
    await novelist.send(
        "CONFIRM_STAGE",
        {
            "stage": "WORLDVIEW",
            "proposal_id": proposal["proposal_id"],
            "candidate": proposal["candidates"][0]["id"],
        },
    )
    await novelist.walk(Stage.CHARACTERS, Stage.PLOT_OUTLINE)
    await novelist.finish()
    await must_agree(real_studio, novelist)


POISON = [b"", b"\xff\xfe\x00", b"null", b"{}", b'{"type":"CONFIRM_STAGE"}', b"x" * 1000]


async def test_poison_beside_a_healthy_session_is_put_aside_whole(real_studio: RealStudio):
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="healthy", seed=1)
    key = str(session).encode()
    async with producing(stack) as producer:
        for value in POISON:
            await producer.send_and_wait(topics.COMMANDS.name, value, key=key)
    await novelist.walk()
    await novelist.finish()
    await must_agree(real_studio, novelist)

    async def all_there() -> bool:
        return {record.value for record in await dead_letters(stack, key)} >= set(POISON)

    await eventually(all_there, "every poison message is among the dead letters, whole")


async def test_a_numbered_command_that_cannot_be_read_has_an_outcome(real_studio: RealStudio):
    """Forged where Debezium writes, as a command that a broken release of the door might have accepted."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    session = await novelist.start(idea="numbered poison", seed=1)
    await novelist.until("input-requested")
    command = uuid4()
    headers = [
        ("command_id", str(command).encode()),
        ("command_no", b"2"),
        ("command_type", b"CONFIRM_STAGE"),
        ("created_at", datetime.now(UTC).isoformat().encode()),
    ]
    async with producing(stack) as producer:
        await producer.send_and_wait(
            topics.COMMANDS.name, b'{"type":"CONFIRM_STAGE"', key=str(session).encode(), headers=headers
        )
    rejected = await novelist.until("command-rejected")
    assert rejected["payload"]["reason"] == "unreadable"
    assert (rejected["causation_id"], rejected["metadata"]["command_no"]) == (str(command), 2)


async def test_a_message_whose_key_is_another_session_touches_neither(real_studio: RealStudio):
    stack = real_studio.stack
    novelist, other = Novelist(real_studio), Novelist(real_studio)
    await novelist.start(idea="mine", seed=1)
    await other.start(idea="yours", seed=2)
    forged = {
        "id": str(uuid4()),
        "session_id": str(other.session),
        "user_id": "local",
        "command_no": 2,
        "correlation_id": str(uuid4()),
        "at": datetime.now(UTC).isoformat(),
        "expected_version": None,
        "type": "ABANDON_GENESIS",
        "payload": {"reason": "forged"},
    }
    async with producing(stack) as producer:
        value = json.dumps(forged).encode()
        await producer.send_and_wait(topics.COMMANDS.name, value, key=str(novelist.session).encode())
    for each in (novelist, other):
        await each.walk()
        await each.finish()
        await must_agree(real_studio, each)


async def test_commands_made_anew_under_living_sessions_skip_nothing(real_studio: RealStudio):
    stack = real_studio.stack
    novelists = [Novelist(real_studio) for _ in range(4)]
    for n, novelist in enumerate(novelists):
        await novelist.start(idea=f"made anew {n}", seed=n)
        await novelist.walk(Stage.CONCEPT_SELECTION)
        await novelist.until("input-requested", Stage.STORY_CONCEPTION)
    await stack.remove_worker("worker")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topics.COMMANDS.name])

        async def gone() -> bool:
            return topics.COMMANDS.name not in await admin.list_topics()

        await eventually(gone, "the topic is deleted")
    finally:
        await admin.close()
    await kafka.create_topics(stack.settings)
    await stack.add_worker("worker")
    for novelist in novelists:
        story = next(
            body["payload"]["proposal"] for body in reversed(novelist.seen) if body["event_type"] == "proposal-made"
        )
        await novelist.send(
            "CONFIRM_STAGE",
            {
                "stage": "STORY_CONCEPTION",
                "proposal_id": story["proposal_id"],
                "candidate": story["candidates"][0]["id"],
            },
        )
    await asyncio.gather(*(each.walk(*list(Stage)[2:]) for each in novelists))
    for novelist in novelists:
        await novelist.finish()
        await must_agree(real_studio, novelist)


async def test_a_stream_cut_after_every_event_still_gets_each_event_once(real_studio: RealStudio):
    novelist = Novelist(real_studio)
    await novelist.whole_session(idea="cut", seed=1)
    seen: list[int] = []
    while not seen or seen[-1] < novelist.last:
        stream = real_studio.events(session_of(novelist), seen[-1] if seen else 0)
        body = await anext(stream)
        seen.append(body["sequence"])
        await stream.aclose()  # type: ignore[attr-defined]
    assert seen == list(range(1, novelist.last + 1))


def session_of(novelist: Novelist) -> UUID:
    assert novelist.session is not None
    return novelist.session
