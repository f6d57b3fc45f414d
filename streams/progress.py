"""Partial texts on their way to genesis.progress: newest wins, at most one under way per generation."""

import asyncio
import logging
from typing import Any, Protocol
from uuid import UUID

import orjson

from genesis.session.messages import GenerationRequest
from genesis.topics import PROGRESS

EVERY_SECONDS = 0.1
"""At least so long between two partial texts of one generation; an eye follows no faster."""

log = logging.getLogger(__name__)


class Sender(Protocol):
    """What an aiokafka producer does here."""

    async def send(self, topic: str, value: bytes | None = None, key: bytes | None = None) -> asyncio.Future[Any]:
        """Queues a record; the future is done when it is acknowledged."""


class Progress:
    """Sends what a running generation has written so far. A lost partial text is no loss: the next is whole."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._newest: dict[UUID, bytes] = {}
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self.sent = 0

    def offer(self, request: GenerationRequest, attempt: int, text: str) -> None:
        """Takes the whole text so far; one that has not left yet is replaced by it."""
        self._newest[request.task_id] = orjson.dumps(
            {
                "session_id": str(request.session_id),
                "task_id": str(request.task_id),
                "stage": str(request.stage),
                "attempt": attempt,
                "text": text,
            }
        )
        if request.task_id not in self._under_way:
            self._under_way[request.task_id] = asyncio.create_task(self._send(request))

    def end(self, task_id: UUID) -> None:
        """The generation is over: what has not left yet is void."""
        self._newest.pop(task_id, None)

    async def close(self) -> None:
        """Gives up what is under way."""
        self._newest.clear()
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _send(self, request: GenerationRequest) -> None:
        key = str(request.session_id).encode()
        try:
            while (value := self._newest.pop(request.task_id, None)) is not None:
                sent = await self._sender.send(PROGRESS.name, value, key)
                await sent
                self.sent += 1
                await asyncio.sleep(EVERY_SECONDS)
        except Exception as error:
            log.warning("partial texts of %s are not shown: %s", request.task_id, type(error).__name__)
        finally:
            del self._under_way[request.task_id]
