"""What the nemesis works on: the processes of a running stack, and the ways back to health."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from genesis.errors import GenesisError
from stack import connect
from stack.launcher import Stack

BACK_SECONDS = 120.0
"""Within which a part must be healthy again after a fault."""


class NotMended(GenesisError):
    """A part did not come back after a fault; its log in the data folder says why."""


@dataclass
class Ground:
    """A stack under test."""

    stack: Stack
    chance: random.Random
    long: float = 1.0
    """Factor on how long the long faults last; below 1 in short runs."""
    notes: list[str] = field(default_factory=list)
    """What is worth a line in the report."""

    def pid(self, part: str) -> int:
        """The process of a part. Raises NotMended while it has none."""
        pid = self.stack.pid(part)
        if pid is None:
            raise NotMended(f"{part} has no process.")
        return pid

    async def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a part from outside, as the kernel would when memory is short, and wait until it is back."""
        await self.back(part)
        pid = self.pid(part)
        os.kill(pid, number)
        await until(lambda: self._another(part, pid), f"{part} is started again")
        await self.back(part)

    async def _another(self, part: str, pid: int) -> bool:
        return self.stack.pid(part) not in (None, pid)

    async def back(self, part: str) -> None:
        """Wait until a part is healthy."""
        await self.stack.wait_healthy(part, BACK_SECONDS)

    async def all_back(self) -> None:
        """Wait until every part is healthy and the connector carries."""
        for part in list(self.stack.standings):
            await self.back(part)
        await self.stack.wait_connector(BACK_SECONDS)

    async def database(self, statement: str, *arguments: Any) -> list[Any]:
        """Run a statement as administrator."""
        connection = await asyncpg.connect(self.stack.dsn(), timeout=10)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    def connect(self) -> httpx.AsyncClient:
        """A client of Kafka Connect's REST interface."""
        return httpx.AsyncClient(base_url=connect.url(self.stack.settings), timeout=30, trust_env=False)


async def until(question: Callable[[], Awaitable[bool]], what: str, seconds: float = BACK_SECONDS) -> None:
    """Ask until the answer is yes. Raises NotMended with `what` at the deadline."""
    end = time.monotonic() + seconds
    while not await question():
        if time.monotonic() > end:
            raise NotMended(f"{what}: not within {seconds:.0f} s.")
        await asyncio.sleep(0.1)
