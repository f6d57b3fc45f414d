"""One part loses its link to PostgreSQL or Kafka for half a minute, or the link holds everything up; nobody dies."""

import asyncio

from chaos.faults.registry import fault
from chaos.ground import Ground
from chaos.linked import CLIENTS, LinkedStack
from genesis.errors import GenesisError
from stack import parts

SECONDS = 30.0
"""How long a link is away."""


class NoLinks(GenesisError):
    """This stack has no proxies between its parts; run `python -m chaos --faults link`, which makes one that has."""


def _stack(ground: Ground) -> LinkedStack:
    if not isinstance(ground.stack, LinkedStack):
        raise NoLinks
    return ground.stack


def _breaking(part: str, server: str, how: str) -> None:
    @fault("link", f"{part} to {server} {how}")
    async def strike(ground: Ground) -> None:
        links = _stack(ground).links[part]
        link = links.database if server == parts.POSTGRES else links.broker
        await (link.cut if how == "cut" else link.hold)(SECONDS * min(1.0, ground.long))
        await ground.back(part)
        if part == parts.CONNECT:
            await ground.stack.wait_connector()


for _part in CLIENTS:
    for _server in (parts.POSTGRES, parts.KAFKA):
        # The worker keeps nothing in PostgreSQL; Debezium is not an ordinary client of it, see below.
        if (_part, _server) not in ((parts.WORKER, parts.POSTGRES), (parts.CONNECT, parts.POSTGRES)):
            _breaking(_part, _server, "cut")
            _breaking(_part, _server, "held up")


@fault("link", "debezium to postgres cut")
async def debezium_cut(ground: Ground) -> None:
    """The walsender is ended again and again: what a cut link is for the connector, seen from the server."""
    end = asyncio.get_running_loop().time() + SECONDS * min(1.0, ground.long)
    while asyncio.get_running_loop().time() < end:
        await ground.database("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        await asyncio.sleep(0.5)
    await ground.stack.wait_connector()
