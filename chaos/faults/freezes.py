"""Processes that stand still and come back: the zombies."""

import asyncio
import os
import signal

import psutil

from chaos.faults.kills import SECOND_WORKER
from chaos.faults.registry import fault
from chaos.ground import Ground, until
from connectors.kafka import SESSION_SECONDS
from stack import parts

FROZEN_SECONDS = SESSION_SECONDS + 5
"""Longer than the group waits for a silent member; shorter than the launcher waits for a silent part."""

STORM_SECONDS = 60.0
"""How long workers come and go."""

COMES_OR_GOES_SECONDS = 10.0
"""Between two changes of the group in the storm."""


@fault("freeze", "zombie worker")
async def zombie_worker(ground: Ground) -> None:
    """A worker stands still until another has its partitions, then goes on in the midst of what it was doing."""
    stack = ground.stack
    await ground.back(parts.WORKER)
    await stack.add_worker(SECOND_WORKER)
    try:
        pid = ground.pid(parts.WORKER)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        await ground.back(parts.WORKER)
    finally:
        await stack.remove_worker(SECOND_WORKER)


@fault("freeze", "frozen generator")
async def frozen_generator(ground: Ground) -> None:
    """The generator stands still past its session timeout; alone, so what it had begun is its own again."""
    await _freeze(ground, parts.GENERATOR, FROZEN_SECONDS)


@fault("freeze", "frozen projector")
async def frozen_projector(ground: Ground) -> None:
    """The projector and its sweeper stand still, their connections open."""
    await _freeze(ground, parts.PROJECTOR, 10.0)


@fault("freeze", "frozen postgres")
async def frozen_postgres(ground: Ground) -> None:
    """The postmaster and all its backends stand still: nobody is refused, nobody is answered."""
    pid = ground.pid(parts.POSTGRES)
    family = [pid, *children(pid)]
    for each in family:
        _send(each, signal.SIGSTOP)
    try:
        await asyncio.sleep(8.0 * ground.long)
    finally:
        for each in family:
            _send(each, signal.SIGCONT)
    await ground.back(parts.POSTGRES)


@fault("freeze", "frozen kafka")
async def frozen_kafka(ground: Ground) -> None:
    """The broker stands still for longer than its own session with the controller."""
    await _freeze(ground, parts.KAFKA, 8.0)


@fault("freeze", "rebalance storm")
async def rebalance_storm(ground: Ground) -> None:
    """A second worker comes and goes every ten seconds."""
    stack = ground.stack
    for _ in range(max(1, round(STORM_SECONDS * ground.long / COMES_OR_GOES_SECONDS / 2))):
        await stack.add_worker(SECOND_WORKER)
        await asyncio.sleep(COMES_OR_GOES_SECONDS)
        await stack.remove_worker(SECOND_WORKER)
        await asyncio.sleep(COMES_OR_GOES_SECONDS)


async def _freeze(ground: Ground, part: str, seconds: float) -> None:
    await ground.back(part)
    pid = ground.pid(part)
    _send(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        _send(pid, signal.SIGCONT)
    await until(lambda: _alive(ground, part), f"{part} goes on")
    await ground.back(part)


async def _alive(ground: Ground, part: str) -> bool:
    return ground.stack.pid(part) is not None


def children(pid: int) -> list[int]:
    """The processes that this one has started and that still live."""
    return [each.pid for each in psutil.Process(pid).children(recursive=True)]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
