"""The pipe is broken: the watchdog mends it, the sweeper sends what was lost again, and nothing that was not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from connectors.outbox import register
from connectors.pipe import SLOT
from genesis.session.stages import Stage
from stack import connect, installation, secret_store, status
from stack.launcher import Stack
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture
async def admin(real_studio: RealStudio) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(real_studio.stack.dsn())
    yield connection
    await connection.close()


def connect_client(stack: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=connect.url(stack.settings), timeout=30, trust_env=False)


@asynccontextmanager
async def connector_stopped(stack: Stack, admin: Any) -> AsyncIterator[None]:
    """Nobody reads the slot within."""
    async with connect_client(stack) as client:
        (await client.put(f"/connectors/{register.NAME}/stop")).raise_for_status()
        free = "SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1"
        await eventually(lambda: admin.fetchval(free, SLOT), "the stopped connector gives its slot free")
        yield
        (await client.put(f"/connectors/{register.NAME}/resume")).raise_for_status()
    await stack.wait_connector(90)


async def resent(admin: Any, session: UUID | None) -> dict[int, int]:
    """How often each command of the session was sent again, for those that were."""
    rows = await admin.fetch(
        "SELECT command_no, resent_count FROM door.command_inbox WHERE session_id = $1 AND resent_count > 0", session
    )
    return {row["command_no"]: row["resent_count"] for row in rows}


def answer_to(novelist: Novelist) -> dict[str, Any]:
    """The confirmation of the first candidate of the last proposal."""
    proposal = next(each["payload"] for each in reversed(novelist.seen) if each["event_type"] == "proposal-made")
    made = proposal["proposal"]
    return {
        "stage": proposal["stage"],
        "proposal_id": made["proposal_id"],
        "revision": made["revision"],
        "candidate": made["candidates"][0]["id"],
    }


async def quiet(admin: Any) -> None:
    """All that earlier scenarios have left has its outcome, so that this one has an idle stack."""
    await eventually(
        lambda: admin.fetchval(
            "SELECT count(*) = 0 FROM door.command_inbox WHERE status = 'RECEIVED' AND given_up_at IS NULL"
        ),
        "no command is under way",
    )


async def test_a_row_that_the_slot_has_jumped_over_is_sent_again(real_studio: RealStudio, admin: Any):
    """In an otherwise idle stack: only the probe moves the slot."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea="jumped over", seed=1)
    await novelist.until("input-requested")
    await quiet(admin)
    async with connector_stopped(stack, admin):
        await novelist.send("ABANDON_GENESIS", {"reason": "nobody will hear this"})
        await admin.execute("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", SLOT)
        # Nor can a snapshot bring it back.
        await admin.execute("DELETE FROM door.event_outbox WHERE partition_key = $1", str(novelist.session))
    await novelist.until("session-abandoned")
    assert await resent(admin, novelist.session) == {2: 1}
    await must_agree(real_studio, novelist)


async def test_a_row_lost_in_the_midst_is_sent_again_with_those_behind_it(real_studio: RealStudio, admin: Any):
    """The pipe runs all the time; the machine leaves what is ahead of its turn alone until the lost one is there."""
    novelist = Novelist(real_studio)
    await novelist.start(idea="lost in the midst", seed=1)
    await novelist.until("input-requested")
    await admin.execute("ALTER PUBLICATION genesis_outbox_pub DROP TABLE door.event_outbox")
    await novelist.send("CONFIRM_STAGE", answer_to(novelist))
    await eventually(
        lambda: admin.fetchval("SELECT count(*) = 1 FROM pg_publication_tables"), "the watchdog adds the table again"
    )
    behind = await novelist.send("FINISH_GENESIS", {})
    await novelist.walk(*list(Stage)[1:])
    await novelist.finish()
    again = await resent(admin, novelist.session)
    assert set(again) == {2, behind.command_no}
    order = [each["metadata"].get("command_no") for each in novelist.seen]
    assert order.index(2) < order.index(behind.command_no)
    await must_agree(real_studio, novelist)


async def test_a_pipe_that_stands_makes_the_sweeper_send_nothing(real_studio: RealStudio, admin: Any):
    """For many times as long as a command may be without an outcome before it is suspected."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea="standing pipe", seed=1)
    await novelist.until("input-requested")
    await quiet(admin)
    async with connector_stopped(stack, admin):
        await novelist.send("CONFIRM_STAGE", answer_to(novelist))
        await eventually(
            lambda: admin.fetchval(
                "SELECT received_at < now() - $1 * interval '4 seconds' FROM door.command_inbox"
                " WHERE session_id = $2 AND command_no = 2",
                stack.settings.lost_seconds,
                novelist.session,
            ),
            "the command has been without an outcome for four times as long as is suspicious",
        )
        probes = (
            "SELECT count(*) FROM door.event_outbox WHERE command_no = 0 AND created_at > now() - interval '1 min'"
        )
        assert await admin.fetchval(probes) >= 1, "the sweeper has suspected it"
    await novelist.walk(*list(Stage)[1:])
    await novelist.finish()
    assert await resent(admin, novelist.session) == {}
    await must_agree(real_studio, novelist)


async def mended(stack: Stack, word: str, since: int) -> None:
    """The watchdog has said so, after its first `since` repairs."""

    async def said() -> bool:
        return any(word in repair.what for repair in stack.repairs[since:])

    await eventually(said, f"a repair that speaks of “{word}”")


@asynccontextmanager
async def under_load(studio: RealStudio, people: int = 4) -> AsyncIterator[None]:
    """People write sessions meanwhile; whatever is done to the pipe within, each of them finishes, nothing lost."""
    novelists = [Novelist(studio) for _ in range(people)]
    async with asyncio.TaskGroup() as group:
        for number, novelist in enumerate(novelists):
            group.create_task(novelist.whole_session(idea=f"under load {number}", seed=number))
        await eventually(lambda: said_something(novelists), "everybody is in the midst of it")
        yield
    for novelist in novelists:
        await must_agree(studio, novelist)


async def said_something(novelists: list[Novelist]) -> bool:
    return all(len(novelist.seen) > 3 for novelist in novelists)


async def test_a_connector_deleted_under_load_is_registered_again(real_studio: RealStudio):
    stack = real_studio.stack
    before = len(stack.repairs)
    async with under_load(real_studio), connect_client(stack) as client:
        (await client.delete(f"/connectors/{register.NAME}")).raise_for_status()
        await mended(stack, "had vanished", before)
    lines = {
        line.part: line for line in await status.inspect(stack.settings, installation.running(stack.settings) or {})
    }
    assert "had vanished and is registered again" in lines["connector"].lag, "`genesis status` tells it, too"
    assert lines["connector"].advice == ""


async def test_a_slot_dropped_under_load_is_made_anew(real_studio: RealStudio, admin: Any):
    async with under_load(real_studio):
        await drop_slot(admin)


async def drop_slot(admin: Any) -> None:
    async def dropped() -> bool:
        try:
            await admin.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL"
            )
            await admin.execute("SELECT pg_drop_replication_slot($1)", SLOT)
        except asyncpg.ObjectInUseError:
            return False
        return True

    await eventually(dropped, "the slot is dropped before Debezium has it again")


async def test_what_was_accepted_without_a_slot_and_without_its_rows_is_sent_again(
    real_studio: RealStudio, admin: Any
):
    """Not even the snapshot with which Debezium begins a new slot can bring these."""
    novelist = Novelist(real_studio)
    await novelist.start(idea="accepted without a slot", seed=1)
    await novelist.until("input-requested")
    async with connector_stopped(real_studio.stack, admin):
        await admin.execute("SELECT pg_drop_replication_slot($1)", SLOT)
        await novelist.send("CONFIRM_STAGE", answer_to(novelist))
        await admin.execute("DELETE FROM door.event_outbox WHERE partition_key = $1", str(novelist.session))
    await novelist.walk(*list(Stage)[1:])
    await novelist.finish()
    assert (await resent(admin, novelist.session))[2] == 1
    await must_agree(real_studio, novelist)


async def test_a_slot_that_the_server_gave_up_is_replaced(real_studio: RealStudio, admin: Any):
    """The limit for held back WAL is reached while nobody reads."""
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea="given up", seed=1)
    await novelist.until("input-requested")
    before = len(stack.repairs)
    try:
        async with connector_stopped(stack, admin):
            await novelist.send("CONFIRM_STAGE", answer_to(novelist))
            await admin.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
            await admin.execute("SELECT pg_reload_conf()")
            await eventually(lambda: given_up(admin), "the server gives the slot up", pause=0.0)
            await mended(stack, "given up by the server", before)
    finally:
        await admin.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        await admin.execute("SELECT pg_reload_conf()")
    await novelist.walk(*list(Stage)[1:])
    await novelist.finish()
    await must_agree(real_studio, novelist)


async def given_up(admin: Any) -> bool:
    """Fills some WAL; True once the slot is lost or, the watchdog being quick, gone."""
    await admin.execute("SELECT pg_logical_emit_message(false, 'junk', repeat('x', 8 << 20))")
    await admin.execute("SELECT pg_switch_wal()")
    await admin.execute("CHECKPOINT")
    slot = await admin.fetchrow("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", SLOT)
    return slot is None or slot["wal_status"] == "lost"


async def test_a_publication_dropped_under_load_is_made_again_and_nothing_is_lost(
    real_studio: RealStudio, admin: Any
):
    """Meanwhile Debezium says that it runs, and hands out nothing."""
    stack = real_studio.stack
    before = len(stack.repairs)
    async with under_load(real_studio):
        await admin.execute("DROP PUBLICATION genesis_outbox_pub")
        await mended(stack, "publication genesis_outbox_pub was missing", before)


async def test_a_connector_that_has_failed_is_restarted(real_studio: RealStudio, admin: Any):
    stack = real_studio.stack
    before = len(stack.repairs)
    password = secret_store.passwords(stack.settings)["genesis_debezium"]
    async with under_load(real_studio), connect_client(stack) as client:
        await admin.execute("ALTER ROLE genesis_debezium PASSWORD 'another'")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'genesis_debezium'"
        )

        async def failed() -> bool:
            return "FAILED" in (await register.health(client)).tasks

        await eventually(failed, "the connector gives up")
        await admin.execute(f"ALTER ROLE genesis_debezium PASSWORD '{password}'")
        await mended(stack, "had failed", before)
