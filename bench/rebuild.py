"""How many events a second a rebuild folds into the read models (design §12).

`python -m bench.rebuild [--sessions 1000]` has the kernel write whole sessions with the provider `bench`, fifty side
by side, into a broker of its own, rebuilds from it and prints the rate.
"""

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import uvloop

from bench.calibration import calibration
from bench.studio import free_ports
from connectors import kafka as clients
from connectors.providers.bench import BenchProvider
from connectors.providers.protocol import Final
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.events import Recorded
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Review, Session
from genesis.topics import EVENTS
from projections.rebuild import rebuild
from stack import postgres
from stack.launcher import Stack
from stack.parts import KAFKA, POSTGRES


class Writer:
    """One session from its start to its novel, as load W makes it."""

    def __init__(self) -> None:
        self.state: Session | None = None
        self.history: list[Recorded] = []
        self._id = uuid4()
        self._at = datetime.now(UTC)

    async def write(self) -> list[Recorded]:
        """All events."""
        requests = self._told(m.StartGenesis(idea="a load of salt"), uuid4())
        for stage in Stage:
            [request] = requests
            async for event in BenchProvider().generate(request):
                if isinstance(event, Final):
                    result = m.GenerationSucceeded(
                        task_id=request.task_id,
                        attempt=1,
                        stage=stage,
                        candidates=event.candidates,
                        provenance=event.provenance,
                    )
                    self._told(result, identity.result_id(request.task_id, 1), numbered=False)
            assert self.state is not None
            phase = self.state.slot(stage).phase
            assert isinstance(phase, Review)
            draft = phase.draft
            requests = self._told(
                m.ConfirmStage(stage=stage, proposal_id=draft.proposal_id, candidate=draft.candidates[0].id), uuid4()
            )
        self._told(m.FinishGenesis(), uuid4())
        return self.history

    def _told(self, message: m.Message, id: UUID, numbered: bool = True) -> tuple[m.GenerationRequest, ...]:
        self._at += timedelta(seconds=1)
        number = (self.state.command_no if self.state else 0) + 1 if numbered else None
        step = handle(Envelope(id, self._id, "bench", id, self._at, message, number), self.state, Rules())
        self.state = step.state
        self.history += step.events
        return step.requests


async def fill(settings: Settings, sessions: int, side_by_side: int = 50) -> tuple[int, int]:
    """So many sessions in genesis.events, `side_by_side` of them at a time; messages and bytes."""
    producer = clients.producer(settings, linger_ms=5)
    await producer.start()
    count = size = 0
    draw = random.Random(1)
    for begin in range(0, sessions, side_by_side):
        histories = [await Writer().write() for _ in range(min(side_by_side, sessions - begin))]
        sent = []
        while histories := [each for each in histories if each]:
            recorded = draw.choice(histories).pop(0)
            value = wire.dump_event(recorded)
            count, size = count + 1, size + len(value)
            key = str(recorded.session_id).encode()
            sent.append(await producer.send(EVENTS.name, value, key, headers=wire.event_headers(recorded)))
        await asyncio.gather(*sent)
    await producer.stop()
    return count, size


def _folder() -> Path:
    # PostgreSQL's user must be able to pass through it.
    folder = Path(tempfile.mkdtemp(prefix="genesis-bench-"))
    folder.chmod(0o711)
    return folder


async def main(sessions: int) -> None:
    folder = _folder()
    port, kafka_port, controller = free_ports(3)
    settings = Settings(
        data=folder / "data", postgres_port=port, kafka_port=kafka_port, kafka_controller_port=controller
    )
    try:
        async with Stack(settings, (POSTGRES, KAFKA)) as stack:
            reached = settings.model_copy(update={"bootstrap": stack.bootstrap})
            count, size = await fill(reached, sessions)
            print(calibration())
            started, used = time.perf_counter(), time.process_time()
            done = await rebuild(reached, postgres.dsn(settings), alone=True)
            seconds, used = time.perf_counter() - started, time.process_time() - used
            print(
                f"{done.messages} events of {sessions} sessions, {size / count:.0f} bytes each: {seconds:.2f} s, "
                f"{done.messages / seconds:.0f} events/s; the process itself used {used:.2f} s of CPU"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    uvloop.run(main(parser.parse_args().sessions))
