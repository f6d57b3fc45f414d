"""How long until 1,000 paused sessions can all be resumed after the worker is killed (design §12).

`python -m bench.resume [--sessions 1000]` kills it once with its disk kept and once with its disk wiped. A
session counts as resumable when a command sent to it after the kill has been granted, seen in the read models.
"""

import argparse
import asyncio
import shutil
import signal
import time
from uuid import uuid4

import aiohttp
import orjson
import uvloop

from bench.calibration import calibration
from bench.client import Client, Measured
from bench.studio import studio
from stack.launcher import Stack


async def paused(http: aiohttp.ClientSession, url: str, count: int) -> list[str]:
    """This many sessions whose first pause is open."""
    gate = asyncio.Semaphore(40)

    async def one() -> str:
        async with gate:
            return await Client(http, url, Measured()).session(up_to=0)

    return await asyncio.gather(*(one() for _ in range(count)))


async def resume(http: aiohttp.ClientSession, url: str, session: str) -> None:
    """Ask the paused session for another round, and wait until that is granted."""
    payload = {"stage": "CONCEPT_SELECTION"}
    body = {"command_type": "GENERATE_INSPIRATION", "session_id": session, "payload": payload}
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    async with http.post(f"{url}/genesis/commands", data=orjson.dumps(body), headers=headers) as answer:
        command = orjson.loads(await answer.read())["command_id"]
    while True:
        async with http.get(f"{url}/genesis/commands/{command}") as answer:
            outcome = orjson.loads(await answer.read())
        if outcome["status"] == "COMPLETED":
            return
        if outcome["status"] == "FAILED":
            raise RuntimeError(f"refused: {outcome}")
        await asyncio.sleep(0.05)


async def measure(stack: Stack, http: aiohttp.ClientSession, url: str, sessions: list[str], wipe: bool) -> None:
    gate = asyncio.Semaphore(50)

    async def one(session: str) -> None:
        async with gate:
            await resume(http, url, session)

    print(calibration())
    started = time.perf_counter()
    if wipe:
        await stack.remove_worker("worker")
        for folder in stack.settings.data.glob("worker*"):
            shutil.rmtree(folder)
        started = time.perf_counter()
        await stack.add_worker("worker")
    else:
        stack.kill("worker", signal.SIGKILL)
    await resume(http, url, sessions[0])
    first = time.perf_counter() - started
    await asyncio.gather(*(one(session) for session in sessions[1:]))
    print(
        f"{len(sessions)} paused, worker killed, disk {'wiped' if wipe else 'kept'}: first resumed after"
        f" {first:.2f} s, all after {time.perf_counter() - started:.2f} s"
    )


async def main(count: int) -> None:
    async with studio() as stack:
        url = f"http://127.0.0.1:{stack.settings.port}"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, read_bufsize=2**20) as http:
            sessions = await paused(http, url, count)
            await measure(stack, http, url, sessions, wipe=False)
            await measure(stack, http, url, sessions, wipe=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    uvloop.run(main(parser.parse_args().sessions))
