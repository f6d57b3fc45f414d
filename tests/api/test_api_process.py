"""`python -m api` as the launcher runs it: it starts, refuses what it must, and stops at once."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.api.door import DEADLINE
from tests.conftest import Database


@asynccontextmanager
async def process(**settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; killed at the end if it still lives."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GENESIS_")}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api",
        env={**environment, **{f"GENESIS_{name.upper()}": value for name, value in settings.items()}},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def ends_with(running: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(DEADLINE):
        _, said = await running.communicate()
    return running.returncode, said.decode()


async def test_it_listens_on_this_machine_only():
    async with process(host="0.0.0.0") as api:
        code, said = await ends_with(api)
    assert (code, "listens on this machine only" in said) == (2, True)


async def test_it_says_what_it_lacks():
    async with process() as api:
        code, said = await ends_with(api)
    assert code != 0
    assert "Set GENESIS_DATABASE_DSN" in said
    assert "Traceback" not in said


async def test_it_says_that_the_database_is_away(free_ports: Callable[[int], list[int]]):
    [port] = free_ports(1)
    async with process(database_dsn=f"postgresql://genesis_door:secret@127.0.0.1:{port}/genesis") as api:
        code, said = await ends_with(api)
    assert code != 0
    assert "PostgreSQL can't be reached" in said
    assert "secret" not in said


@pytest.mark.postgres
async def test_it_ends_open_streams_and_stops_at_once(database: Database, free_ports: Callable[[int], list[int]]):
    port, kafka = free_ports(2)
    settings = {"database_dsn": database.role("genesis_door"), "port": str(port), "bootstrap": f"127.0.0.1:{kafka}"}
    url = f"http://127.0.0.1:{port}"
    async with process(**settings) as api, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    if (await client.get("/health/live")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        started = await client.post("/genesis/commands", json={"command_type": "START_GENESIS"})
        session = started.json()["session_id"]
        async with client.stream("GET", f"/genesis/{session}/events/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            api.send_signal(signal.SIGTERM)
            # A clean end, not a cut connection: httpx would raise at that.
            async with asyncio.timeout(DEADLINE):
                assert [line async for line in lines if line] == [": bye"]
        code, said = await ends_with(api)
    assert code == 0, said
    assert "Cancel" not in said  # uvicorn's word for streams it had to tear
