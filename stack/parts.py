"""What the stack consists of: each part's name, command line, environment and health check."""

import sys
from collections.abc import Iterable

import httpx
from pydantic import SecretStr

from connectors.settings import Settings
from stack import connect, kafka, postgres
from stack.jars import Jars
from stack.processes import Command
from stack.supervision import Part

POSTGRES, KAFKA, CONNECT = "postgres", "kafka", "connect"
WORKER, GENERATOR, PROJECTOR, API = "worker", "generator", "projector", "api"

INFRASTRUCTURE: tuple[str, ...] = (POSTGRES, KAFKA, CONNECT)
APPLICATION: tuple[str, ...] = (WORKER, GENERATOR, PROJECTOR, API)
ALL: tuple[str, ...] = INFRASTRUCTURE + APPLICATION

STOPPING: tuple[tuple[str, ...], ...] = (
    (API,),
    (GENERATOR,),
    (WORKER,),
    (PROJECTOR,),
    (CONNECT,),
    (KAFKA, POSTGRES),
)
"""The order of a clean stop: first who accepts, then who works, then who stores."""

MODULES = {WORKER: "streams", GENERATOR: "streams.generator", PROJECTOR: "projections", API: "api"}
_ROLES = {GENERATOR: "genesis_generator", PROJECTOR: "genesis_projector", API: "genesis_door"}

_OWN = {"data", "postgres_dsn", "dbz_pw", "database_dsn", "sweeper_dsn", "bootstrap", "instance"}
"""Settings that a part does not inherit: they are its own, or the administrator's secrets."""


def embedded(settings: Settings) -> tuple[str, ...]:
    """The infrastructure that is not external, by the settings."""
    external = {
        POSTGRES: settings.postgres_dsn is not None,
        KAFKA: settings.kafka_bootstrap is not None,
        CONNECT: settings.connect_url is not None,
    }
    return tuple(part for part in INFRASTRUCTURE if not external[part])


def ports(settings: Settings, parts: Iterable[str]) -> list[tuple[str, int, str, str]]:
    """Host, port, part and setting of each port that these parts will listen on."""
    local = "127.0.0.1"
    all_ports = {
        POSTGRES: [(local, settings.postgres_port, POSTGRES, "GENESIS_POSTGRES_PORT")],
        KAFKA: [
            (local, settings.kafka_port, KAFKA, "GENESIS_KAFKA_PORT"),
            (local, settings.kafka_controller_port, KAFKA, "GENESIS_KAFKA_CONTROLLER_PORT"),
        ],
        CONNECT: [(local, settings.connect_port, CONNECT, "GENESIS_CONNECT_PORT")],
        API: [(settings.host, settings.port, API, "GENESIS_PORT")],
    }
    return [entry for part in parts for entry in all_ports.get(part, [])]


def infrastructure(
    settings: Settings, part: str, client: httpx.AsyncClient, jars: Jars | None, cluster: postgres.Cluster | None
) -> Part:
    """An embedded part of the infrastructure; Kafka and Connect need `jars`, Postgres its `cluster`."""
    if part == POSTGRES and cluster is not None:
        return Part(part, cluster.command, lambda: postgres.ready(settings))
    if part == KAFKA and jars is not None:
        return Part(part, lambda: kafka.command(settings, jars), lambda: kafka.ready(settings))
    if part == CONNECT and jars is not None:
        return Part(part, lambda: connect.command(settings, jars), lambda: connect.ready(settings, client))
    raise ValueError(f"{part} is no part of the infrastructure, or what it needs is missing")


def application(settings: Settings, name: str, client: httpx.AsyncClient) -> Part:
    """A process of our own; a name like `worker-2` is another process of the kind before the dash."""
    kind = name.partition("-")[0]
    command = Command(
        argv=(sys.executable, "-P", "-m", MODULES[kind]),
        env=environment(settings, name),
        stop_seconds=30.0,
    )
    if kind != API:
        return Part(name, lambda: command)

    async def answers(path: str) -> bool:
        try:
            return (await client.get(f"{api_url(settings)}{path}")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return Part(name, lambda: command, lambda: answers("/health/ready"), lambda: answers("/health/live"))


def api_url(settings: Settings) -> str:
    """Where people of this machine find the API."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def environment(settings: Settings, name: str) -> dict[str, str]:
    """What a process of our own gets: its settings, and the DSN of its own role, of no other."""
    kind = name.partition("-")[0]
    given = {
        "GENESIS_PART": name,
        "GENESIS_DATA": str(settings.data.absolute()),
        "GENESIS_BOOTSTRAP": kafka.bootstrap(settings),
        # Stable over restarts: a killed process has its partitions back without a session timeout.
        "GENESIS_INSTANCE": f"genesis-{name}",
        "PYTHONUNBUFFERED": "1",
    }
    for field in Settings.model_fields:
        value = getattr(settings, field)
        if field not in _OWN and value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            given[f"GENESIS_{field.upper()}"] = plain
    if kind in _ROLES:
        given["GENESIS_DATABASE_DSN"] = postgres.dsn(settings, _ROLES[kind])
    if kind == PROJECTOR:
        given["GENESIS_SWEEPER_DSN"] = postgres.dsn(settings, "genesis_sweeper")
    return given
