"""The real stack, used as a client would: HTTP and SSE, with reconnects."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import httpx
from httpx_sse import EventSource
from pydantic_core import from_json

from genesis.session.state import Session
from stack.launcher import Stack
from tests.scenarios.saved import saved_state
from tests.scenarios.studio import Body, Sent


class RealStudio:
    """A client of the API; a cut stream is taken up again with Last-Event-ID, as the contract says."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        url = f"http://127.0.0.1:{stack.settings.port}"
        self.client = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(10, read=30), trust_env=False)
        self.reconnects = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def send(
        self,
        session: UUID | None,
        command_type: str,
        payload: Body,
        key: str | None = None,
        expected_version: int | None = None,
    ) -> Sent:
        body: Body = {"command_type": command_type, "payload": payload}
        if session and command_type != "START_GENESIS":
            body["session_id"] = str(session)
        # One key over all tries: a request whose answer was lost is the same command when sent again.
        headers = {"Idempotency-Key": key or str(uuid4())}
        if expected_version is not None:
            headers["If-Match"] = f'"{expected_version}"'
        while True:
            try:
                answer = await self.client.post("/genesis/commands", json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code != 202:
                return Sent(answer.status_code)
            accepted = answer.json()
            return Sent(202, UUID(accepted["command_id"]), UUID(accepted["session_id"]), accepted["command_no"])

    async def events(self, session: UUID, after: int = 0) -> AsyncIterator[Body]:
        while True:
            try:
                headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
                async with self.client.stream(
                    "GET", f"/genesis/{session}/events/stream", headers=headers
                ) as response:
                    if response.status_code == 200:
                        async for frame in EventSource(response).aiter_sse():
                            if frame.id and frame.data and frame.event != "progress":
                                body = from_json(frame.data)
                                after = body["sequence"]
                                yield body
            except httpx.TransportError:
                pass
            self.reconnects += 1
            await asyncio.sleep(0.05)

    async def outcome(self, command: UUID) -> Body:
        while True:
            try:
                answer = await self.client.get(f"/genesis/commands/{command}")
                if answer.status_code == 200:
                    return dict(answer.json())
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)

    async def state(self, session: UUID) -> Body:
        """GET /genesis/{id}/state."""
        answer = await self.client.get(f"/genesis/{session}/state")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def saved(self, session: UUID, sequence: int) -> Session | None:
        """What the machine has saved of a session, once it is at this sequence."""
        return await saved_state(self.stack.settings, session, sequence)
