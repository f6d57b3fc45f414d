"""The real things that tests share: one PostgreSQL and one whole stack per test session, on first use."""

import asyncio
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from connectors.settings import Settings
from stack import migrate, postgres, secret_store
from stack.launcher import Stack
from stack.processes import open_log

# No test is a clock: a busy machine makes any example slow.
settings.register_profile("studio", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("studio")


def choose_free_ports(count: int) -> list[int]:
    """Ports that are free now; held open together while chosen, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """`free_ports(3)`: three ports that are free now."""
    return choose_free_ports


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """A short path that other users may pass through: pytest's own are closed to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="genesis-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Database:
    """One migrated database on a real server."""

    settings: Settings
    name: str

    @property
    def admin(self) -> str:
        """DSN of the superuser."""
        return postgres.dsn(self.settings, database=self.name)

    def role(self, role: str) -> str:
        """DSN of a least-privileged role, e.g. `genesis_door`."""
        return postgres.dsn(self.settings, role, self.name)

    @property
    def roles(self) -> dict[str, str]:
        """DSN of every role."""
        return {role: self.role(role) for role in secret_store.ROLES}


TEMPLATE = "genesis_template"
"""The migrated database that nobody connects to, so that it can be copied at any moment."""


def outside(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine to its end on another thread's loop, whatever this thread's loop is doing."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def postgres_server(data_folder: Path) -> Iterator[Database]:
    """The embedded server alone, started once, database `genesis` migrated; shared: leave no rows behind."""
    settings = Settings(data=data_folder / "pg", postgres_port=choose_free_ports(1)[0])
    settings.data.mkdir(mode=0o711)
    command = postgres.prepare(settings).command()
    with open_log(settings.data / "logs" / "postgres.log") as output:
        server = subprocess.Popen(
            command.tethered(), env=command.environment(), cwd=command.cwd, stdout=output, stderr=output
        )
    try:
        outside(_migrated(settings))
        yield Database(settings, postgres.DATABASE)
    finally:
        server.send_signal(command.stop_signal)
        server.wait(command.stop_seconds)


async def _migrated(settings: Settings) -> None:
    await postgres.wait_ready(settings)
    await migrate.migrate(settings)
    await _execute(settings, f"CREATE DATABASE {TEMPLATE} TEMPLATE {postgres.DATABASE}")


async def _execute(settings: Settings, *statements: str) -> None:
    connection = await asyncpg.connect(postgres.dsn(settings, database="postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def database(postgres_server: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh migrated database of this test alone, dropped afterwards."""
    name = "t_" + re.sub(r"\W+", "_", request.node.name.lower())[:50]
    settings = postgres_server.settings
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    outside(_execute(settings, drop, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}'))
    yield Database(settings, name)
    outside(_execute(settings, drop))


@pytest.fixture(scope="session")
async def stack(data_folder: Path) -> AsyncIterator[Stack]:
    """The whole real stack, one per test session, on free ports and a folder of its own."""
    names = ("postgres_port", "kafka_port", "kafka_controller_port", "connect_port", "port")
    ports = dict(zip(names, choose_free_ports(len(names)), strict=True))
    # A scenario whose brief names `bench` gets a generation slow enough to be answered early or stopped.
    # Suspicious early: however often a scenario makes the pipe slow, what is not lost must not be sent again.
    settings = Settings(data=data_folder / "stack", lost_seconds=3, bench_provider=True, bench_seconds=2, **ports)
    async with Stack(settings) as running:
        yield running
