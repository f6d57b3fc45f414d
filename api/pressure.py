"""Whether the machine keeps up: where it has fallen behind, the door takes nothing until it has caught up."""

import asyncio
import logging
import math

from api.problems import MachineBehind
from connectors.outbox.unsettled import Unsettled, UnsettledCommands
from connectors.pipe import slot_room
from connectors.postgres import UNAVAILABLE, Pool
from connectors.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Seconds between two looks. One look serves all requests: none of them counts anything itself."""

LEAST_ROOM = 256 << 20
"""Bytes of WAL that the replication slot must still have room for; without room the server gives the slot up."""


class Pressure:
    """Closes the door when too many commands wait, one waits too long, or the WAL for them runs out of room.

    It opens again at half of each limit, so that it does not swing with every command.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._limit = settings.unsettled_limit
        self._seconds = settings.unsettled_seconds
        self._pool = pool
        self._commands = UnsettledCommands()
        self.closed = ""
        """Why the door is closed, for the log; empty: it is open."""
        self.waiting: Unsettled | None = None
        """What the last look found; None before the first."""
        self.room: int | None = None
        """Bytes of WAL that the replication slot had room for at the last look; None where nothing is at stake."""

    def require_room(self) -> None:
        """What every command asks first. Raises MachineBehind."""
        if self.closed:
            raise MachineBehind

    async def run(self) -> None:
        """Look until cancelled. While the database is away the last word stands: nothing is accepted then anyway."""
        while True:
            try:
                await self.look()
            except UNAVAILABLE as error:
                log.info("the database gives no answer: %s", type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Judge anew."""
        # Closed already, half is what counts.
        share = 0.5 if self.closed else 1.0
        limit = math.ceil(self._limit * share)
        waiting = self.waiting = await self._commands.look(self._pool, limit)
        room = self.room = await slot_room(self._pool)
        why = ""
        if waiting.count >= limit:
            why = f"{waiting.count} commands or more have no outcome"
        elif waiting.age >= self._seconds * share:
            why = f"a command has had no outcome for {waiting.age:.0f} s"
        elif room is not None and room < LEAST_ROOM / share:
            why = f"the replication slot has room for {room >> 20} MB of WAL"
        if bool(why) != bool(self.closed):
            if why:
                log.warning("the door is closed: %s", why)
            else:
                log.warning("the door is open again")
        self.closed = why
