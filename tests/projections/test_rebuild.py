"""A rebuild beside the running read models: the same afterwards, no gap for those who look on, nothing given away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from pydantic import SecretStr

from connectors import kafka
from connectors.postgres import connect
from connectors.settings import Settings
from genesis import topics, wire
from genesis.session import messages as m
from genesis.session.stages import Stage
from projections import rebuild as rebuilding
from projections import repair, runner, schema
from projections.domain_events import queries as history
from projections.rebuild import LogIncomplete, RebuildRunning, rebuild
from projections.runner import Runner
from stack.launcher import Stack
from tests.conftest import Database
from tests.projections.log import Tale
from tests.scenarios.studio import eventually

pytestmark = [pytest.mark.stack, pytest.mark.postgres]

TABLES = (
    "domain_events",
    "session_view",
    "session_stage",
    "flow_resume_handles",
    "async_tasks",
    "novels",
    "projection_positions",
)


def whole(name: str) -> Tale:
    tale = Tale(name=name)
    tale.confirmed_up_to(Stage.PLOT_OUTLINE).given(m.FinishGenesis())
    return tale


class Log:
    """A topic of this test alone that stands in for genesis.events, and the read models made of it."""

    def __init__(self, settings: Settings, database: Database, admin: Any, producer: Any) -> None:
        self.settings, self.database, self.admin, self.producer = settings, database, admin, producer

    async def send(self, tale: Tale, begin: int = 0, end: int | None = None) -> None:
        sent = [
            await self.producer.send(
                topics.EVENTS.name,
                wire.dump_event(recorded),
                str(recorded.session_id).encode(),
                headers=wire.event_headers(recorded),
            )
            for recorded in tale.history[begin:end]
        ]
        await asyncio.gather(*sent)

    async def projected(self, count: int) -> None:
        """Wait until so many messages are projected."""
        query = "SELECT sum(next_offset) FROM read.projection_positions"

        async def there() -> bool:
            return bool(await self.admin.fetchval(query) == count)

        await eventually(there, f"{count} messages are projected")

    async def digests(self) -> dict[str, str]:
        """A hash of all rows of each read model."""
        return {
            table: await self.admin.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM read.{table} t"
            )
            for table in TABLES
        }

    async def rebuild(self, **how: Any) -> rebuilding.Rebuilt:
        return await rebuild(self.settings, self.database.admin, **how)


@pytest.fixture
async def log(
    stack: Stack, database: Database, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Log]:
    name = f"genesis.events.{abs(hash(request.node.name))}"
    kafka_admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await kafka_admin.start()
    await kafka_admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    topic = topics.Topic(name, "session id", ())
    monkeypatch.setattr(runner.topics, "EVENTS", topic)
    monkeypatch.setattr(rebuilding, "EVENTS", topic)
    monkeypatch.setattr(topics, "EVENTS", topic)
    dsn = SecretStr(database.role("genesis_projector"))
    settings = Settings(data=tmp_path, bootstrap=stack.bootstrap, database_dsn=dsn, partitions=2)
    admin = await connect(database.admin, application_name="test admin")
    producer = kafka.producer(settings)
    await producer.start()
    yield Log(settings, database, admin, producer)
    await producer.stop()
    await admin.close()
    await kafka_admin.delete_topics([name])
    await kafka_admin.close()


@pytest.fixture
async def projecting(log: Log) -> AsyncIterator[asyncio.Task[None]]:
    """A live projector."""
    stop = asyncio.Event()
    task = asyncio.create_task(Runner(log.settings, stop).run())
    yield task
    stop.set()
    await asyncio.wait_for(task, 30)


async def test_what_is_rebuilt_equals_what_was_there(log: Log, projecting: asyncio.Task[None]):
    tales = [whole(f"rebuilt {number}") for number in range(4)]
    for tale in tales:
        await log.send(tale)
    count = sum(len(tale.history) for tale in tales)
    await log.projected(count)
    before = await log.digests()
    told: list[tuple[int, int]] = []

    rebuilt = await log.rebuild(told=lambda done, of: told.append((done, of)))

    assert await log.digests() == before
    assert (rebuilt.messages, told[-1]) == (count, (count, count))
    assert await log.admin.fetchval("SELECT to_regnamespace('read_old')") is None
    assert await log.admin.fetchval("SELECT to_regnamespace('read_next')") is None


async def test_under_load_the_live_projector_goes_on_in_the_new_read_models(log: Log, projecting: asyncio.Task[None]):
    """Histories arrive all the time, and somebody reads positions and events as the hub does: never backwards."""
    tales = [whole("load")]
    await log.send(tales[0])
    rebuilt, written = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        while not rebuilt.is_set():
            tales.append(whole(f"load {len(tales)}"))
            for place in range(len(tales[-1].history)):
                await log.send(tales[-1], place, place + 1)
        written.set()

    async def look_on() -> int:
        door = await connect(log.database.role("genesis_door"), application_name="test hub", search_path="read")
        seen: dict[int, int] = {}
        passed = {0: -1, 1: -1}
        read = 0
        while not written.is_set() or read < sum(len(tale.history) for tale in tales):
            positions = await history.positions(door)
            assert all(offset >= seen.get(number, 0) for number, offset in positions.items())
            seen = positions
            for event in await history.since(door, passed, 500):
                assert event.offset == passed[event.partition] + 1
                passed[event.partition] = event.offset
                read += 1
            await asyncio.sleep(0)
        await door.close()
        return read

    async def rebuild_again_and_again() -> None:
        for _ in range(3):
            await log.rebuild()
        rebuilt.set()

    async with asyncio.timeout(120):
        _, read, _ = await asyncio.gather(write(), look_on(), rebuild_again_and_again())
    count = sum(len(tale.history) for tale in tales)
    await log.projected(count)
    assert read == count > len(tales[0].history)
    swapped = await log.digests()
    await log.rebuild()
    assert await log.digests() == swapped
    assert await log.admin.fetchval("SELECT count(*) FROM read.quarantine") == 0
    assert not projecting.done()


async def test_read_models_of_another_release_are_cured(log: Log):
    tale = whole("of another release")
    await log.send(tale)
    await log.admin.execute(
        "UPDATE read.projection_schema SET fingerprint = 'another'; ALTER TABLE read.novels DROP COLUMN title"
    )
    with pytest.raises(schema.SchemaOfAnotherRelease, match="genesis rebuild"):
        await schema.create(log.admin)
    await log.rebuild(alone=True)
    await schema.create(log.admin)
    assert await log.admin.fetchval("SELECT count(*) FROM read.domain_events") == len(tale.history)
    assert await log.admin.fetchval("SELECT count(*) FROM read.novels WHERE title <> ''") == 1


async def test_a_session_that_was_repaired_stays_repaired(log: Log, projecting: asyncio.Task[None]):
    """The fork that marked it is still in the log."""
    tale = whole("forked and repaired")
    fork = replace(tale.history[2], event_id=uuid4())
    await log.send(tale)
    await log.producer.send_and_wait(topics.EVENTS.name, wire.dump_event(fork), str(tale.id).encode())
    await log.projected(len(tale.history) + 1)
    desk = await connect(log.database.admin, application_name="test repair", search_path="read")
    assert await repair.write_anew(desk, tale.id)
    await desk.close()
    before = await log.digests()

    rebuilt = await log.rebuild()

    assert await log.digests() == before
    assert rebuilt.quarantined == 1
    assert await log.admin.fetchval("SELECT array_agg(inconsistent) FROM read.session_view") == [False]


async def test_a_log_that_lost_its_beginning_is_refused(log: Log, projecting: asyncio.Task[None]):
    tale = whole("no beginning")
    await log.send(tale)
    await log.projected(len(tale.history))
    before = await log.digests()
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=log.settings.bootstrap)
    await admin.start()
    [partition] = {
        row["kafka_partition"] for row in await log.admin.fetch("SELECT kafka_partition FROM read.domain_events")
    }
    await admin.delete_records({TopicPartition(topics.EVENTS.name, partition): RecordsToDelete(before_offset=3)})
    await admin.close()
    with pytest.raises(LogIncomplete, match=r"no longer starts at offset 0 \(partition \d starts at 3\)"):
        await log.rebuild()
    assert await log.digests() == before


async def test_events_that_only_the_database_holds_are_not_given_away(log: Log, projecting: asyncio.Task[None]):
    tale, lost = whole("in the log"), whole("in the database")
    await log.send(tale)
    await log.projected(len(tale.history))
    await log.admin.execute(
        """
        INSERT INTO read.domain_events (event_id, event_type, event_version, aggregate_type, aggregate_id, sequence,
            created_at, kafka_partition, kafka_offset, payload, metadata)
        SELECT $1, 'session-started', 1, aggregate_type, $2, 1, created_at, kafka_partition, 0, payload, metadata
        FROM read.domain_events LIMIT 1
        """,
        lost.history[0].event_id,
        lost.id,
    )
    with pytest.raises(LogIncomplete, match=r"1 events of the database are not in genesis\.events"):
        await log.rebuild()
    assert await log.admin.fetchval("SELECT count(*) FROM read.domain_events") == len(tale.history) + 1


async def test_read_models_ahead_of_the_log_are_refused(log: Log):
    await log.admin.execute("INSERT INTO read.projection_positions VALUES (0, 1000), (1, 0)")
    with pytest.raises(LogIncomplete, match=r"stand at offset 1000 of partition 0, but genesis\.events ends at 0"):
        await log.rebuild()


async def test_one_rebuild_at_a_time(log: Log):
    await log.admin.execute("SELECT pg_advisory_lock(hashtextextended('genesis rebuild', 0))")
    with pytest.raises(RebuildRunning, match="Another rebuild is at work"):
        await log.rebuild()
