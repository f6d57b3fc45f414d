"""What needs root or other packages; where it can't be done it is named, so that a report says what it lacks."""

import asyncio
import os
import shutil
from pathlib import Path

from chaos.faults.registry import fault
from chaos.ground import Ground, NotMended

LARGEST = 8 << 30
"""Bytes of a file system that is filled up: a larger one may be somebody's."""

FULL_SECONDS = 30.0
"""How long there is no room. Longer than a checkpoint of PostgreSQL and a restart of anything takes."""


def _shared(folder: Path) -> str:
    if not folder.is_mount():
        return "needs a file system of its own: mount a tmpfs as root (3 GB), name its folder with --data"
    if shutil.disk_usage(folder).total > LARGEST:
        return f"{folder} is larger than {LARGEST >> 30} GB"
    return ""


@fault("loss", "disk full", skipped=_shared)
async def disk_full(ground: Ground) -> None:
    """The data folder's file system has no byte left, then has room again."""
    folder = ground.stack.settings.data.parent.parent  # the studio's own folder lies in the one that was named
    if why := _shared(folder):
        raise NotMended(why)
    ballast = folder / "ballast"
    filling = asyncio.create_task(_stay_full(ballast))
    try:
        await asyncio.sleep(FULL_SECONDS * max(ground.long, 0.34))
        if shutil.disk_usage(folder).free > 1 << 20:
            raise NotMended("The disk was not full.")
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
        ballast.unlink(missing_ok=True)
    await ground.all_back()


async def _stay_full(ballast: Path) -> None:
    """Takes all there is, also what others give back."""
    piece = bytes(1 << 12)
    with ballast.open("wb", buffering=0) as file:
        # At once, for the launcher and the clients live in this process.
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(ballast.parent).free - (4 << 20)))
        file.seek(0, os.SEEK_END)
        while True:
            try:
                file.write(piece)
            except OSError:
                await asyncio.sleep(0.05)


@fault("freeze", "clock jumps", skipped=lambda folder: "needs root, or libfaketime under every process")
async def clock_jumps(ground: Ground) -> None:
    """Never struck."""
    raise NotMended("The clock can only be set by hand.")
