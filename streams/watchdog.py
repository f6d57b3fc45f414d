"""The worker's word about itself, from inside its event loop: ready or not, how far behind, still moving or not."""

import asyncio
import logging
import time
from typing import Any, cast

from connectors import liveness
from connectors.settings import Settings
from genesis.topics import COMMANDS
from streams.app import Machine
from streams.guards import die
from streams.sessions import Counters

EVERY_SECONDS = 2.0
"""Seconds between two words; the launcher kills a worker that has been silent for 30 s."""

STARTING_SECONDS = 0.25
"""Seconds between two looks until it is ready, so that nobody waits for the word longer than for the worker."""

STALLED_SECONDS = 20.0
"""A worker with messages waiting that has committed nothing for so long is not healthy."""

RECOVERING_SECONDS = 60.0
"""A worker that is not ready and whose recovery has not moved for so long is not healthy."""

log = logging.getLogger(__name__)


class Watchdog:
    """Looks at the worker every two seconds; once it is unhealthy it falls silent, and the launcher acts.

    Guards against the idle worker: Faust never asks whether the task that talks to the group coordinator
    still lives, and a worker whose task has died reads nothing for ever without a word.
    """

    def __init__(self, machine: Machine, settings: Settings, counters: Counters) -> None:
        self._machine = machine
        self._settings = settings
        self._counters = counters
        self._seen: object = None
        self._moved_at = time.monotonic()
        self._ready = False

    async def run(self) -> None:
        """Reports until it is cancelled."""
        liveness.report(self._settings, "worker", "starting", watched=True)
        while True:
            await asyncio.sleep(EVERY_SECONDS if self._ready else STARTING_SECONDS)
            self._check_coordinator()
            ready, facts = await self._look()
            if ready != self._ready:
                self._ready = ready
                log.info("%s, partitions %s", "ready" if ready else "not ready", facts["partitions"])
            silent = time.monotonic() - self._moved_at
            if silent > (STALLED_SECONDS if ready else RECOVERING_SECONDS):
                log.error("nothing has moved for %.0f s: lag %s, ready %s", silent, facts["lag"], ready)
                continue
            liveness.report(self._settings, "worker", "ready" if ready else "starting", watched=True, **facts)

    def _check_coordinator(self) -> None:
        consumer = _kafka_consumer(self._machine)
        if consumer is None or self._machine.should_stop:
            return
        try:
            consumer._coordinator.check_errors()
        except Exception as error:
            die(f"the task that talks to the group coordinator has died: {type(error).__name__}")

    async def _look(self) -> tuple[bool, dict[str, Any]]:
        machine = self._machine
        tables = cast(Any, machine.tables)
        ready = bool(tables.actives_ready) and not machine.rebalancing
        committed, lag = await self._positions() if ready else ({}, None)
        remaining = tables.recovery.active_remaining_total() if tables._recovery and not ready else 0
        seen = (ready, tuple(sorted(committed.items())), remaining)
        if lag == 0 or seen != self._seen:
            self._seen, self._moved_at = seen, time.monotonic()
        return ready, {
            "partitions": sorted(committed),
            "committed": committed,
            "lag": lag,
            "recovering": remaining,
            "outdated": machine.sessions.outdated,
            "batches": self._counters.batches,
            "messages": self._counters.messages,
            "outcomes": dict(self._counters.outcomes),
        }

    async def _positions(self) -> tuple[dict[int, int], int | None]:
        """Committed offset of each assigned partition, and how many messages wait behind them all."""
        consumer = cast(Any, self._machine.consumer)
        source = [tp for tp in consumer.assignment() if tp.topic == COMMANDS.name]
        committed = {tp.partition: consumer._committed_offset.get(tp) or 0 for tp in source}
        if not source:
            return committed, 0
        try:
            # Asked of the broker: what the fetcher last heard would not tell that it hears nothing any more.
            ends = await asyncio.wait_for(consumer.highwaters(*source), 5)
        except Exception as error:
            log.warning("the end of %s could not be asked for: %s", COMMANDS.name, type(error).__name__)
            return committed, None
        by_partition = {tp.partition: offset or 0 for tp, offset in ends.items()}
        shorter = [each for each, offset in committed.items() if by_partition.get(each, 0) < offset]
        if shorter:
            die(f"{COMMANDS.name} is shorter than what was read of partitions {shorter}: it was made anew")
        return committed, sum(max(0, by_partition[each] - committed[each]) for each in committed)


def _kafka_consumer(machine: Machine) -> Any:
    consumer = cast(Any, machine)._consumer
    return None if consumer is None else consumer._thread._consumer
