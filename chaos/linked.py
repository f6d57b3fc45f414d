"""A stack whose parts reach PostgreSQL and Kafka through a proxy each, so that one part's link can be cut alone.

A Kafka client is told by the broker where the broker is, so a proxy in front of the broker's own listener would be
passed by after the first answer. Each proxied part therefore has a listener of its own, which advertises its proxy.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench.studio import free_ports
from chaos.proxy import Proxy
from connectors.settings import Settings
from stack import parts, postgres
from stack.jars import Jars
from stack.launcher import Stack
from stack.processes import Command
from stack.supervision import Part

CLIENTS = (parts.CONNECT, *parts.APPLICATION)
"""The parts that are given links of their own."""

_DATABASES = ("GENESIS_DATABASE_DSN", "GENESIS_SWEEPER_DSN")


@dataclass(frozen=True, slots=True)
class Links:
    """The two links of one part."""

    database: Proxy
    broker: Proxy
    listener: int
    """Port of the broker's listener for this part, behind the proxy."""


class LinkedStack(Stack):
    """A Stack with proxies between its parts. Connect's link to PostgreSQL is not proxied: see chaos.faults.links."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.links: dict[str, Links] = {}
        self._proxies = AsyncExitStack()

    async def start(self) -> None:
        """Starts the proxies, then everything."""
        if not self.links:
            for part, listener in zip(CLIENTS, free_ports(len(CLIENTS)), strict=True):
                database = await self._proxies.enter_async_context(Proxy("127.0.0.1", self.settings.postgres_port))
                broker = await self._proxies.enter_async_context(Proxy("127.0.0.1", listener))
                self.links[part] = Links(database, broker, listener)
        await super().start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._proxies.aclose()

    def _infrastructure(self, part: str, got: Jars | None = None, cluster: postgres.Cluster | None = None) -> Part:
        made = super()._infrastructure(part, got, cluster)
        changed = {parts.KAFKA: self._with_listeners, parts.CONNECT: self._with_bootstrap}.get(part)
        return made if changed is None else replace(made, command=lambda: changed(made.command()))

    def _application(self, name: str) -> Part:
        made = super()._application(name)
        links = self.links[name.partition("-")[0]]
        return replace(made, command=lambda: self._through(made.command(), links))

    def _through(self, command: Command, links: Links) -> Command:
        env = dict(command.env) | {"GENESIS_BOOTSTRAP": f"127.0.0.1:{links.broker.port}"}
        own, proxied = f"127.0.0.1:{self.settings.postgres_port}", f"127.0.0.1:{links.database.port}"
        env |= {name: env[name].replace(own, proxied) for name in _DATABASES if name in env}
        return replace(command, env=env)

    def _with_listeners(self, command: Command) -> Command:
        """The broker's properties, with a listener more for each part."""
        lines = _properties(command).read_text(encoding="utf-8").splitlines()
        more = {
            "listeners": [f"{part.upper()}://127.0.0.1:{links.listener}" for part, links in self.links.items()],
            "advertised.listeners": [
                f"{part.upper()}://127.0.0.1:{links.broker.port}" for part, links in self.links.items()
            ],
            "listener.security.protocol.map": [f"{part.upper()}:PLAINTEXT" for part in self.links],
        }
        for place, line in enumerate(lines):
            name = line.partition("=")[0]
            lines[place] = ",".join([line, *more.get(name, [])])
        _properties(command).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return command

    def _with_bootstrap(self, command: Command) -> Command:
        file = _properties(command)
        own, proxied = self.bootstrap, f"127.0.0.1:{self.links[parts.CONNECT].broker.port}"
        file.write_text(file.read_text(encoding="utf-8").replace(own, proxied), encoding="utf-8")
        return command


def _properties(command: Command) -> Path:
    """The file that the launcher wrote for this start; it is the last argument of both JVMs."""
    return Path(command.argv[-1])
