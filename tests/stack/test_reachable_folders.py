"""PostgreSQL never runs as root: where root's folders are closed to others, it lies and runs elsewhere."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from connectors.settings import Settings
from stack import postgres
from stack.processes import open_log

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else"),
]


@pytest.fixture
def open_folder():
    folder = Path(tempfile.mkdtemp(prefix="genesis-open-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed_folder():
    folder = Path(tempfile.mkdtemp(prefix="genesis-closed-"))
    yield folder
    shutil.rmtree(folder)


async def starts(settings: Settings, cluster: postgres.Cluster) -> bool:
    command = cluster.command()
    with open_log(settings.data / "postgres.log") as output:
        server = await asyncio.create_subprocess_exec(
            *command.tethered(), env=command.environment(), cwd=command.cwd, stdout=output, stderr=output
        )
    try:
        await postgres.wait_ready(settings, 30)
        return True
    finally:
        server.send_signal(command.stop_signal)
        await asyncio.wait_for(server.wait(), command.stop_seconds)


async def test_in_a_closed_data_folder_the_cluster_lies_in_the_systems(
    closed_folder, open_folder, monkeypatch, free_ports
):
    monkeypatch.setattr(postgres, "SYSTEM_FOLDER", open_folder / "lib")
    settings = Settings(data=closed_folder / "data", postgres_port=free_ports(1)[0])
    settings.data.mkdir()

    cluster = postgres.prepare(settings)

    assert await starts(settings, cluster)
    assert cluster.folder.is_relative_to(open_folder)
    assert (settings.data / "postgres").resolve() == cluster.folder
    assert closed_folder.stat().st_mode & 0o077 == 0, "a folder of somebody else is never opened"
    assert postgres.prepare(settings).folder == cluster.folder, "the next start finds it"


async def test_closed_binaries_are_copied_to_where_they_can_be_run(
    closed_folder, open_folder, monkeypatch, free_ports
):
    package = postgres._wheel().parent
    shutil.copytree(package, closed_folder / package.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed_folder / f"{package.name}.libs")
    monkeypatch.setattr(postgres, "_wheel", lambda: closed_folder / package.name / "pginstall")
    settings = Settings(data=open_folder / "data", postgres_port=free_ports(1)[0])
    settings.data.mkdir()

    cluster = postgres.prepare(settings)

    assert await starts(settings, cluster)
    assert cluster.binaries.is_relative_to(settings.data / "postgres-binaries")


def test_where_neither_can_be_reached_the_remedy_is_told(closed_folder, monkeypatch):
    monkeypatch.setattr(postgres, "SYSTEM_FOLDER", closed_folder / "lib")
    data = closed_folder / "data"
    data.mkdir()

    with pytest.raises(postgres.FolderUnreachable, match="set GENESIS_DATA"):
        postgres.prepare(Settings(data=data))


def test_a_cluster_that_is_gone_is_missed_not_made_anew(closed_folder, open_folder, monkeypatch):
    monkeypatch.setattr(postgres, "SYSTEM_FOLDER", open_folder / "lib")
    data = closed_folder / "data"
    data.mkdir()
    cluster = postgres.prepare(Settings(data=data))
    shutil.rmtree(cluster.folder.parent)

    with pytest.raises(postgres.FolderUnreachable, match="which is gone"):
        postgres.prepare(Settings(data=data))
