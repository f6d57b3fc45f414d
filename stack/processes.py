"""What it takes to start one part as a process: its command line, its user, its log, its way to end."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.settings import Settings

LOG_BYTES = 8 << 20
"""Size in bytes past which a log is moved aside; one older log is kept, so a part holds about twice this."""

_TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True)
class Command:
    """How a part is run. `argv[0]` is an absolute path."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's own environment."""
    cwd: Path | None = None
    user: tuple[int, int] | None = None
    """uid and gid to run as; None: the launcher's own."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks for a clean end."""
    stop_seconds: float = 15.0
    """After so long without an end the part is killed."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the launcher is gone (Linux)."""
    leaves: tuple[Path, Path] | None = None
    """A file that a clean end leaves behind, and the name it gets then: half a file never has that name."""

    def tethered(self) -> tuple[str, ...]:
        """The command line that runs `argv` as `user` and bound to this process's life."""
        uid, gid = self.user or (-1, -1)
        head = (sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(self.death_signal)))
        return (*head, str(uid), str(gid), *self.argv)

    def environment(self) -> dict[str, str]:
        """The launcher's environment with this command's own on top; settings, some secret, are left out."""
        settings = {f"GENESIS_{name}".upper() for name in Settings.model_fields}
        return {name: value for name, value in os.environ.items() if name not in settings} | dict(self.env)


async def spawn(command: Command, log: Path) -> asyncio.subprocess.Process:
    """Starts the command; what it prints is appended to `log`."""
    with open_log(log) as output:
        return await asyncio.create_subprocess_exec(
            *command.tethered(),
            env=command.environment(),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextlib.contextmanager
def open_log(log: Path) -> Iterator[int]:
    """A descriptor for appending to `log`; O_APPEND lets `trim` cut the file under a running writer."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def trim(log: Path, limit: int = LOG_BYTES) -> bool:
    """Moves a log past its limit to `<log>.1` by copy and cut; True if it did.

    The parts write to the file themselves, so that a stopped launcher blocks nobody; lines written
    between copy and cut are lost, which a log can bear.
    """
    try:
        if log.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    older = log.with_name(log.name + ".1")
    shutil.copyfile(log, older)
    older.chmod(0o600)
    os.truncate(log, 0)
    return True


def last_lines(log: Path, count: int = 12, limit: int = 16_384) -> list[str]:
    """The last lines of a log, for telling why a part failed."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - limit))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
