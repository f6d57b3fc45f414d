"""A reader of one session's stream, who takes it up again with Last-Event-ID whenever it is cut."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any, Self
from uuid import UUID

import aiohttp
import orjson

from chaos.history import Connected, Framed, Recorder, digest
from genesis import wire
from genesis.session.evolve import evolve
from genesis.session.state import Session

PAUSE_SECONDS = 0.05
"""Before a stream is taken up again."""

SILENT_SECONDS = 40.0
"""A stream without even a comment for so long is dead: the server comments every 15 s (design §10)."""


class Reader:
    """Follows a session: `async with Reader(...) as reader`, then wait for what is to come with `until`."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        recorder: Recorder,
        name: str,
        session: UUID,
        chance: random.Random,
        cuts: float = 0.01,
    ) -> None:
        """`cuts`: the share of frames after which the reader itself breaks the connection."""
        self.name, self.session = name, session
        self.state: Session | None = None
        """The session as the events seen so far leave it."""
        self.last = 0
        """Sequence of the last event seen."""
        self.causes: set[UUID] = set()
        """The commands and results whose events have been seen."""
        self.proposals: list[tuple[str, UUID]] = []
        """Stage and id of each proposal seen, oldest first."""
        self._http, self._url, self._recorder = http, url, recorder
        self._chance, self._cuts = chance, cuts
        self._moved = asyncio.Condition()
        self._connections = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name=f"reader {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def moved(self, beyond: int) -> None:
        """Wait until an event after this sequence has been seen. Raises what ended the reader, if anything did."""
        async with self._moved:
            while self.last <= beyond:
                if self._task is not None and self._task.done():
                    self._task.result()
                await self._moved.wait()

    async def _follow(self) -> None:
        try:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
                    await self._connection()
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _connection(self) -> None:
        headers = {"Last-Event-ID": str(self.last), "Accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SILENT_SECONDS)
        address = f"{self._url}/genesis/{self.session}/events/stream"
        async with self._http.get(address, headers=headers, timeout=timeout) as stream:
            if stream.status != 200:
                return
            self._connections += 1
            self._recorder.add(
                Connected(
                    at=time.monotonic(),
                    reader=self.name,
                    session=self.session,
                    connection=self._connections,
                    after=self.last,
                )
            )
            async for body in events(stream):
                await self._take(body)
                if self._chance.random() < self._cuts:
                    return

    async def _take(self, body: dict[str, Any]) -> None:
        self._recorder.add(
            Framed(
                at=time.monotonic(),
                reader=self.name,
                session=self.session,
                connection=self._connections,
                sequence=body["sequence"],
                event_type=body["event_type"],
                cause=body["causation_id"],
                digest=digest(body),
            )
        )
        try:
            recorded = wire.event_from_body(body)
        except wire.Unreadable:
            return
        if recorded.sequence != self.last + 1:
            # For the checker to complain of; what the reader knows stays a history that the kernel can fold.
            return
        self.state = evolve(self.state, recorded)
        self.causes.add(recorded.causation_id)
        if recorded.event.type in ("proposal-made", "proposal-opened"):
            proposal = body["payload"]["proposal"]
            self.proposals.append((proposal["stage"], UUID(proposal["proposal_id"])))
        async with self._moved:
            self.last = recorded.sequence
            self._moved.notify_all()


async def events(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The bodies of the frames that have an id; a frame that was cut off in the middle is left out."""
    data, numbered = b"", False
    async for line in stream.content:
        if line.startswith(b"data:"):
            data += line[5:].strip()
        elif line.startswith(b"id:"):
            numbered = True
        elif line in (b"\n", b"\r\n"):
            if numbered and data:
                yield orjson.loads(data)
            data, numbered = b"", False
