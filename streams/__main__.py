"""`python -m streams`: one worker of the sessions agent, until SIGTERM; 0 after a clean stop."""

import asyncio
import gc
import logging
import os
import sys

import faust
import uvloop
from aiokafka.errors import KafkaError

from connectors.settings import Settings
from streams import app, sessions
from streams.watchdog import Watchdog


def main() -> int:
    """Runs the worker. The faust command line is not used: it reads settings of its own and starts a web server."""
    settings = Settings()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    # Services log under the module they are declared in. Tables and start messages are of no use to an operator,
    # and aiokafka repeats itself a hundred times a second while a topic is missing.
    for chatty in ("faust", "mode", "aiokafka", "streams.app", "streams.guards"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("aiokafka.cluster").setLevel(logging.CRITICAL)
    # The policy, not a loop: the thread of the consumer makes a loop of its own.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # What was made by now lives for ever; every full collection would walk through it.
    gc.collect()
    gc.freeze()
    return loop.run_until_complete(run(settings, loop))


async def run(settings: Settings, loop: asyncio.AbstractEventLoop) -> int:
    """The worker's life; returns its exit code."""
    machine = app.declare(settings)
    counters = sessions.Counters()
    sessions.attach(machine, settings, counters)
    machine.finalize()
    machine.conf.datadir.mkdir(parents=True, exist_ok=True)
    watchdog = loop.create_task(Watchdog(machine, settings, counters).run())
    worker = faust.Worker(machine, loop=loop, override_logging=False, redirect_stdouts=False, quiet=True)
    # It would write terminal codes into the log.
    worker.spinner = None
    try:
        # The worker installs the handlers of SIGTERM and SIGINT. Its start returns when a stop begins, not when
        # it is over: what is in work, the last commit and the producer's buffer are waited for here.
        await worker.start()
        await (worker._signal_stop_future or worker.stop())
    except KafkaError as error:
        logging.critical(
            "Kafka can't be used at %s (%s); see whether it runs", settings.bootstrap, type(error).__name__
        )
        return 1
    finally:
        watchdog.cancel()
    if worker.crash_reason:
        logging.critical("the worker crashed: %s", type(worker.crash_reason).__name__)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Everything is stopped and committed; Faust's way out would wait two seconds more for its own threads.
    os._exit(code)
