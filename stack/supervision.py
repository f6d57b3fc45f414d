"""Keeps one part of the stack running: starts it, tells when it is healthy, restarts it with back-off."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from signal import SIGKILL, Signals
from typing import Literal

from connectors import liveness
from connectors.settings import Settings
from genesis.errors import GenesisError
from stack.backoff import Backoff
from stack.processes import Command, last_lines, spawn, trim

ASK_EVERY, WATCH_EVERY = 0.05, 2.0
"""Seconds between two health checks while a part starts, and when it runs."""

SILENT_SECONDS = 30.0
"""A part that says it refreshes its liveness file and has not for so long is killed, as is one whose
health check fails for so long: an idle process that looks alive serves nobody (a Faust worker whose
coordinator has died never says so)."""

START_SECONDS = 120.0
"""A part that has not become healthy so long after its start is killed and started again."""

State = Literal["waiting", "starting", "ready", "pausing", "stopping", "stopped"]

log = logging.getLogger(__name__)


class PartFailed(GenesisError):
    """A part of the stack does not start; its log says why."""


@dataclass(frozen=True)
class Part:
    """What is needed to run one part."""

    name: str
    command: Callable[[], Command]
    """Asked anew for each start."""
    ready: Callable[[], Awaitable[bool]] | None = None
    """Health check; None: the part reports through its liveness file."""
    alive: Callable[[], Awaitable[bool]] | None = None
    """What is watched after it was ready, where that asks less than `ready`."""


@dataclass
class Standing:
    """How a part is at this moment; `changed` of the supervisor tells when."""

    state: State = "waiting"
    pid: int | None = None
    since: float = field(default_factory=time.time)
    """Unix time of the present state."""
    started_at: float = 0.0
    """Unix time of the present process's start."""
    restarts: int = 0
    why: str = ""
    """What went wrong last, in a few words."""


class Supervisor:
    """Runs one part until `stop`."""

    def __init__(
        self,
        settings: Settings,
        part: Part,
        changed: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
    ) -> None:
        self.part = part
        self.standing = Standing()
        self.log = settings.data / "logs" / f"{part.name}.log"
        self._settings = settings
        self._changed = changed
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._backoff = backoff or Backoff()
        self._asked = False
        self._condemned = False
        self._was_ready = False

    @property
    def pid(self) -> int | None:
        """The living process's id."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Begins; `wait_ready` tells when it is there."""
        self._task = asyncio.create_task(self._run(), name=f"supervise {self.part.name}")

    async def wait_ready(self, seconds: float, failures: int | None = None) -> None:
        """Waits until the part is healthy.

        Raises PartFailed after `seconds`, or once it has failed `failures` times in a row.
        """
        deadline = time.monotonic() + seconds
        while not self._ready.is_set():
            if self._task is not None and self._task.done():
                # Its own error says more than ours would.
                self._task.result()
                raise PartFailed(f"{self.part.name} was stopped.")
            if (failures is not None and self._backoff.failures >= failures) or time.monotonic() > deadline:
                raise PartFailed(self._failure())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), 0.1)

    def kill(self, signal: Signals) -> None:
        """Sends the process a signal; what comes of it is supervised as ever."""
        if self._process is None or self._process.returncode is not None:
            raise PartFailed(f"{self.part.name} is not running.")
        if signal in (SIGKILL, self._command.stop_signal):
            self._ready.clear()
            self._asked = True
        self._process.send_signal(signal)

    async def restart(self) -> None:
        """Ends the process cleanly (by force after its limit); it is started again at once."""
        process = self._process
        if process is not None and process.returncode is None:
            self._ready.clear()
            self._asked = True
            await self._end(process)

    async def stop(self) -> None:
        """Ends the part for good; returns when it is gone."""
        self._stop.set()
        if self._task is not None:
            if self._process is not None and self._process.returncode is None:
                self._stand("stopping", self._process.pid)
                await self._end(self._process)
            # Whatever it failed of was told to who waited for it; the others have to be stopped all the same.
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()) is not None:
                log.error("%s was not supervised any more: %r", self.part.name, error)
        self._stand("stopped", None)

    async def _run(self) -> None:
        first = True
        while not self._stop.is_set():
            self._asked = self._condemned = self._was_ready = False
            started = time.monotonic()
            try:
                await self._live()
            except (GenesisError, OSError) as error:
                # At the first start it is the person's to mend; later it may pass (a full disk, say).
                if first:
                    raise
                self.standing.why = str(error)
            if self._stop.is_set():
                return
            first = False
            pause = 0.0 if self._asked else self._pause(time.monotonic() - started)
            self.standing.restarts += 1
            log.warning("%s %s; restarted in %.1f s", self.part.name, self.standing.why, pause)
            self._stand("pausing", None)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    def _pause(self, lived: float) -> float:
        process = self._process
        killed = process is not None and process.returncode == -SIGKILL
        if killed and self._was_ready and not self._condemned:
            return self._backoff.killed()
        return self._backoff.failed(lived)

    async def _live(self) -> None:
        """One life of the process, from its start to its end."""
        liveness.forget(self._settings, self.part.name)
        self._command = self.part.command()
        process = self._process = await spawn(self._command, self.log)
        self.standing.started_at = time.time()
        self._stand("starting", process.pid)
        if self._stop.is_set():
            await self._end(process)
            return
        watch = asyncio.create_task(self._watch(process), name=f"watch {self.part.name}")
        try:
            self.standing.why = _ended(await process.wait())
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            self._ready.clear()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Tells when the process is healthy, keeps its log small, and kills it when it has stopped serving."""
        started = time.monotonic()
        while not await self._healthy(process.pid):
            if self._speaking(process.pid):
                # A worker that recovers a long changelog says so; that is no failure.
                started = time.monotonic()
            elif time.monotonic() - started > START_SECONDS:
                self._condemn(process, f"was not ready after {START_SECONDS:.0f} s")
            await asyncio.sleep(ASK_EVERY)
        self._ready.set()
        self._was_ready = True
        self._stand("ready", process.pid)
        well = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY)
            with contextlib.suppress(OSError):  # without room the log stays as long as it is
                await asyncio.to_thread(trim, self.log)
            if self._stop.is_set() or self._asked or await self._serving(process.pid):
                # One that was asked to end serves nobody and may take its time; `_end` knows how long.
                well = time.monotonic()
            elif time.monotonic() - well > SILENT_SECONDS:
                self._condemn(process, f"has not served for {SILENT_SECONDS:.0f} s")
                well = time.monotonic()

    async def _healthy(self, pid: int) -> bool:
        if self.part.ready is not None:
            return await self.part.ready()
        word = liveness.read(self._settings, self.part.name)
        return word is not None and word.pid == pid and word.state == "ready"

    async def _serving(self, pid: int) -> bool:
        check = self.part.alive or self.part.ready
        if check is not None:
            return await check()
        word = liveness.read(self._settings, self.part.name)
        if word is None or word.pid != pid:
            return False
        return not word.facts.get("watched") or self._speaking(pid)

    def _speaking(self, pid: int) -> bool:
        word = liveness.read(self._settings, self.part.name)
        return word is not None and word.pid == pid and word.age() < 2 * WATCH_EVERY

    def _condemn(self, process: asyncio.subprocess.Process, why: str) -> None:
        log.error("%s %s and is killed", self.part.name, why)
        self._condemned = True
        self._ready.clear()
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self._command.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self._command.stop_seconds)
        except TimeoutError:
            log.error("%s did not end in %.0f s and is killed", self.part.name, self._command.stop_seconds)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return
        if self._command.leaves is not None and self._was_ready:
            draft, name = self._command.leaves
            with contextlib.suppress(FileNotFoundError):
                draft.replace(name)

    def _stand(self, state: State, pid: int | None) -> None:
        self.standing.state, self.standing.pid, self.standing.since = state, pid, time.time()
        self._changed()

    def _failure(self) -> str:
        lines = [line for line in last_lines(self.log) if line.strip()]
        words = f"{self.part.name} does not start"
        words += f" ({self.standing.why})" if self.standing.why else ""
        return f"{words}; the end of {self.log} says:\n" + "\n".join(f"  {line}" for line in lines[-8:])


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by {Signals(-code).name}"
    if code == liveness.EXIT_NEWER:
        return "has met what a newer release wrote; install that release"
    return f"ended with exit code {code}"
