"""`genesis repair --all`: the changelog of the sessions is filled anew from genesis.events (design §8)."""

import asyncio
import shutil
import sys
from typing import Any

from rich.console import Console

from connectors import kafka as clients
from connectors import reading
from connectors.postgres import connect
from connectors.settings import Settings
from genesis import wire
from genesis.session.process import owed
from genesis.topics import EVENTS, REQUESTS, SESSIONS_CHANGELOG
from projections.rebuild import demand_whole
from stack import postgres, standstill
from stack.mending import bar, grounds, say
from stack.replay import Replay

COMMAND = "genesis repair --all"

SENDS = 200
"""Records on their way at once."""


async def repair_all(settings: Settings, console: Console | None = None) -> int:
    """Fills the changelog anew and says what came of it; returns the exit code, 1 where a session was left out.

    Raises StillWorking, Unfinished, LogIncomplete, TopicUnreadable.
    """
    out = console or Console(file=sys.stdout)
    async with grounds(settings, out) as reached:
        admin = await connect(postgres.dsn(settings), application_name="genesis repair", command_timeout=600)
        try:
            await standstill.demand(reached, admin)
            await standstill.begin(admin, COMMAND)
            code = await refill(reached, out)
            await standstill.end(admin, COMMAND)
        finally:
            await admin.close()
    return code


async def refill(settings: Settings, out: Console) -> int:
    """Fold the log, clear the workers' folders, write a record per session and a request per running generation.

    Nobody must be at work. Each record is one repair younger than the one it replaces, so that it wins in every
    recovery; a session of the changelog that has no event is deleted there. Raises LogIncomplete, TopicUnreadable.
    """
    first, ends = await reading.bounds(settings, EVENTS.name)
    demand_whole(first)
    before = await _repairs(settings)
    with Replay(settings.data) as replay:
        with bar(out, "events") as told:
            done, total = 0, sum(ends.values())
            async for batch in reading.read(settings, EVENTS.name, {}, ends):
                for record in batch:
                    replay.feed(record)
                done += len(batch)
                told(done, total)
        for folder in settings.data.glob("worker-*"):
            shutil.rmtree(folder)
        requests = await _fill(settings, replay, before, out)
        broken = {key.decode("utf-8", "replace"): why for key, why in replay.broken.items()}
        say(
            out,
            f"The state of {len(replay) - len(broken)} sessions is made anew from {replay.seen['taken']} events; "
            f"{requests} running generations are asked for again.",
        )
    for session, why in broken.items():
        say(out, f"Session {session} was left as it is: {why}. See `genesis doctor`.", "red")
    return 1 if broken else 0


async def _repairs(settings: Settings) -> dict[bytes, tuple[int, int]]:
    """Partition and repairs of each session in the changelog as it is."""
    first, ends = await reading.bounds(settings, SESSIONS_CHANGELOG.name)
    found: dict[bytes, tuple[int, int]] = {}
    async for batch in reading.read(settings, SESSIONS_CHANGELOG.name, first, ends):
        for record in batch:
            if record.value is None:
                found.pop(record.key, None)
                continue
            try:
                _, repairs, _ = wire.state_prefix(record.value)
            except ValueError:
                repairs = 0
            known = found.get(record.key, (0, 0))[1]
            found[record.key] = (record.partition, max(repairs, known))
    return found


async def _fill(settings: Settings, replay: Replay, before: dict[bytes, tuple[int, int]], out: Console) -> int:
    producer = clients.producer(settings, linger_ms=5)
    await producer.start()
    sent: list[asyncio.Future[Any]] = []
    requests = 0
    try:
        with bar(out, "sessions") as told:
            for done, (key, partition, state) in enumerate(replay.states(), 1):
                _, repairs = before.pop(key, (partition, 0))
                repaired = state.model_copy(update={"repairs": repairs + 1})
                sent.append(
                    await producer.send(SESSIONS_CHANGELOG.name, wire.dump_state(repaired), key, partition=partition)
                )
                for request in owed(repaired).values():
                    requests += 1
                    sent.append(
                        await producer.send(REQUESTS.name, wire.dump_request(request), key, partition=partition)
                    )
                if len(sent) >= SENDS:
                    await asyncio.gather(*sent)
                    sent.clear()
                    told(done, len(replay))
            for key, (partition, _) in before.items():
                # Its events are lost, so it has never begun: its commands must not count as repeats.
                if key not in replay.broken:
                    sent.append(await producer.send(SESSIONS_CHANGELOG.name, None, key, partition=partition))
            await asyncio.gather(*sent)
            told(len(replay), len(replay))
    finally:
        await producer.stop()
    return requests
