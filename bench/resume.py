"""How long until 1,000 paused sessions can all be resumed after the worker is killed (design §12).

`python -m bench.resume [--sessions 1000]` kills it once with its disk kept and once with its disk wiped. A
session counts as resumable when a command sent to it after the kill, the choice of a candidate, is COMPLETED in
the read models. All commands are sent at once, fifty at a time: the last figure holds the work of 1,000 commands.
"""

import argparse
import asyncio
import shutil
import signal
import time
from typing import Any

import aiohttp
import orjson
import uvloop

from bench.calibration import calibration
from bench.client import Client, Measured
from bench.studio import studio
from stack.launcher import Stack

Paused = tuple[str, dict[str, Any]]
"""A session and the proposal it waits with."""


async def paused(http: aiohttp.ClientSession, url: str, count: int) -> list[Paused]:
    """This many sessions whose first pause is open, each with three candidates."""
    gate = asyncio.Semaphore(40)

    async def one() -> Paused:
        async with gate:
            return await Client(http, url, Measured()).session(up_to=0, provider="builtin")

    return await asyncio.gather(*(one() for _ in range(count)))


async def resume(http: aiohttp.ClientSession, url: str, session: Paused, candidate: int) -> str:
    """Choose this candidate; returns the id of the command."""
    session_id, proposal = session
    payload = {
        "stage": "CONCEPT_SELECTION",
        "proposal_id": proposal["proposal_id"],
        "base": proposal["candidates"][candidate]["id"],
    }
    return str(
        (
            await Client(http, url, Measured()).post(
                {"command_type": "SELECT_CONCEPT", "session_id": session_id, "payload": payload}
            )
        )["command_id"]
    )


async def granted(http: aiohttp.ClientSession, url: str, command: str) -> None:
    """Wait until the command is COMPLETED."""
    while True:
        async with http.get(f"{url}/genesis/commands/{command}") as answer:
            outcome = orjson.loads(await answer.read())
        if outcome["status"] == "COMPLETED":
            return
        if outcome["status"] == "FAILED":
            raise RuntimeError(f"refused: {outcome}")
        await asyncio.sleep(0.05)


async def measure(
    stack: Stack, http: aiohttp.ClientSession, url: str, sessions: list[Paused], candidate: int, wipe: bool
) -> None:
    """Kill the worker, resume every session, and print how long the first and the last took."""
    gate = asyncio.Semaphore(50)

    async def one(session: Paused) -> str:
        async with gate:
            return await resume(http, url, session, candidate)

    print(calibration())
    if wipe:
        await stack.remove_worker("worker")
        for folder in stack.settings.data.glob("worker*"):
            shutil.rmtree(folder)
        started = time.perf_counter()
        back = asyncio.create_task(stack.add_worker("worker"))
    else:
        started = time.perf_counter()
        stack.kill("worker", signal.SIGKILL)
        back = asyncio.create_task(asyncio.sleep(0))
    sent = await asyncio.gather(*(one(session) for session in sessions))
    accepted = time.perf_counter() - started
    await granted(http, url, sent[0])
    first = time.perf_counter() - started
    for command in sent:
        await granted(http, url, command)
    last = time.perf_counter() - started
    await back
    print(
        f"{len(sessions)} paused, worker killed, disk {'wiped' if wipe else 'kept'}: all accepted after"
        f" {accepted:.2f} s, first resumed after {first:.2f} s, all after {last:.2f} s"
    )


async def main(count: int) -> None:
    async with studio() as stack:
        url = f"http://127.0.0.1:{stack.settings.port}"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, read_bufsize=2**20) as http:
            sessions = await paused(http, url, count)
            await measure(stack, http, url, sessions, 0, wipe=False)
            await measure(stack, http, url, sessions, 1, wipe=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    uvloop.run(main(parser.parse_args().sessions))
