"""`python -m projections`: the projector, and beside it the sweeper."""

import asyncio
import gc
import logging
import signal
import sys

import uvloop

from connectors.liveness import EXIT_NEWER
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.wire import Newer
from projections import sweeper
from projections.runner import Runner

log = logging.getLogger("projections")


class Sparing(logging.Filter):
    """Lets aiokafka say the same once in ten seconds: while the broker is away it would fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True for what is to be written."""
        if not record.name.startswith("aiokafka"):
            return True
        if record.created - self._said.get(record.name, 0.0) < 10:
            return False
        self._said[record.name] = record.created
        return True


async def main(settings: Settings) -> None:
    """Project and sweep until SIGTERM or SIGINT, or until one of the two can't go on, which ends the other."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(Runner(settings, stop).run(), name="projector"),
        asyncio.create_task(sweeper.run(settings, stop), name="sweeper"),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, BaseException):
            raise result


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparing())
    try:
        # What was made by now lives for ever; every full collection would walk through it.
        gc.collect()
        gc.freeze()
        uvloop.run(main(Settings()))
    except GenesisError as error:
        log.error("%s", error)
        sys.exit(EXIT_NEWER if isinstance(error, Newer) else 1)
