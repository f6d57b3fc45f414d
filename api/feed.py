"""The feed: one session's events to one client, each once and in order, over Server-Sent Events (design §10).

Frames: `id` = sequence, `event` = event type, `data` = the event's body. Partial text comes as `event: progress`
without an id, so that it never moves the client's position; it may come late, so a client ignores it for a task
that has ended. A comment comes every 15 s. A stream stays open after the session's end: the cost of discarded
results and refusals may still follow, and closing it would only make every EventSource come back for ever.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.hub import Hub, Subscription, event_frame
from api.local_auth import owner
from api.problems import Malformed
from api.studio import studio_of
from connectors.postgres import UNAVAILABLE, Pool
from genesis.errors import GenesisError
from projections.domain_events import queries as domain_events

log = logging.getLogger(__name__)

COMMENT_SECONDS = 15.0
"""Seconds of silence after which a comment shows client and proxies that the stream lives."""

PAGE = 200
"""Stored events read at once."""

CHUNK_BYTES = 64 << 10
"""Bytes given to the server at once, so that a slow client is noticed before its whole history lies in memory."""

BEGIN = b"retry: 1000\n\n"
"""Sent first: has the headers on their way, and tells EventSource to come back after a second."""

router = APIRouter(tags=["stream"])


@router.get("/genesis/{session_id}/events/stream", response_class=Response)
async def stream(
    request: Request,
    session_id: UUID,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The session's events after `Last-Event-ID` (or `?after=`), each once and in order, and what follows, as SSE."""
    if last_event_id:
        if not last_event_id.isdecimal() or len(last_event_id) > 18:
            raise Malformed("Last-Event-ID: is the id of the last frame you have, a whole number.")
        after = int(last_event_id)
    studio = studio_of(request)
    studio.hub.require_settled()
    await studio.require_session(session_id, owner(request))
    return Feed(studio.hub, studio.pool, session_id, after)


class HistoryHasHole(GenesisError):
    """An event of the session is missing from its history. `genesis status` tells what is broken."""


class Feed(Response):
    """An open stream: the response of the stream's endpoint."""

    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(self, hub: Hub, pool: Pool, session_id: UUID, after: int) -> None:
        """`after` is the sequence of the last event the client has."""
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        self._hub = hub
        self._pool = pool
        self._session = session_id
        self._last = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream until the client goes, is too slow, or the server stops. Raises TooManyStreams."""
        # Join first, then read what was before: what happens in between comes twice and is told by its sequence.
        with self._hub.join(self._session) as subscription:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            work = (
                asyncio.create_task(self._send_all(subscription, send)),
                asyncio.create_task(_disconnected(receive)),
                asyncio.create_task(subscription.cut.wait()),
            )
            try:
                await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in work:
                    each.cancel()
                await asyncio.wait(work)
        if not work[0].cancelled():
            work[0].result()
        if subscription.cut.is_set():
            self._hub.cut += 1
            log.info("a client of session %s was too slow and was cut off; it resumes", self._session)

    async def _send_all(self, subscription: Subscription, send: Send) -> None:
        ending = b": bye\n\n"
        try:
            async for data in self._frames(subscription):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except UNAVAILABLE as error:
            log.warning("a stream of session %s ended: %s", self._session, type(error).__name__)
            ending = b": interrupted, come back with Last-Event-ID\n\n"
        except HistoryHasHole:
            log.error("session %s: event %d is missing", self._session, self._last + 1)
            ending = b": an event is missing\n\n"
        await send({"type": "http.response.body", "body": ending, "more_body": False})

    async def _frames(self, subscription: Subscription) -> AsyncIterator[bytes]:
        yield BEGIN
        async for data in self._stored():
            yield data
        while True:
            frames, progress = subscription.take()
            waiting: list[bytes] = []
            for frame in frames:
                if frame.sequence > self._last + 1:
                    if waiting:
                        yield b"".join(waiting)
                        waiting.clear()
                    async for data in self._stored(upto=frame.sequence - 1):
                        yield data
                    if frame.sequence > self._last + 1:
                        raise HistoryHasHole
                if frame.sequence == self._last + 1:
                    waiting.append(frame.data)
                    self._last = frame.sequence
            if waiting or progress:
                yield b"".join((*waiting, *progress))
            elif subscription.closing:
                return
            else:
                try:
                    async with asyncio.timeout(COMMENT_SECONDS):
                        await subscription.woken.wait()
                except TimeoutError:
                    yield b":\n\n"

    async def _stored(self, upto: int | None = None) -> AsyncIterator[bytes]:
        """The stored events after the last one sent, in chunks."""
        while upto is None or self._last < upto:
            async with self._pool.acquire(timeout=5.0) as connection:
                rows = await domain_events.after(connection, self._session, self._last, PAGE)
            chunk: list[bytes] = []
            size = 0
            for row in rows:
                frame = event_frame(row)
                if frame.sequence != self._last + 1:
                    raise HistoryHasHole
                chunk.append(frame.data)
                size += len(frame.data)
                self._last = frame.sequence
                if size >= CHUNK_BYTES:
                    yield b"".join(chunk)
                    chunk, size = [], 0
            if chunk:
                yield b"".join(chunk)
            if len(rows) < PAGE:
                return


async def _disconnected(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
