"""The watchdog of the pipe mends publication and slot on a real server, and has a connector restarted that hangs."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from connectors.outbox import register, watchdog
from connectors.outbox.watchdog import PUBLICATION, Watchdog
from connectors.pipe import SLOT
from connectors.postgres import connect
from tests.conftest import Database

pytestmark = pytest.mark.postgres

PUBLISHED = "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = $1"


class Connect:
    """Kafka Connect's REST interface with one connector in a state of our choice; broken ones are on the real one."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state, self.task = "RUNNING", "RUNNING"
        self.asked: list[str] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://connect")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.asked.append(f"{request.method} {request.url.raw_path.decode()}")
            return httpx.Response(202)
        return httpx.Response(200, json={"connector": {"state": self.state}, "tasks": [{"state": self.task}]})


@pytest.fixture
async def standin() -> AsyncIterator[Connect]:
    standin = Connect()
    yield standin
    await standin.client.aclose()


@pytest.fixture
async def slot(admin: Any) -> AsyncIterator[None]:
    await admin.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)
    yield
    await admin.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", SLOT
    )


@pytest.fixture
def dog(database: Database, standin: Connect) -> Watchdog:
    config = register.configuration("127.0.0.1", 5432, database.name)
    return Watchdog(standin.client, config, database.admin, clock=lambda: standin.now)


def said(dog: Watchdog) -> list[str]:
    return [repair.what for repair in dog.repairs]


@pytest.mark.usefixtures("slot")
async def test_where_all_is_well_nothing_is_done(dog: Watchdog, standin: Connect):
    for _ in range(3):
        await dog.look()
    assert (said(dog), standin.asked) == ([], [])


@pytest.mark.usefixtures("slot")
@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (f"DROP PUBLICATION {PUBLICATION}", "missing"),
        (f"ALTER PUBLICATION {PUBLICATION} DROP TABLE door.event_outbox", "lost the table"),
        (f"ALTER PUBLICATION {PUBLICATION} SET (publish = 'update')", "left out inserts"),
    ],
)
async def test_the_publication_is_as_the_migrations_made_it(admin: Any, dog: Watchdog, broken: str, what: str):
    carries = "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, puballtables FROM pg_publication"
    before = await admin.fetchrow(carries)
    await admin.execute(broken)
    await dog.look()
    await dog.look()
    assert len(said(dog)) == 1
    assert what in said(dog)[0]
    assert await admin.fetchrow(carries) == before
    assert await admin.fetchval(PUBLISHED, PUBLICATION) == "door.event_outbox"


@pytest.mark.usefixtures("slot")
async def test_a_connector_that_runs_and_reads_nothing_is_restarted(dog: Watchdog, standin: Connect):
    await dog.look()
    assert standin.asked == [], "it may just have begun"
    standin.now += 21
    await dog.look()
    assert standin.asked == ["POST /connectors/outbox/restart?includeTasks=true&onlyFailed=false"]
    assert "nobody had read" in said(dog)[0]
    await dog.look()
    assert len(standin.asked) == 1, "it has its time again"


@pytest.mark.usefixtures("slot")
async def test_a_connector_that_takes_its_snapshot_is_left_alone(database: Database, dog: Watchdog, standin: Connect):
    """Then nobody reads the slot either, for as long as the outbox is."""
    debezium = await connect(database.role("genesis_debezium"), application_name="test debezium")
    async with debezium.transaction():
        await debezium.fetchval("SELECT count(*) FROM door.event_outbox")
        for _ in range(3):
            standin.now += 21
            await dog.look()
    await debezium.close()
    assert standin.asked == []


@pytest.mark.usefixtures("slot")
async def test_a_connector_somebody_has_paused_is_left_alone(dog: Watchdog, standin: Connect):
    standin.state, standin.task = "PAUSED", "PAUSED"
    for _ in range(3):
        standin.now += 21
        await dog.look()
    assert (said(dog), standin.asked) == ([], [])


async def test_a_slot_that_stays_away_has_the_connector_restarted(dog: Watchdog, standin: Connect):
    for _ in range(2):
        standin.now += 21
        await dog.look()
    assert len(standin.asked) == 1


@pytest.mark.usefixtures("slot")
async def test_much_wal_held_back_is_said_once(
    admin: Any, dog: Watchdog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(watchdog, "WAL_WARNING", 1 << 20)
    await admin.execute("SELECT pg_logical_emit_message(true, 'junk', repeat('x', 2 << 20))")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await dog.look()
    assert caplog.text.count("holds back") == 1


async def test_a_database_that_is_away_hides_no_broken_connector(standin: Connect):
    config = register.configuration("127.0.0.1", 1, "genesis")
    dog = Watchdog(standin.client, config, "postgresql://postgres:x@127.0.0.1:1/genesis")
    standin.task = "FAILED"
    await dog.look()
    assert standin.asked == ["POST /connectors/outbox/restart?includeTasks=true&onlyFailed=true"]
    assert "had failed" in said(dog)[0]
