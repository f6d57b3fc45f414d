"""How long a worker without its disk needs to have its sessions back from the changelog (design §8).

`python -m bench.recovery [--sessions 200000]` writes a record of about 1 KB per session into the changelog of a
broker of its own, starts a worker on an empty folder, and prints the seconds until it is ready.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import uvloop

from bench.calibration import calibration
from bench.studio import free_ports
from connectors import kafka as clients
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import messages as m
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.topics import SESSIONS_CHANGELOG
from stack.launcher import Stack
from stack.parts import KAFKA, WORKER


def a_record() -> tuple[UUID, bytes]:
    """A session and what is saved of it: a start with an idea of some length."""
    session = uuid4()
    start = m.StartGenesis(idea="a clerk who sells the sea " * 4)
    step = handle(Envelope(uuid4(), session, "bench", uuid4(), datetime.now(UTC), start, 1), None, Rules())
    assert step.record is not None
    return session, step.record


async def fill(settings: Settings, sessions: int) -> int:
    """A record per session; bytes in all."""
    template_id, template = a_record()
    wire.load_state(template)
    producer = clients.producer(settings, linger_ms=20, max_batch_size=1 << 20)
    await producer.start()
    sent = []
    for _ in range(sessions):
        session = str(uuid4()).encode()
        record = template.replace(str(template_id).encode(), session)
        sent.append(await producer.send(SESSIONS_CHANGELOG.name, record, session))
        if len(sent) == 5000:
            await asyncio.gather(*sent)
            sent.clear()
    await asyncio.gather(*sent)
    await producer.stop()
    return sessions * len(template)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="genesis-bench-"))


async def main(sessions: int) -> None:
    folder = _folder()
    kafka_port, controller = free_ports(2)
    settings = Settings(data=folder / "data", kafka_port=kafka_port, kafka_controller_port=controller)
    try:
        async with Stack(settings, (KAFKA,)) as stack:
            size = await fill(settings.model_copy(update={"bootstrap": stack.bootstrap}), sessions)
            for what in ("disk empty", "disk kept"):
                print(calibration())
                started = time.perf_counter()
                await stack.add_worker(WORKER)
                seconds = time.perf_counter() - started
                print(f"{sessions} records, {size >> 20} MB, {what}: ready after {seconds:.1f} s")
                await stack.remove_worker(WORKER)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200_000)
    uvloop.run(main(parser.parse_args().sessions))
