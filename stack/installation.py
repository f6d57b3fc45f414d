"""The data folder: whose it is, which format it has, that it is used once at a time and can hold more."""

import fcntl
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

from connectors.settings import Settings
from genesis.errors import GenesisError

FORMAT = "1"
"""Format of the data folder; a release that can't read an older one raises it."""

LEAST_FREE = 512 << 20
"""Bytes that must be free at a start: WAL, topics and logs grow from the first second."""

PATIENCE = 6.0
"""Seconds to wait for a port: parts of a launcher killed a moment ago still hold theirs."""


class AlreadyRunning(GenesisError):
    """Genesis Studio runs on this data folder already; stop it with `genesis stop` or set GENESIS_DATA."""


class DataFolderUnusable(GenesisError):
    """The data folder can't be used; set GENESIS_DATA to another one."""


class DiskFull(GenesisError):
    """There is too little room on the disk of the data folder; make room or set GENESIS_DATA."""


class PortInUse(GenesisError):
    """A port is in use by another program; choose another one by its setting."""


class Installation:
    """A data folder that is ours until `release`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock: int | None = None

    def take(self) -> None:
        """Makes the folder at first start, checks it, and locks it against a second launch.

        Raises AlreadyRunning, DataFolderUnusable or DiskFull.
        """
        data = self.settings.data
        try:
            # A first start cut off before the format was noted has left no more than these.
            fresh = not data.exists() or {entry.name for entry in data.iterdir()} <= {"run", "logs"}
            # As root the database runs under another uid, which must pass through here.
            data.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            (data / "run").mkdir(exist_ok=True)
            (data / "logs").mkdir(exist_ok=True, mode=0o700)
            self._lock = os.open(data / "run" / "launcher.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataFolderUnusable(
                f"The data folder {data} can't be used ({error.strerror}); set GENESIS_DATA to another one."
            ) from error
        if not self._locked(self._lock):
            self.release()
            raise AlreadyRunning(
                f"Genesis Studio runs on the data folder {data} already; "
                "stop it with `genesis stop`, or set GENESIS_DATA to another folder."
            )
        try:
            self._check_format(fresh)
            free = shutil.disk_usage(data).free
            if free < LEAST_FREE:
                raise DiskFull(
                    f"The disk of the data folder {data} has {free >> 20} MB left and {LEAST_FREE >> 20} MB "
                    "are needed; make room or set GENESIS_DATA to a folder on another disk."
                )
        except BaseException:
            self.release()
            raise

    @property
    def taken(self) -> bool:
        """True between `take` and `release`."""
        return self._lock is not None

    def release(self) -> None:
        """Gives the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def note(self, facts: dict[str, Any]) -> None:
        """Writes what runs for `genesis status`; replaced as a whole."""
        file = self.settings.data / "run" / "launcher.json"
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps({"pid": os.getpid(), "at": time.time(), **facts}), encoding="utf-8")
        draft.replace(file)

    @staticmethod
    def _locked(lock: int) -> bool:
        # More than once: `running` holds it for a moment while it looks.
        for _ in range(5):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.05)
        return False

    def _check_format(self, fresh: bool) -> None:
        file = self.settings.data / "format"
        if fresh:
            file.write_text(FORMAT, encoding="ascii")
            return
        if not file.exists():
            raise DataFolderUnusable(
                f"The folder {self.settings.data} holds something else than Genesis Studio's data; "
                "set GENESIS_DATA to an empty or a new folder."
            )
        found = file.read_text(encoding="ascii").strip()
        if found != FORMAT:
            raise DataFolderUnusable(
                f"The data folder {self.settings.data} has format {found} and this release needs {FORMAT}; "
                "start the release that made it, or set GENESIS_DATA to a new folder."
            )


def running(settings: Settings) -> dict[str, Any] | None:
    """What the launcher on this data folder noted last, or None if none runs."""
    run = settings.data / "run"
    try:
        lock = os.open(run / "launcher.lock", os.O_RDWR)
    except OSError:
        return None
    try:
        # A shared lock: two people may ask at once without one of them seeing the other as a launcher.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            facts: dict[str, Any] = json.loads((run / "launcher.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts
    else:
        return None
    finally:
        os.close(lock)


def demand_port(host: str, port: int, part: str, setting: str) -> None:
    """Waits a little for the port to be free; raises PortInUse."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # As the servers themselves do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except PermissionError as error:
                raise PortInUse(f"Port {port} ({part}) is not ours to use; set {setting} above 1023.") from error
            except OSError as error:
                if time.monotonic() > deadline:
                    raise PortInUse(
                        f"Port {port} ({part}) is in use by another program; set {setting} to a free port."
                    ) from error
        time.sleep(0.2)


def forget_word(settings: Settings) -> None:
    """Removes the launcher's last note, at its clean end."""
    (Path(settings.data) / "run" / "launcher.json").unlink(missing_ok=True)
