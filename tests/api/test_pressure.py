"""Where the machine has fallen behind the door takes nothing, and says when to come again; nothing overflows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from api import pressure
from api.problems import MachineBehind
from connectors.pipe import SLOT
from connectors.settings import Settings
from tests.api.door import Door, serving
from tests.conftest import Database

pytestmark = pytest.mark.postgres


@pytest.fixture
async def narrow(database: Database, free_ports: Callable[[int], list[int]]) -> AsyncIterator[Door]:
    """A door that closes at ten commands, or at one that waits for 50 seconds."""
    kafka, port = free_ports(2)
    settings = Settings(
        database_dsn=SecretStr(database.role("genesis_door")),
        bootstrap=f"127.0.0.1:{kafka}",
        port=port,
        unsettled_limit=10,
        unsettled_seconds=50,
    )
    async with serving(settings, database) as door:
        yield door


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 the condition lies in the server
            await asyncio.sleep(0.05)


async def settle(door: Door, count: int) -> None:
    """The machine has come to an end with so many, the oldest first."""
    await door.admin.execute(
        "UPDATE door.command_inbox SET status = 'COMPLETED' WHERE id IN (SELECT id FROM door.command_inbox"
        " WHERE status = 'RECEIVED' ORDER BY sent_at LIMIT $1)",
        count,
    )


async def is_open(door: Door) -> bool:
    return not door.studio.pressure.closed


async def is_closed(door: Door) -> bool:
    return bool(door.studio.pressure.closed)


async def test_too_many_commands_without_an_outcome_close_it_until_half_are_settled(narrow: Door):
    sessions = [await narrow.session() for _ in range(10)]
    await until(lambda: is_closed(narrow))
    used = await narrow.numbers()

    answer = await narrow.post("ABANDON_GENESIS", {"reason": "x"}, sessions[0], **{"Idempotency-Key": "later"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["type"].endswith("machine-behind")
    assert "Idempotency-Key" in answer.json()["detail"]
    assert (await narrow.post("START_GENESIS")).status_code == 503
    assert await narrow.numbers() == used
    assert (await narrow.client.get(f"/genesis/{sessions[0]}/state")).status_code == 200, "it can still be read"
    health = (await narrow.client.get("/health/ready")).json()
    assert health["accepting"] is False

    await settle(narrow, 4)
    await narrow.studio.pressure.look()
    assert await is_closed(narrow), "six of ten: it would swing"
    await settle(narrow, 3)
    await until(lambda: is_open(narrow))
    answer = await narrow.post("ABANDON_GENESIS", {"reason": "x"}, sessions[0], **{"Idempotency-Key": "later"})
    assert answer.status_code == 202


async def test_one_command_that_waits_too_long_closes_it(narrow: Door):
    await narrow.session()
    await narrow.studio.pressure.look()
    narrow.studio.pressure.require_room()
    # Not a minute: a look does not go further back than that behind what it has seen.
    await narrow.admin.execute("UPDATE door.command_inbox SET sent_at = now() - interval '55 seconds'")
    await until(lambda: is_closed(narrow))
    with pytest.raises(MachineBehind):
        narrow.studio.pressure.require_room()
    await settle(narrow, 1)
    await until(lambda: is_open(narrow))


@pytest.mark.parametrize(
    "state", ["resent_count = 1", "given_up_at = now()", "status = 'PROCESSING'", "status = 'FAILED'"]
)
async def test_what_does_not_wait_for_the_machine_closes_nothing(narrow: Door, state: str):
    """One command that comes to no end must not close the door to everybody."""
    await narrow.session()
    await narrow.admin.execute(f"UPDATE door.command_inbox SET sent_at = now() - interval '1 hour', {state}")
    fresh = pressure.Pressure(narrow.settings, narrow.studio.pool)
    await fresh.look()
    assert fresh.closed == ""


async def test_a_slot_that_runs_out_of_room_closes_it(narrow: Door, monkeypatch: pytest.MonkeyPatch):
    await narrow.admin.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)
    try:
        await narrow.studio.pressure.look()
        assert await is_open(narrow), "the server keeps 2 GB for it"
        monkeypatch.setattr(pressure, "LEAST_ROOM", 3 << 30)
        await until(lambda: is_closed(narrow))
        assert (await narrow.post("START_GENESIS")).status_code == 503
        monkeypatch.undo()
        await until(lambda: is_open(narrow))
    finally:
        await narrow.admin.execute("SELECT pg_drop_replication_slot($1)", SLOT)


async def test_while_the_database_is_away_the_last_word_stands(narrow: Door):
    for _ in range(10):
        await narrow.session(key=str(uuid4()))
    await until(lambda: is_closed(narrow))
    await narrow.admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'genesis-api'"
    )
    assert (await narrow.post("START_GENESIS")).status_code == 503
    await settle(narrow, 10)
    await until(lambda: is_open(narrow))
