"""The projector's loop on a real Kafka: killed connections, a rival, a log of another time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from connectors import kafka, liveness
from connectors.postgres import connect
from connectors.settings import Settings
from genesis import topics, wire
from genesis.session import messages as m
from genesis.session.evolve import fold
from genesis.session.stages import Stage
from projections import runner
from projections.domain_events import queries as history
from projections.runner import LogOfAnotherTime, ProjectorUnconfigured, Runner
from projections.session_view import queries as sessions
from stack.launcher import Stack
from tests.conftest import Database
from tests.projections.log import Record, Tale, hash_of


def whole(name: str) -> Tale:
    tale = Tale(name=name)
    tale.confirmed_up_to(Stage.PLOT_OUTLINE).given(m.FinishGenesis())
    return tale


def sized(count: int, size: int) -> list[Record]:
    return [Record(0, offset, None, b"x" * size) for offset in range(count)]


def test_a_batch_ends_at_its_number_of_messages_or_bytes():
    by_number = [len(batch) for batch in runner.bounded(sized(runner.BATCH_MESSAGES * 2 + 1, 1))]
    assert by_number == [runner.BATCH_MESSAGES, runner.BATCH_MESSAGES, 1]
    by_size = [len(batch) for batch in runner.bounded(sized(5, runner.BATCH_BYTES // 2))]
    assert by_size == [2, 2, 1]
    assert list(runner.bounded([])) == []


async def test_without_a_login_it_says_so():
    with pytest.raises(ProjectorUnconfigured, match="GENESIS_DATABASE_DSN"):
        Runner(Settings(), asyncio.Event())


async def eventually(condition: Callable[[], Awaitable[Any]], seconds: float = 60.0) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 the condition lies in the server
            await asyncio.sleep(0.05)
    return found


@pytest.mark.stack
@pytest.mark.postgres
class TestOnKafka:
    """A topic of its own per test stands in for genesis.events, so that no other test's events are in it."""

    @pytest.fixture
    async def events(self, stack: Stack, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        name = f"genesis.events.{abs(hash(request.node.name))}"
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
        await admin.close()
        monkeypatch.setattr(runner.topics, "EVENTS", topics.Topic(name, "session id", ()))
        return name

    @pytest.fixture
    def settings(self, stack: Stack, database: Database, tmp_path: Path) -> Settings:
        dsn = SecretStr(database.role("genesis_projector"))
        return Settings(data=tmp_path, bootstrap=stack.bootstrap, database_dsn=dsn, partitions=2)

    @pytest.fixture
    async def producer(self, settings: Settings) -> AsyncIterator[Any]:
        producer = kafka.producer(settings)
        await producer.start()
        yield producer
        await producer.stop()

    @pytest.fixture
    async def admin(self, database: Database) -> AsyncIterator[Any]:
        connection = await connect(database.admin, application_name="test admin", search_path="read")
        yield connection
        await connection.close()

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
        stop = asyncio.Event()
        task = asyncio.create_task(Runner(settings, stop).run())
        try:
            yield task
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)

    async def send(self, producer: Any, events: str, tale: Tale, begin: int = 0, end: int | None = None) -> None:
        for recorded in tale.history[begin:end]:
            await producer.send_and_wait(
                events,
                wire.dump_event(recorded),
                str(recorded.session_id).encode(),
                headers=wire.event_headers(recorded),
            )

    async def stored(self, admin: Any, tale: Tale, sequence: int) -> bool:
        return await sessions.version(admin, tale.id, tale.owner) == sequence

    async def must_be_whole(self, admin: Any, *tales: Tale) -> None:
        for tale in tales:
            await eventually(lambda tale=tale: self.stored(admin, tale, len(tale.history)))
            told = await history.after(admin, tale.id, 0, 1000)
            assert [event.sequence for event in told] == list(range(1, len(tale.history) + 1))
            found = await sessions.state(admin, tale.id, tale.owner)
            assert found is not None
            assert found[0] == fold(tale.history)
            assert hash_of(found[0]) == hash_of(tale.state)
        assert await admin.fetchval("SELECT count(*) FROM quarantine") == 0

    async def test_connections_cut_in_the_middle_lose_and_double_nothing(
        self, settings: Settings, events: str, producer: Any, admin: Any
    ):
        tales = [whole(f"cut {number}") for number in range(4)]
        async with self.running(settings):
            for tale in tales:
                await self.send(producer, events, tale, 0, 9)
                await eventually(lambda tale=tale: self.stored(admin, tale, 9))
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'genesis projector' AND datname = current_database()"
                )
                await self.send(producer, events, tale, 9)
            await self.must_be_whole(admin, *tales)
            word = liveness.read(settings, "projector")
            assert word is not None
            assert (word.state, word.facts["quarantined"], word.facts["watched"]) == ("ready", 0, True)

    async def test_rows_and_position_taken_back_by_a_crash_are_projected_again(
        self, settings: Settings, events: str, producer: Any, admin: Any
    ):
        """What a crash of PostgreSQL does to transactions that were not yet on the disk, done by hand."""
        tale = whole("taken back")
        async with self.running(settings):
            await self.send(producer, events, tale)
            await eventually(lambda: self.stored(admin, tale, len(tale.history)))
            async with admin.transaction():
                await admin.execute(
                    """
                    DELETE FROM domain_events; DELETE FROM session_view; DELETE FROM session_stage;
                    DELETE FROM flow_resume_handles; DELETE FROM async_tasks; DELETE FROM novels;
                    UPDATE projection_positions SET next_offset = 0;
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE application_name = 'genesis projector' AND datname = current_database();
                    """
                )
            late = whole("after the crash")
            await self.send(producer, events, late)
            await self.must_be_whole(admin, tale, late)

    async def test_two_projectors_at_once_write_everything_once(
        self, settings: Settings, events: str, producer: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(runner, "OVERTAKEN_SECONDS", 0.01)
        tales = [whole(f"rivals {number}") for number in range(6)]
        async with self.running(settings), self.running(settings):
            await asyncio.gather(*(self.send(producer, events, tale) for tale in tales))
            await self.must_be_whole(admin, *tales)

    async def test_a_log_that_does_not_hold_the_position_ends_the_process_with_a_sentence(
        self, settings: Settings, events: str, admin: Any
    ):
        await admin.execute("INSERT INTO projection_positions VALUES (0, 1000)")
        with pytest.raises(LogOfAnotherTime, match="was made anew or lost its beginning"):
            await asyncio.wait_for(Runner(settings, asyncio.Event()).run(), 60)
