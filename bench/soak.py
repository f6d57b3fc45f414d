"""Does anything grow that should not? Half load for forty minutes: `python -m bench.soak [--minutes 40]`.

Of ten sessions eight are finished, one is abandoned half way and one is left waiting; one in ten is written by the
built-in story engine, the others by the bench provider. Every half minute memory, file handles and sizes on disk are
noted. Memory, handles, the WAL and what the replication slot holds back must be as large at the end as early in the
run; logs, tables and states may grow with the sessions, but a session must not cost more at the end than early on.
Exit code 1 where one of them does not hold.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import uvloop

from bench.calibration import calibration
from bench.client import Client, Measured
from bench.studio import PARTS, studio
from connectors.pipe import SLOT
from genesis import topics
from stack import postgres
from stack.launcher import Stack
from stack.parts import WORKER

SAMPLE_SECONDS = 30.0
IN_FLIGHT = 200
"""Sessions at once; where the machine can't keep the pace the run says so instead of piling them up."""

MEMORY_SHARE, MEMORY_SLACK = 1.15, 16.0
"""A part may end with so much of its early memory, and so many MB beside."""
HANDLES_SHARE, HANDLES_SLACK = 1.05, 8
"""File handles likewise; PostgreSQL's backends open the tables' segments one after the other."""
WAL_SHARE, WAL_SLACK = 1.25, 96.0
"""WAL comes in segments of 16 MB, recycled by checkpoints; the same in MB for what the slot holds back."""
BOUNDED_SLACK = 192.0
"""MB that what is cut or compacted now and then may swing by: a segment of 32 MB for each of four partitions, twice
while it is compacted; 8 MiB for each log."""
COST_SHARE = 1.25
"""A session may cost so much more of a store in the last third than in the middle one."""

TABLES = (
    "door.command_inbox",
    "door.event_outbox",
    "door.generation_claims",
    "read.domain_events",
    "read.session_view",
)


@dataclass
class Sample:
    """What was seen at one moment; memory and sizes in MB."""

    minute: float
    sessions: int
    memory: dict[str, float] = field(default_factory=dict)
    handles: dict[str, float] = field(default_factory=dict)
    steady: dict[str, float] = field(default_factory=dict)
    """Sizes that have to stay as they are."""
    bounded: dict[str, float] = field(default_factory=dict)
    """Sizes that grow and are cut again."""
    growing: dict[str, float] = field(default_factory=dict)
    """Sizes that may grow with the sessions."""


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _processes(stack: Stack, sample: Sample) -> None:
    for part in PARTS:
        memory = handles = 0.0
        try:
            for each in _family(stack.pid(part) or 0):
                with_shares = each.memory_full_info()
                # PSS where the system tells it: PostgreSQL's backends share most of what they hold.
                memory += getattr(with_shares, "pss", with_shares.uss)
                handles += each.num_fds()
        except psutil.Error:
            continue
        sample.memory[part], sample.handles[part] = memory / 2**20, handles


def _size(folder: Path) -> float:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue  # compaction and checkpoints remove files while we look
    return total / 2**20


async def _sizes(stack: Stack, sample: Sample) -> None:
    data = stack.settings.data
    connection = await asyncpg.connect(postgres.dsn(stack.settings), timeout=20)
    try:
        size = await connection.fetchval("SELECT sum(size) FROM pg_ls_waldir()")
        sample.steady["WAL"] = float(size) / 2**20
        held = await connection.fetchval(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)"
            " FROM pg_replication_slots WHERE slot_name = $1",
            SLOT,
        )
        sample.steady["WAL held by the slot"] = float(held or 0) / 2**20
        for table in TABLES:
            size = await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
            sample.growing[table] = size / 2**20
    finally:
        await connection.close()
    sample.growing["RocksDB"] = await asyncio.to_thread(_size, data / f"worker-{WORKER}")
    for topic in topics.ALL:
        name = topic.name
        folders = list((data / "kafka").glob(f"{name}-[0-9]*"))
        size = sum([await asyncio.to_thread(_size, folder) for folder in folders])
        cut = topic in (topics.HEARTBEAT, topics.SESSIONS_CHANGELOG)
        (sample.bounded if cut else sample.growing)[name] = size
    sample.bounded["logs"] = await asyncio.to_thread(_size, data / "logs")


async def _drive(url: str, rate: float, seconds: float, measured: Measured, failures: list[str]) -> None:
    """Start sessions at this rate, each doing what its number says."""
    timeout = aiohttp.ClientTimeout(total=300)
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=timeout, read_bufsize=2**20
    ) as http:

        async def one(number: int) -> None:
            client, began = Client(http, url, measured), time.perf_counter()
            provider = "builtin" if number % 10 == 3 else "bench"
            try:
                if number % 10 == 5:
                    session, _ = await client.session(2, provider)
                    await client.post({"command_type": "ABANDON_GENESIS", "session_id": session, "payload": {}})
                elif number % 10 == 7:
                    await client.session(number // 10 % 5, provider)
                else:
                    await client.session(provider=provider)
            except (RuntimeError, aiohttp.ClientError, TimeoutError) as error:
                seconds = time.perf_counter() - began
                failures.append(f"{client.last} after {seconds:.0f} s: {type(error).__name__} {str(error)[:120]}")
            finally:
                gate.release()

        running: set[asyncio.Task[None]] = set()
        started = time.perf_counter()
        for number in itertools.count():
            due = started + number / rate
            if due > started + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await gate.acquire()
            if time.perf_counter() > started + seconds:
                break
            task = asyncio.create_task(one(number))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)


def _early_and_late(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The second and the last third but the first minutes: warm code and first checkpoints lie before."""
    third = len(samples) // 3
    return samples[third : 2 * third], samples[2 * third :]


def _median(samples: Iterable[Sample], kind: str, name: str) -> float:
    values: list[float] = [getattr(each, kind).get(name, 0.0) for each in samples]
    return statistics.median(values)


def _most(samples: Iterable[Sample], name: str) -> float:
    return max(each.bounded[name] for each in samples)


def _cost(samples: list[Sample], name: str) -> float:
    """KB of this store that a session cost between the first and the last of these samples."""
    first, last = samples[0], samples[-1]
    return 1024 * (last.growing[name] - first.growing[name]) / max(1, last.sessions - first.sessions)


def judge(samples: list[Sample]) -> list[str]:
    """Print each figure early and late; what grew that should not have."""
    early, late = _early_and_late(samples)
    faults = []

    def line(what: str, before: float, after: float, bound: float, unit: str) -> None:
        grown = after > bound
        print(f"  {what:<42} {before:10.1f} -> {after:10.1f} {unit}{'   GROWN' if grown else ''}")
        if grown:
            faults.append(f"{what}: {before:.1f} -> {after:.1f} {unit}")

    for part in PARTS:
        before, after = _median(early, "memory", part), _median(late, "memory", part)
        line(f"memory of {part}", before, after, MEMORY_SHARE * before + MEMORY_SLACK, "MB")
    for part in PARTS:
        before, after = _median(early, "handles", part), _median(late, "handles", part)
        line(f"file handles of {part}", before, after, HANDLES_SHARE * before + HANDLES_SLACK, "")
    for name in samples[-1].steady:
        before, after = _median(early, "steady", name), _median(late, "steady", name)
        line(name, before, after, WAL_SHARE * before + WAL_SLACK, "MB")
    for name in samples[-1].bounded:
        before, after = _most(early, name), _most(late, name)
        line(f"{name}, at most", before, after, before + BOUNDED_SLACK, "MB")
    for name in samples[-1].growing:
        before, after = _cost(early, name), _cost(late, name)
        line(f"{name}, per session", before, after, COST_SHARE * before + 1.0, "KB")
    return faults


async def main(minutes: float, rate: float) -> int:
    """Run and judge; 1 where something grew."""
    print(calibration())
    samples: list[Sample] = []
    failures: list[str] = []
    measured = Measured()
    async with studio() as stack:
        url = f"http://127.0.0.1:{stack.settings.port}"
        started = time.perf_counter()
        driving = asyncio.create_task(_drive(url, rate, 60 * minutes, measured, failures))
        while True:
            done, _ = await asyncio.wait({driving}, timeout=SAMPLE_SECONDS)
            sample = Sample((time.perf_counter() - started) / 60, measured.sessions)
            await asyncio.to_thread(_processes, stack, sample)
            await _sizes(stack, sample)
            samples.append(sample)
            memory = ", ".join(f"{part} {size:.0f}" for part, size in sample.memory.items())
            print(f"{sample.minute:5.1f} min, {sample.sessions} sessions; MB: {memory}", flush=True)
            if done:
                break
        driving.result()
        restarts = {part: each.restarts for part, each in stack.standings.items() if each.restarts}
    took = samples[-1].minute * 60
    print(
        f"\n{measured.sessions} sessions, {measured.commands} commands ({measured.commands / took:.1f}/s), "
        f"{measured.events} events in {took / 60:.1f} min; {len(failures)} failed; restarts {restarts}"
    )
    for each in failures[:20]:
        print(f"  failed: {each}")
    print(calibration())
    faults = judge(samples)
    for each in faults:
        print(f"grown: {each}")
    return 1 if faults or failures or restarts else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--rate", type=float, default=12.0, help="sessions started per second (default 12)")
    options = parser.parse_args()
    sys.exit(uvloop.run(main(options.minutes, options.rate)))
