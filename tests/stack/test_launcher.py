"""The launcher as a whole, with the real infrastructure: stops, kills, external parts, other installations."""

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from connectors.settings import Settings
from stack import installation, migrate
from stack.launcher import INFRASTRUCTURE, Stack


@pytest.fixture
async def launch(data_folder, free_ports):
    """Starts `genesis run --infrastructure` on a folder; the ports stay the same from launch to launch."""
    names = ("POSTGRES_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT", "PORT")
    ports = {f"GENESIS_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    data = data_folder / "launched"
    begun: list[asyncio.subprocess.Process] = []

    async def begin() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stack", "run", "--infrastructure"),
            env={**os.environ, **ports, "GENESIS_DATA": str(data)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.returncode is None:
            process.kill()
            await process.wait()
    shutil.rmtree(data, ignore_errors=True)


async def read_until(process: asyncio.subprocess.Process, word: str) -> list[str]:
    lines: list[str] = []
    async with asyncio.timeout(150):
        while not any(word in line for line in lines):
            line = await process.stdout.readline()
            assert line, "\n".join(lines)
            lines.append(line.decode().rstrip())
    return lines


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while remaining := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {remaining}"
        await asyncio.sleep(0.05)


def pids(data: Path) -> dict[str, int]:
    facts = installation.running(Settings(data=data))
    return {name: part["pid"] for name, part in facts["parts"].items()}


@pytest.mark.stack
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is the Linux kernel's")
async def test_a_killed_launcher_leaves_no_orphan_and_a_new_one_starts_on_what_was_there(launch, data_folder):
    data = data_folder / "launched"
    first = await launch()
    await read_until(first, "is ready")
    parts = pids(data)
    assert set(parts) == set(INFRASTRUCTURE)

    first.kill()
    await first.wait()
    await until_gone(list(parts.values()))

    second = await launch()
    await read_until(second, "is ready")
    parts = pids(data)
    second.send_signal(signal.SIGINT)
    lines = await read_until(second, "Stopped.")

    assert await second.wait() == 0, lines
    assert not [name for name, pid in parts.items() if alive(pid)]
    assert not (data / "postgres" / "postmaster.pid").exists(), "the database was shut down cleanly"


@pytest.mark.stack
async def test_ctrl_c_in_the_middle_of_the_start_ends_what_was_begun(launch, data_folder):
    process = await launch()
    await read_until(process, "done     postgres")
    begun = pids(data_folder / "launched")
    assert begun

    process.send_signal(signal.SIGINT)

    assert await asyncio.wait_for(process.wait(), 90) == 130
    assert not [name for name, pid in begun.items() if alive(pid)]


@pytest.mark.stack
async def test_external_parts_are_used_and_not_started(stack, data_folder):
    data = data_folder / "beside"
    data.mkdir()
    # The roles are the server's: both launchers must know the same passwords.
    shutil.copy(stack.settings.data / "secrets.json", data)
    (data / "format").write_text(installation.FORMAT)
    beside = Stack(
        Settings(
            data=data,
            postgres_dsn=SecretStr(stack.dsn()),
            kafka_bootstrap=stack.bootstrap,
            connect_url=f"http://127.0.0.1:{stack.settings.connect_port}",
        ),
        INFRASTRUCTURE,
    )

    async with beside:
        assert beside.standings == {}
        await beside.wait_connector()

    assert stack.pid("kafka") is not None


@pytest.mark.postgres
async def test_another_number_of_partitions_or_another_kafka_is_refused(database):
    settings = database.settings.model_copy(update={"postgres_dsn": SecretStr(database.admin)})
    await migrate.note_installation(settings, "first-cluster")

    with pytest.raises(migrate.OtherInstallation, match="made with 4 partitions, not 5"):
        await migrate.note_installation(settings.model_copy(update={"partitions": 5}), "first-cluster")
    with pytest.raises(migrate.OtherInstallation, match="belongs to Kafka cluster first-cluster"):
        await migrate.note_installation(settings, "second-cluster")

    await migrate.note_installation(settings, "first-cluster")


@pytest.mark.postgres
async def test_migrating_twice_changes_nothing(postgres_server):
    async def shape() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(postgres_server.admin)
        try:
            return await connection.fetch(
                "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema IN ('door', 'read') ORDER BY 1, 2, 3"
            )
        finally:
            await connection.close()

    before = await shape()
    await migrate.migrate(postgres_server.settings)

    assert await shape() == before
    assert before
