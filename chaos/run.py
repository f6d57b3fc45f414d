"""One run: clients write, the nemesis strikes, everything comes to rest, the checker judges."""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO
from uuid import UUID

import aiohttp

from chaos import outages
from chaos.checker.replay import replay
from chaos.checker.verdict import judge
from chaos.checker.violation import Kind, Violation
from chaos.door import Door
from chaos.evidence import Evidence
from chaos.faults.registry import Fault
from chaos.gather import Gatherer, NeverAtRest
from chaos.ground import Ground, NotMended
from chaos.history import Answered, Entry, Recorder
from chaos.history import Fault as Struck
from chaos.novelist import Novelist
from chaos.reader import Reader
from genesis.errors import GenesisError
from stack.launcher import Stack

LOST = {Kind.LOST_COMMAND, Kind.MISSING_EVENT, Kind.UNDECIDED, Kind.STREAM_MISSED}
DOUBLED = {Kind.DOUBLED_EVENT, Kind.STREAM_DOUBLED, Kind.FORKED_EVENT, Kind.PAID_TWICE}


@dataclass(frozen=True)
class Plan:
    """What is to be done. `seed` decides everything that is not decided by time."""

    seconds: float
    seed: int
    clients: int
    faults: Sequence[Fault]
    provider: str = ""
    """Text maker of the sessions; empty takes the built-in one."""
    alone: bool = False
    """Each fault once, in order, with a calm before it; else at random for as long as the time lasts."""
    calm: float = 2.0
    """Mean seconds between two faults."""
    long: float = 1.0
    """Factor on how long the long faults last."""
    rest_seconds: float = 180.0
    """Within which everything must have come to rest after the last fault."""


@dataclass
class Report:
    """What came of a run."""

    plan: Plan
    evidence: Evidence
    violations: list[Violation]
    seconds: float
    struck: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def commands(self) -> int:
        """Commands that were acknowledged with 202, each counted once."""
        return len(
            {entry.command for entry in self.evidence.history if isinstance(entry, Answered) and entry.command}
        )

    def count(self, kinds: set[Kind]) -> int:
        """How many violations are of these kinds."""
        return sum(1 for violation in self.violations if violation.kind in kinds)

    def lines(self) -> list[str]:
        """The report for people."""
        log = self.evidence.log
        events = sum(len({body["sequence"] for body in bodies}) for bodies in log.values())
        repeats = sum(replay(session, bodies).repeats for session, bodies in log.items())
        waits = sorted(wait.seconds for wait in outages.waits(self.evidence.history))
        middle = f"{1000 * waits[len(waits) // 2]:.0f} ms" if waits else "-"
        longest = f"{waits[-1]:.1f} s" if waits else "-"
        head = [
            f"seed {self.plan.seed}, {self.seconds:.0f} s, {self.plan.clients} clients,"
            f" {sum(self.struck.values())} faults",
            f"{len(log)} sessions, {self.commands} commands acknowledged, {events} events"
            f" ({repeats} stand twice on the log, the same bytes)",
            f"lost {self.count(LOST)}, doubled {self.count(DOUBLED)}, violations {len(self.violations)}",
            f"a command's wait for its first event: middle {middle}, longest {longest}",
        ]
        table = [
            f"  {name:<32} {len(felt):>4} times, longest wait {max(felt):6.1f} s"
            for name, felt in sorted(outages.by_fault(self.evidence.history).items())
        ]
        return [*head, *table, *self.notes, *(str(violation) for violation in self.violations[:40])]


async def run(stack: Stack, plan: Plan, file: IO[str] | None = None) -> Report:
    """Carry the plan out on a running stack; entries of the history are also written to `file`."""
    recorder = Recorder(file)
    chance = random.Random(plan.seed)
    ground = Ground(stack, random.Random(chance.random()), long=plan.long)
    started = time.monotonic()
    enough = asyncio.Event()
    calls = itertools.count(1)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**20) as http:
        novelists = [
            Novelist(
                Door(http, stack.url, recorder, calls), f"client {n}", random.Random(chance.random()), plan.provider
            )
            for n in range(plan.clients)
        ]
        writing = [asyncio.create_task(novelist.write(enough)) for novelist in novelists]
        try:
            await _strike(ground, plan, recorder, started + plan.seconds)
            await ground.all_back()
        except NotMended as error:
            ground.notes.append(str(error))
        enough.set()
        seconds = time.monotonic() - started
        ground.notes += await _finished(writing, novelists, plan.rest_seconds)
        readers = [reader for novelist in novelists for reader in novelist.readers]
        sessions = sorted(_acknowledged(recorder.entries))
        settings = stack.settings.model_copy(update={"bootstrap": stack.bootstrap})
        gatherer = Gatherer(settings, stack.dsn())
        try:
            await gatherer.rest(sessions, readers, plan.rest_seconds)
        except NeverAtRest as error:
            ground.notes.append(str(error))
        for novelist in novelists:
            await novelist.rest()
    evidence = await gatherer.evidence(sessions, recorder.entries)
    struck: dict[str, int] = {}
    for name, _, _ in outages.spells(recorder.entries):
        struck[name] = struck.get(name, 0) + 1
    return Report(plan, evidence, judge(evidence), seconds, struck, ground.notes)


def _acknowledged(history: Sequence[Entry]) -> set[UUID]:
    return {entry.session for entry in history if isinstance(entry, Answered) and entry.session is not None}


async def _strike(ground: Ground, plan: Plan, recorder: Recorder, until: float) -> None:
    order = iter(plan.faults) if plan.alone else _at_random(plan.faults, ground.chance)
    for fault in order:
        await asyncio.sleep(plan.calm if plan.alone else ground.chance.expovariate(1 / plan.calm))
        if not plan.alone and time.monotonic() > until:
            return
        recorder.add(Struck(at=time.monotonic(), fault=fault.name, phase="begin"))
        try:
            await fault.strike(ground)
        except GenesisError as error:
            ground.notes.append(f"{fault.name}: {error}")
        recorder.add(Struck(at=time.monotonic(), fault=fault.name, phase="end"))
    await asyncio.sleep(max(0.0, plan.calm if plan.alone else until - time.monotonic()))


def _at_random(faults: Sequence[Fault], chance: random.Random) -> "itertools.repeat[Fault] | map[Fault]":
    return map(lambda _: chance.choice(faults), itertools.count())


async def _finished(writing: list["asyncio.Task[None]"], novelists: list[Novelist], seconds: float) -> list[str]:
    """Wait for the novelists to end their last sessions; those who can't are stopped and named."""
    _, late = await asyncio.wait(writing, timeout=seconds)
    for task in late:
        task.cancel()
    outcomes = await asyncio.gather(*writing, return_exceptions=True)
    failed = [repr(each) for each in outcomes if isinstance(each, Exception)]
    stuck = [
        f"{novelist.name} could not end session {novelist.readers[-1].session} within {seconds:.0f} s:"
        f" {phases(novelist.readers[-1])}"
        for novelist, task in zip(novelists, writing, strict=True)
        if task in late and novelist.readers
    ]
    return [*stuck, *failed]


def phases(reader: Reader) -> str:
    """Where a session stands, as its reader knows it."""
    if reader.state is None:
        return "no event seen"
    stages = ", ".join(f"{stage} {slot.phase.name}" for stage, slot in reader.state.stages.items())
    return f"{reader.state.status} after event {reader.last}: {stages}"
