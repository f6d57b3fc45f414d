"""Nobody works off what is accepted: the door closes before anything overflows, and opens when somebody does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from connectors.settings import Settings
from stack.launcher import Stack
from tests.scenarios.studio import eventually

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(300)]

LIMIT = 200


@pytest.fixture
async def narrow(data_folder: Path, free_ports: Callable[[int], list[int]]) -> AsyncIterator[Stack]:
    """A stack of its own, whose door closes early."""
    names = ("postgres_port", "kafka_port", "kafka_controller_port", "connect_port", "port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    settings = Settings(data=data_folder / "narrow", lost_seconds=3, unsettled_limit=LIMIT, **ports)
    async with Stack(settings) as stack:
        yield stack


async def test_the_door_closes_while_no_worker_lives_and_opens_after(narrow: Stack):
    admin = await asyncpg.connect(narrow.dsn())
    accepted: list[str] = []
    refused: list[httpx.Response] = []
    async with httpx.AsyncClient(base_url=narrow.url, trust_env=False, timeout=30) as client:

        async def person() -> None:
            while not refused:
                answer = await client.post("/genesis/commands", json={"command_type": "START_GENESIS", "payload": {}})
                if answer.status_code == 202:
                    accepted.append(answer.json()["command_id"])
                else:
                    refused.append(answer)

        await narrow.remove_worker("worker")
        async with asyncio.timeout(60):
            await asyncio.gather(*(person() for _ in range(8)))
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert all(answer.json()["type"].endswith("machine-behind") for answer in refused)
        # Judged once a second: a second's worth of acceptance comes on top.
        assert LIMIT <= len(accepted) < LIMIT + 3000

        await narrow.add_worker("worker")

        async def taken() -> bool:
            answer = await client.post("/genesis/commands", json={"command_type": "START_GENESIS", "payload": {}})
            return answer.status_code == 202

        await eventually(taken, "the door is open again")
    left = "SELECT count(*) = 0 FROM door.command_inbox WHERE status NOT IN ('COMPLETED', 'FAILED')"
    await eventually(lambda: admin.fetchval(left), "every command has its outcome")
    there = await admin.fetchval("SELECT count(*) FROM door.command_inbox WHERE id = ANY($1::uuid[])", accepted)
    assert there == len(accepted)
    assert await admin.fetchval("SELECT count(*) FROM door.command_inbox WHERE resent_count > 0") == 0
    await admin.close()
