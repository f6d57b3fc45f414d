"""The whole studio at once: the launcher killed with all that hangs on it, and Kafka lost for good."""

import asyncio
import io
import os
import shutil
import signal
import sys

import httpx
from rich.console import Console

from chaos.faults.registry import fault
from chaos.ground import Ground, NotMended, until
from connectors.settings import Settings
from stack import parts
from stack.processes import Command, spawn
from stack.restore_log import restore_log

WORKING_SECONDS = 5.0
"""How long clients have between two strokes."""


@fault("whole", "launcher killed")
async def launcher_killed(ground: Ground) -> None:
    """`genesis run` as a process of its own is killed in the midst of work, twice; each time everything must die
    with it and the next start find all in order. Then this run's own launcher takes over again.
    """
    await ground.stack.stop()
    settings = ground.stack.settings
    try:
        for _ in range(2):
            launcher = await _launched(settings)
            try:
                await until(lambda: _answers(ground.stack.url), "the studio of its own launcher is ready")
                await asyncio.sleep(WORKING_SECONDS)
            finally:
                os.kill(launcher.pid, signal.SIGKILL)
                await launcher.wait()
    finally:
        await ground.stack.start()


async def _launched(settings: Settings) -> asyncio.subprocess.Process:
    given = {
        f"GENESIS_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
        if value is not None
    }
    # Tethered: it ends with this run, however that ends.
    command = Command(argv=(sys.executable, "-P", "-m", "stack", "run"), env=given)
    return await spawn(command, settings.data / "logs" / "launcher-under-test.log")


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        try:
            return (await client.get(f"{url}/health/ready")).is_success
        except httpx.HTTPError:
            return False


@fault("whole", "kafka lost")
async def kafka_lost(ground: Ground) -> None:
    """The broker is killed and its folder is gone: log, changelog, commands, offsets, Connect's place in the WAL."""
    os.kill(ground.pid(parts.KAFKA), signal.SIGKILL)
    await ground.stack.stop()
    shutil.rmtree(ground.stack.settings.data / "kafka")
    said = io.StringIO()
    code = await restore_log(ground.stack.settings, Console(file=said, width=200))
    if code != 0:
        raise NotMended(f"genesis restore-log ended with {code}: {said.getvalue()[-500:]}")
    await ground.stack.start()
