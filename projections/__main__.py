"""`python -m projections`: the projector, and beside it the sweeper."""

import asyncio
import logging
import signal
import sys

import uvloop

from connectors.settings import Settings
from genesis.errors import GenesisError
from projections import sweeper
from projections.runner import Runner

log = logging.getLogger("projections")


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
    try:
        uvloop.run(main(Settings()))
    except GenesisError as error:
        log.error("%s", error)
        sys.exit(1)
