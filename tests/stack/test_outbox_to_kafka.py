"""From a row in the outbox to a record on its topic, over real PostgreSQL, Debezium, Connect and Kafka."""

import asyncio
import json
import time
import uuid
from signal import SIGKILL

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.outbox import register
from stack import connect

pytestmark = pytest.mark.stack

TOPIC = "genesis.dead-letters"
"""Nothing but tests reads it here, so a row of ours disturbs nobody."""


async def insert(stack, payload: str, key: str | None = None) -> tuple[uuid.UUID, str]:
    command, key = uuid.uuid4(), key or str(uuid.uuid4())
    connection = await asyncpg.connect(stack.dsn())
    try:
        row = await connection.fetchval(
            "INSERT INTO door.event_outbox"
            " (topic, partition_key, payload, created_at, command_id, command_no, command_type)"
            " VALUES ($1, $2, $3, clock_timestamp(), $4, 7, 'START_GENESIS') RETURNING id",
            TOPIC,
            key,
            payload,
            command,
        )
    finally:
        await connection.close()
    return row, key


async def received(stack, key: str, seconds: float = 60.0):
    """The first record with this key; the topic is read from its beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(stack.settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(seconds):
            async for record in consumer:
                if record.key == key.encode():
                    return record
    finally:
        await consumer.stop()


async def numbers(stack, key: str, count: int) -> list[int]:
    """The field `number` of the first `count` records with this key."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap)
    await consumer.start()
    found: list[int] = []
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(stack.settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(60):
            async for record in consumer:
                if record.key == key.encode():
                    found.append(json.loads(record.value)["number"])
                if len(found) == count:
                    return found
    finally:
        await consumer.stop()


async def test_a_row_arrives_byte_for_byte_with_its_headers(stack):
    payload = json.dumps({"z": 1.10, "a": None, "text": "née   ünïcode ☕"}, ensure_ascii=False)

    row, key = await insert(stack, payload)

    record = await received(stack, key)
    headers = {name: value.decode() for name, value in record.headers if value is not None}
    assert record.value.decode() == payload
    assert headers["id"] == str(row)
    assert headers["command_no"] == "7"
    assert headers["command_type"] == "START_GENESIS"
    assert uuid.UUID(headers["command_id"])
    assert headers["created_at"].endswith("Z")
    assert not [name for name in headers if name.startswith("__debezium")]


async def test_a_row_written_while_connect_is_dead_arrives_after_it(stack):
    stack.kill("connect", SIGKILL)
    row, key = await insert(stack, '{"written":"while connect was dead"}')

    await stack.wait_healthy("connect")

    headers = dict((await received(stack, key)).headers)
    assert headers["id"].decode() == str(row)


async def test_a_row_written_before_postgres_fell_arrives_after_it(stack):
    row, key = await insert(stack, '{"written":"just before the fall"}')
    stack.kill("postgres", SIGKILL)

    await stack.wait_healthy("postgres")
    await stack.wait_connector()

    assert dict((await received(stack, key)).headers)["id"].decode() == str(row)


async def test_a_connector_that_was_deleted_is_registered_again(stack):
    async with httpx.AsyncClient(base_url=connect.url(stack.settings), trust_env=False) as client:
        await client.delete(f"/connectors/{register.NAME}")
        await stack.wait_connector()
    row, key = await insert(stack, '{"written":"after the connector was deleted"}')

    assert dict((await received(stack, key)).headers)["id"].decode() == str(row)


async def test_a_dropped_slot_sends_the_kept_rows_again_in_their_order(stack):
    key = str(uuid.uuid4())
    async with httpx.AsyncClient(base_url=connect.url(stack.settings), trust_env=False) as client:
        await client.put(f"/connectors/{register.NAME}/stop")
        connection = await asyncpg.connect(stack.dsn())
        deadline = time.monotonic() + 60
        while await connection.fetchval("SELECT count(*) FROM pg_replication_slots WHERE active"):
            assert time.monotonic() < deadline, "the stopped connector still holds its slot"
            await asyncio.sleep(0.1)
        await connection.execute("SELECT pg_drop_replication_slot('genesis_outbox')")
        for number in range(50):
            await insert(stack, json.dumps({"number": number}), key)
        # An update puts a row behind the others on disk: the order they are read in is not the order written.
        await connection.execute(
            "UPDATE door.event_outbox SET payload = payload WHERE partition_key = $1 AND position % 2 = 0", key
        )
        await connection.close()

        await client.put(f"/connectors/{register.NAME}/resume")
        await stack.wait_connector()

    assert await numbers(stack, key, 50) == list(range(50))


async def test_the_password_of_the_connector_is_not_in_its_configuration(stack):
    async with httpx.AsyncClient(base_url=connect.url(stack.settings), trust_env=False) as client:
        config = (await client.get(f"/connectors/{register.NAME}/config")).json()

    assert config["database.password"] == "${env:GENESIS_DBZ_PW}"
