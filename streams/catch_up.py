"""Brings a table up to its changelog many times faster than Faust's own recovery, which then reads only the tail.

Faust hands every record through its event loop, 2,000 to 5,000 a second; here batches are written to RocksDB as they
come from the broker.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from faust.types import TP

from connectors import reading
from connectors.settings import Settings
from genesis.topics import SESSIONS_CHANGELOG

RECORDS = 5000
"""Records taken at once."""

LEAST = 1000
"""Records behind from which on it is worth the trouble."""

SECONDS = 60.0
"""Longest time: the recovery around it waits 90 s for this step. What is left is read by Faust."""

log = logging.getLogger(__name__)


class Table(Protocol):
    """Where the records go; streams.guards.DurableTable in a worker."""

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Writes records of one partition of the changelog, in their order, with the offset of the last."""


async def catch_up(
    settings: Settings,
    table: Table,
    offsets: MutableMapping[TP, int],
    highwaters: Mapping[TP, int | None],
    is_void: Callable[[], bool],
) -> int:
    """Read the changelog into the table as far as it goes now; how many records that were.

    `offsets` holds the last offset that the table has of each partition and is moved on, `highwaters` the last one
    there is. `is_void` is asked before each batch: True once the partitions may be somebody else's, and then nothing
    more is written. What can't be read is left to the ordinary recovery.
    """
    begin = {tp.partition: last + 1 for tp, last in offsets.items()}
    end = {tp.partition: last + 1 for tp, last in highwaters.items() if last is not None and tp in offsets}
    if sum(max(0, stop - begin[number]) for number, stop in end.items()) < LEAST:
        return 0
    started = time.monotonic()
    done = 0
    try:
        async for batch in reading.read(settings, SESSIONS_CHANGELOG.name, begin, end, records=RECORDS):
            if is_void() or time.monotonic() - started > SECONDS:
                break
            for partition, records in groupby(batch, key=lambda record: int(record.partition)):
                tp, found = TP(SESSIONS_CHANGELOG.name, partition), list(records)
                table.restore(tp, found)
                offsets[tp] = found[-1].offset
            done += len(batch)
            # On the same loop the watchdog says that the worker lives.
            await asyncio.sleep(0)
    except reading.TopicUnreadable as error:
        log.warning("the changelog could not be read ahead, which makes the recovery slower: %s", error)
    seconds = time.monotonic() - started
    log.info("%d records of the changelog in %.1f s, %.0f/s", done, seconds, done / max(seconds, 0.001))
    return done
