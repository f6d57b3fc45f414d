"""A whole studio of its own for a bench: temporary data folder, free ports, provider `bench`, CPU per process."""

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from connectors.settings import Settings
from stack.launcher import Stack


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _folder(parent: Path | None) -> Path:
    # PostgreSQL's user must be able to pass through it.
    folder = Path(tempfile.mkdtemp(prefix="genesis-bench-", dir=parent))
    folder.chmod(0o711)
    return folder


@asynccontextmanager
async def studio(kind: Callable[[Settings], Stack] = Stack, parent: Path | None = None) -> AsyncIterator[Stack]:
    """Every part started and healthy; all of it gone afterwards.

    `kind` makes the stack of its settings; its folder is made in `parent`, or with other temporary ones.
    """
    folder = _folder(parent)
    api, postgres, kafka, controller, connect = free_ports(5)
    settings = Settings(
        data=folder / "data",
        port=api,
        postgres_port=postgres,
        kafka_port=kafka,
        kafka_controller_port=controller,
        connect_port=connect,
        bench_provider=True,
    )
    try:
        async with kind(settings) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


PARTS = ("postgres", "kafka", "connect", "worker", "generator", "projector", "api")


def cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds each part has used so far, its children included."""
    used: dict[str, float] = {}
    for part in PARTS:
        try:
            pid = stack.pid(part)
            process = psutil.Process(pid if pid else 0)
            family = [process, *process.children(recursive=True)]
            used[part] = sum(sum(each.cpu_times()[:2]) for each in family)
            # Backends that have ended are counted in their parent's children times.
            used[part] += sum(process.cpu_times()[2:4])
        except psutil.NoSuchProcess:
            used[part] = 0.0
    return used
