"""Every process killed, one at a time: SIGKILL, for PostgreSQL its immediate shutdown."""

import signal

from chaos.faults.registry import fault
from chaos.ground import Ground
from stack import parts

SECOND_WORKER = "worker-2"


def _killing(part: str) -> None:
    @fault("kill", f"{part} killed")
    async def strike(ground: Ground) -> None:
        await ground.kill(part)
        if part == parts.CONNECT:
            await ground.stack.wait_connector()


for _part in (parts.WORKER, parts.GENERATOR, parts.PROJECTOR, parts.API, parts.CONNECT, parts.KAFKA):
    _killing(_part)


@fault("kill", "postgres killed")
async def postgres_killed(ground: Ground) -> None:
    """SIGQUIT: no shutdown checkpoint, every connection cut, WAL recovery at the start."""
    await ground.kill(parts.POSTGRES, signal.SIGQUIT)


@fault("kill", "sweeper killed")
async def sweeper_killed(ground: Ground) -> None:
    """The sweeper lives in the projector's process; its connection is its leadership, so that is what is ended."""
    await ground.database(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'genesis sweeper'"
    )


@fault("kill", "second worker killed")
async def second_worker_killed(ground: Ground) -> None:
    """A second worker joins, is killed while it holds partitions, comes back by itself, and leaves."""
    await ground.stack.add_worker(SECOND_WORKER)
    try:
        await ground.kill(SECOND_WORKER)
    finally:
        await ground.stack.remove_worker(SECOND_WORKER)
