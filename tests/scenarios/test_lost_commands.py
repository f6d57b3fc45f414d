"""Debezium loses a row: the sweeper proves it and sends it again; a pipe that merely stands makes it send nothing."""

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
from stack import connect
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


@asynccontextmanager
async def connector_stopped(stack: Stack, admin: Any) -> AsyncIterator[None]:
    """Nobody reads the slot within."""
    async with httpx.AsyncClient(base_url=connect.url(stack.settings), timeout=30, trust_env=False) as client:
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
    stack = real_studio.stack
    novelist = Novelist(real_studio)
    await novelist.start(idea="lost in the midst", seed=1)
    await novelist.until("input-requested")
    await admin.execute("ALTER PUBLICATION genesis_outbox_pub DROP TABLE door.event_outbox")
    await novelist.send("CONFIRM_STAGE", answer_to(novelist))
    await admin.execute("ALTER PUBLICATION genesis_outbox_pub ADD TABLE door.event_outbox")
    behind = await novelist.send("FINISH_GENESIS", {})
    await novelist.walk(*list(Stage)[1:])
    await novelist.finish()
    again = await resent(admin, novelist.session)
    assert set(again) == {2, behind.command_no}
    order = [each["metadata"].get("command_no") for each in novelist.seen]
    assert order.index(2) < order.index(behind.command_no)
    await must_agree(real_studio, novelist)
    assert stack.standings["connect"].state == "ready"


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
