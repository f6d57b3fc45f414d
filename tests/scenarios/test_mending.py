"""The commands that mend, on the real stack: as the operator runs them, while people write."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from connectors.settings import Settings
from genesis.session.stages import Stage
from projections.schema import SchemaOfAnotherRelease
from stack.launcher import Stack
from stack.parts import KAFKA, POSTGRES
from tests.scenarios.agreement import must_agree
from tests.scenarios.real import RealStudio
from tests.scenarios.studio import Novelist

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PORTS = ("postgres_port", "kafka_port", "kafka_controller_port", "connect_port", "port")


async def genesis(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Runs the console command on this installation; its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")}
    environment["GENESIS_DATA"] = str(settings.data)
    environment |= {f"GENESIS_{name.upper()}": str(getattr(settings, name)) for name in PORTS}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack", *arguments),
        env={**environment, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_the_read_models_are_rebuilt_under_open_streams(real_studio: RealStudio):
    novelists = [Novelist(real_studio) for _ in range(4)]
    rebuilt = asyncio.Event()

    async def write(novelist: Novelist) -> None:
        """Walks on as long as rebuilding goes on, and to the end of the session afterwards."""
        for number, stage in enumerate(Stage):
            if number == 2:
                await rebuilt.wait()
            await novelist.answer(stage)
        await novelist.finish()

    for number, novelist in enumerate(novelists):
        await novelist.start(idea=f"rebuilt under way {number}", seed=number)
    writing = asyncio.gather(*(write(novelist) for novelist in novelists))
    for _ in range(2):
        code, said = await genesis(real_studio.stack.settings, "rebuild")
        assert (code, "The read models are filled anew" in said) == (0, True), said
    rebuilt.set()
    await writing
    for novelist in novelists:
        await must_agree(real_studio, novelist)


async def test_an_upgrade_is_cured_with_nothing_running(data_folder: Path, free_ports: Callable[[int], list[int]]):
    settings = Settings(data=data_folder / "upgraded", **dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    async with Stack(settings, (POSTGRES, KAFKA)) as stack:
        admin = await asyncpg.connect(stack.dsn())
        await admin.execute("UPDATE read.projection_schema SET fingerprint = 'of the last release'")
        await admin.close()
    with pytest.raises(SchemaOfAnotherRelease, match="run `genesis rebuild` once"):
        await Stack(settings, (POSTGRES, KAFKA)).start()
    code, said = await genesis(settings, "rebuild")
    assert code == 0, said
    async with Stack(settings, (POSTGRES, KAFKA)) as stack:
        admin = await asyncpg.connect(stack.dsn())
        assert await admin.fetchval("SELECT count(*) FROM read.projection_positions") == 4
        await admin.close()
