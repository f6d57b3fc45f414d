"""A process's word about itself: `DATA/run/<part>.json`, replaced atomically, read by the launcher."""

import json
import logging
import os
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.settings import Settings

log = logging.getLogger(__name__)

State = Literal["starting", "ready"]

EXIT_NEWER = 78
"""Exit code of a part that has met what a newer release wrote: only that release may go on from there."""


@dataclass(frozen=True)
class Liveness:
    """The last word of a part. `facts` are its own figures (assigned partitions, positions, ...)."""

    part: str
    pid: int
    state: State
    at: float
    """Unix time in seconds at which it was written."""
    facts: dict[str, Any] = field(default_factory=dict)

    def age(self) -> float:
        """Seconds since it was written."""
        return max(0.0, time.time() - self.at)


def part_name(default: str) -> str:
    """The name the launcher gave this process (a second worker is `worker-2`), or `default` outside it."""
    return os.environ.get("GENESIS_PART", default)


def report(settings: Settings, part: str, state: State, **facts: Any) -> None:
    """Writes this process's word; call it again every 2 s if the launcher is to watch that it still works.

    The launcher kills a part whose word said it refreshes (`watched=True` among the facts) and that has
    been silent for 30 s. `part` is the default name: under the launcher GENESIS_PART decides.
    """
    name = part_name(part)
    folder = settings.data / "run"
    folder.mkdir(parents=True, exist_ok=True)
    word = {"pid": os.getpid(), "state": state, "at": time.time(), **facts}
    # One temporary file per process: a dying predecessor must not tear the file of its successor.
    draft = folder / f"{name}.json.{os.getpid()}"
    try:
        draft.write_text(json.dumps(word), encoding="utf-8")
        draft.replace(folder / f"{name}.json")
    except OSError as error:
        # On a full disk it is silent for a while, and must be heard again afterwards.
        log.error("this process's word could not be written: %s", error)


def read(settings: Settings, part: str) -> Liveness | None:
    """The last word of `part`, or None if it never spoke or its file can't be read."""
    try:
        word = json.loads((settings.data / "run" / f"{part}.json").read_text(encoding="utf-8"))
        pid, state, at = int(word.pop("pid")), word.pop("state"), float(word.pop("at"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return Liveness(part, pid, state, at, word)


def words(settings: Settings) -> list[Liveness]:
    """The last word of every part that speaks in this data folder, by name; none where it has no such folder."""
    names = sorted(file.stem for file in (settings.data / "run").glob("*.json"))
    return [word for name in names if (word := read(settings, name)) is not None]


def forget(settings: Settings, part: str) -> None:
    """Removes the word of `part`: done before each start, so that an old word never passes for a new one."""
    (settings.data / "run" / f"{part}.json").unlink(missing_ok=True)
