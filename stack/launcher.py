"""Starts the whole stack, keeps it running, and stops it in the right order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Iterable
from dataclasses import asdict
from signal import Signals
from typing import Self

import httpx

from connectors.outbox import register
from connectors.outbox.watchdog import Repair, Watchdog
from connectors.settings import Settings
from genesis.errors import GenesisError
from stack import connect, installation, jars, kafka, migrate, parts, postgres
from stack.parts import ALL, CONNECT, INFRASTRUCTURE, KAFKA, POSTGRES
from stack.progress import Board
from stack.supervision import Part, Standing, Supervisor

__all__ = ["ALL", "INFRASTRUCTURE", "Stack"]

START_SECONDS = 180.0
"""Within which a part must be healthy at the first start."""

START_FAILURES = 4
"""Failures in a row after which a first start is given up."""

JARS, MIGRATIONS, TOPICS, CONNECTOR = "jars", "migrations", "topics", "connector"

log = logging.getLogger(__name__)


class Stack:
    """The running stack of one data folder: `async with Stack(settings) as stack: ...`.

    `parts` chooses what is started: `INFRASTRUCTURE` brings the database, the topics and the connector
    without our own processes. What the settings name as external is used, not started. `mends` starts on what
    an ordinary start refuses, for the commands that put it right: read models of another release, another Kafka.
    """

    def __init__(
        self, settings: Settings, parts: Iterable[str] = ALL, board: Board | None = None, *, mends: bool = False
    ) -> None:
        self.settings = settings
        self.board = board or Board()
        self._wanted = tuple(parts)
        self._mends = mends
        self._installation = installation.Installation(settings)
        self._supervisors: dict[str, Supervisor] = {}
        self._client: httpx.AsyncClient | None = None
        self._watch: asyncio.Task[None] | None = None
        self._watchdog: Watchdog | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Address of the API."""
        return parts.api_url(self.settings)

    @property
    def bootstrap(self) -> str:
        """Address of Kafka."""
        return kafka.bootstrap(self.settings)

    def dsn(self, role: str = "postgres") -> str:
        """DSN of the administrator or of a role."""
        return postgres.dsn(self.settings, role)

    @property
    def standings(self) -> dict[str, Standing]:
        """How each started part is now."""
        return {name: supervisor.standing for name, supervisor in self._supervisors.items()}

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What the watchdog of the pipe has mended since the start."""
        return () if self._watchdog is None else tuple(self._watchdog.repairs)

    async def start(self) -> None:
        """Starts everything; returns when all is healthy, or stops all and raises a GenesisError."""
        self._installation.take()
        try:
            own = [part for part in self._wanted if part in (*parts.embedded(self.settings), *parts.APPLICATION)]
            for host, port, part, setting in parts.ports(self.settings, own):
                await asyncio.to_thread(installation.demand_port, host, port, part, setting)
            self._client = httpx.AsyncClient(timeout=5.0, trust_env=False)
            await self._start(own)
        except BaseException as error:
            # A Ctrl-C in the midst of this must not leave half of it running: see `stop`.
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise _first(error) from None
            raise

    async def stop(self) -> None:
        """Stops everything in order; returns when the last process is gone. May be called at any time, again too.

        Cancelling the caller does not cut the stop short: the next call waits for its end.
        """
        if self._stopping is None or self._stopping.done():
            self._stopping = asyncio.create_task(self._stop(), name="stop the stack")
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        for tier in parts.STOPPING:
            going = [self._supervisors[name] for name in self._supervisors if name.partition("-")[0] in tier]
            await asyncio.gather(*(supervisor.stop() for supervisor in going))
        self._supervisors.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if self._installation.taken:
            installation.forget_word(self.settings)
        self._installation.release()

    def pid(self, part: str) -> int | None:
        """Process id of a part; None while it is not running."""
        return self._supervisors[part].pid

    def kill(self, part: str, signal: Signals = Signals.SIGKILL) -> None:
        """Sends a part a signal; if it dies it is started again at once."""
        self._supervisors[part].kill(signal)

    async def restart(self, part: str) -> None:
        """Ends a part cleanly; it is started again at once. `wait_healthy` tells when it is back."""
        await self._supervisors[part].restart()

    async def wait_healthy(self, part: str, deadline: float = 60.0) -> None:
        """Waits until a part is healthy, at most `deadline` seconds. Raises PartFailed."""
        await self._supervisors[part].wait_ready(deadline)

    async def wait_connector(self, deadline: float = 60.0) -> None:
        """Waits until the connector and its task run, mending what failed. Raises GenesisError."""
        config = register.configuration(*postgres.address(self.settings))
        until = time.monotonic() + deadline
        mended = 0.0
        found = register.Health("ABSENT", ())
        async with self._connect_client() as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    found = await register.health(client)
                    if found.running:
                        return
                    if found.trace and time.monotonic() - mended > register.WATCH_SECONDS:
                        mended = time.monotonic()
                        await register.mend(client, config, found)
                if time.monotonic() > until:
                    raise GenesisError(f"The outbox connector does not run: {found.connector} {found.trace}")
                await asyncio.sleep(0.1)

    async def add_worker(self, name: str) -> None:
        """Starts another worker, e.g. `worker-2`, and waits until it is ready."""
        await self._bring(self._application(name))

    async def remove_worker(self, name: str) -> None:
        """Stops a worker that `add_worker` started."""
        await self._supervisors.pop(name).stop()
        self._note()

    async def _start(self, own: list[str]) -> None:
        uses = {part: part in own or (part in self._wanted and part in INFRASTRUCTURE) for part in ALL}
        self.board.plan(*([JARS] if {KAFKA, CONNECT} & set(own) else []))
        self.board.plan(*(part for part in INFRASTRUCTURE if part in own))
        self.board.plan(*([MIGRATIONS] if uses[POSTGRES] else []), *([TOPICS] if uses[KAFKA] else []))
        self.board.plan(*([CONNECTOR] if uses[CONNECT] else []), *(p for p in parts.APPLICATION if p in own))

        async with asyncio.TaskGroup() as group:
            fetched = group.create_task(self._jars(own))
            stored = group.create_task(self._database(own, uses[POSTGRES]))
            broker = group.create_task(self._broker(own, uses[KAFKA], fetched))
            connector = group.create_task(self._connect(own, fetched, broker))
            await stored
            cluster = await broker
            if uses[POSTGRES] and uses[KAFKA] and not self._mends:
                await migrate.note_installation(self.settings, cluster)
            for part in parts.APPLICATION:
                if part in own:
                    group.create_task(self._bring(self._application(part)))
            await connector
            if uses[CONNECT]:
                with self.board.work(CONNECTOR):
                    await self._connector()
        self._note()

    async def _jars(self, own: list[str]) -> jars.Jars | None:
        if not {KAFKA, CONNECT} & set(own):
            return None
        with self.board.work(JARS):
            return await jars.fetch(
                self.settings, told=lambda done, of: self.board.note(JARS, f"{done} of {of} fetched")
            )

    async def _database(self, own: list[str], used: bool) -> None:
        if POSTGRES in own:
            with self.board.work(POSTGRES):
                cluster = await asyncio.to_thread(postgres.prepare, self.settings)
                await self._up(self._infrastructure(POSTGRES, cluster=cluster))
        if used:
            with self.board.work(MIGRATIONS):
                await postgres.wait_ready(self.settings)
                await migrate.migrate(self.settings, read_models=not self._mends)

    async def _broker(self, own: list[str], used: bool, fetched: Awaitable[jars.Jars | None]) -> str:
        if KAFKA in own:
            got = await fetched
            with self.board.work(KAFKA) as step:
                if got is not None:
                    step.note = "formatting its storage"
                    await kafka.format_storage(self.settings, got)
                    step.note = ""
                await self._up(self._infrastructure(KAFKA, got))
        if not used:
            return ""
        with self.board.work(TOPICS):
            return await kafka.create_topics(self.settings)

    async def _connect(self, own: list[str], fetched: Awaitable[jars.Jars | None], broker: Awaitable[str]) -> None:
        got = await fetched
        await broker
        if CONNECT in own:
            await self._bring(self._infrastructure(CONNECT, got))

    async def _connector(self) -> None:
        config = register.configuration(*postgres.address(self.settings))
        async with self._connect_client() as client:
            await register.register(client, config)
        self._watch = asyncio.create_task(self._watch_pipe(config), name="watch the pipe")
        await self.wait_connector()

    async def _watch_pipe(self, config: dict[str, str]) -> None:
        async with self._connect_client() as client:
            self._watchdog = Watchdog(client, config, self.dsn(), self._note)
            await self._watchdog.run()

    def _connect_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=connect.url(self.settings), timeout=10.0, trust_env=False)

    def _infrastructure(
        self, part: str, got: jars.Jars | None = None, cluster: postgres.Cluster | None = None
    ) -> Part:
        assert self._client is not None, "started"
        return parts.infrastructure(self.settings, part, self._client, got, cluster)

    def _application(self, name: str) -> Part:
        assert self._client is not None, "started"
        return parts.application(self.settings, name, self._client)

    async def _bring(self, part: Part) -> None:
        with self.board.work(part.name):
            await self._up(part)

    async def _up(self, part: Part) -> None:
        supervisor = Supervisor(self.settings, part, self._note)
        self._supervisors[part.name] = supervisor
        supervisor.start()
        await supervisor.wait_ready(START_SECONDS, START_FAILURES)

    def _note(self) -> None:
        if not self._installation.taken:
            return
        try:
            self._installation.note(
                {
                    "url": self.url,
                    "bootstrap": self.bootstrap,
                    "connect": connect.url(self.settings),
                    "repairs": [asdict(repair) for repair in self.repairs],
                    "parts": {name: asdict(standing) for name, standing in self.standings.items()},
                }
            )
        except OSError as error:
            # A full disk, say. `genesis status` shows an older word until then; nobody else needs it.
            log.error("the launcher's note could not be written: %s", error)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What people are told when several things failed at once: the first that is no mere consequence."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if not isinstance(error, asyncio.CancelledError):
            return error
    return group.exceptions[0]
