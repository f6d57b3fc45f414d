"""Partial text, straight from its topic to the streams: shown while it is made, stored nowhere."""

import asyncio
import logging
from typing import Any
from uuid import UUID

import stamina
from aiokafka.errors import KafkaError
from pydantic_core import from_json

from api.hub import Hub
from connectors import kafka
from connectors.settings import Settings
from genesis import topics

log = logging.getLogger(__name__)

GATHER_MS = 100
"""Longest a partial text lies in the broker before it is fetched: ten looks a second are enough for a reader."""


class Progress:
    """Hears genesis.progress from now on, without a group: every API process needs all of it."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        self.listening = False
        """True once it hears the topic."""

    async def run(self) -> None:
        """Hand out partial texts for ever. While Kafka is away streams carry events only."""
        while True:
            async for attempt in stamina.retry_context(
                on=(KafkaError, OSError), attempts=None, timeout=None, wait_initial=0.2, wait_max=5.0
            ):
                with attempt:
                    consumer = await self._started()
            try:
                await self._follow(consumer)
            except KafkaError as error:
                log.warning("partial text is interrupted: %s", type(error).__name__)
                await asyncio.sleep(1.0)
            finally:
                self.listening = False
                await consumer.stop()

    async def _started(self) -> Any:
        consumer = kafka.listener(
            self._settings,
            topics.PROGRESS.name,
            client_id="genesis-api",
            fetch_min_bytes=1 << 20,
            fetch_max_wait_ms=GATHER_MS,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _follow(self, consumer: Any) -> None:
        self.listening = True
        while True:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
                for record in records:
                    self.hand_out(record.key, record.value)

    def hand_out(self, key: bytes | None, value: bytes | None) -> None:
        """Give one message of the topic to whoever follows its session; what can't be read is not shown."""
        try:
            session = UUID((key or b"").decode())
            if not value or not self._hub.has(session):
                return
            task = str(from_json(value)["task_id"])
        except (ValueError, KeyError, TypeError):
            return
        if b"\n" not in value and b"\r" not in value:
            self._hub.push_progress(session, task, b"event: progress\ndata: %b\n\n" % value)
