"""Connections to PostgreSQL as every process makes them: bounded, named, with JSON as Python values."""

from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from genesis.errors import GenesisError

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

READ_SCHEMA = "read"
"""Schema of the projections. Their SQL names no schema; the connection's search_path does (design §9)."""

UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What the driver raises where the server ended the connection in the moment before the call.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
)
"""What a call raises while the server is away, starting or stopping: the same call may succeed later."""


class DatabaseUnavailable(GenesisError):
    """PostgreSQL can't be reached. Look whether it runs (`genesis status`) and its address is right."""


class DatabaseRefused(GenesisError):
    """PostgreSQL refused the login. See whether role, password and database of the address are right."""


async def open_pool(
    dsn: str,
    *,
    application_name: str,
    search_path: str | None = None,
    min_size: int = 1,
    max_size: int = 8,
    command_timeout: float = 30.0,
    synchronous_commit: bool = True,
) -> Pool:
    """A pool of at most `max_size` connections; the caller closes it.

    `command_timeout` is in seconds and holds for every statement, waiting for locks included.
    `synchronous_commit=False` is for projections only, which can be made anew.
    Raises DatabaseUnavailable, DatabaseRefused.
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            command_timeout=command_timeout,
            server_settings=_settings(application_name, search_path, command_timeout, synchronous_commit),
            init=_speak_json,
            connection_class=PooledConnection,
            **_CLIENT_SIDE,
        )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseRefused from error
    except UNAVAILABLE as error:
        raise DatabaseUnavailable from error


async def connect(
    dsn: str,
    *,
    application_name: str,
    search_path: str | None = None,
    command_timeout: float = 30.0,
    synchronous_commit: bool = True,
    idle_limit: float | None = None,
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection outside a pool, for what must stay on it (LISTEN, a lock); the caller closes it.

    `idle_limit`, in seconds: the server ends the connection, and with it its locks, when nothing was asked
    over it for that long. So whoever holds a lock and is frozen loses it to a process that lives.
    Raises DatabaseUnavailable, DatabaseRefused.
    """
    settings = _settings(application_name, search_path, command_timeout, synchronous_commit)
    if idle_limit is not None:
        settings["idle_session_timeout"] = f"{idle_limit * 1000:.0f}"
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            dsn, command_timeout=command_timeout, server_settings=settings, **_CLIENT_SIDE
        )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseRefused from error
    except UNAVAILABLE as error:
        raise DatabaseUnavailable from error
    await _speak_json(connection)
    return connection


class PooledConnection(asyncpg.Connection):
    """A connection that goes back to its pool as it is.

    asyncpg would ask the server to reset the session after each use, one more round trip per statement. Nothing
    here changes a session: settings are made at connecting, locks are of transactions.
    """

    def get_reset_query(self) -> str:
        """No statement at all."""
        return ""


# Statements are few and fixed, so they stay prepared: planned once per connection, not every five minutes.
_CLIENT_SIDE: dict[str, Any] = {
    "timeout": 10.0,
    "statement_cache_size": 256,
    "max_cached_statement_lifetime": 0,
}


def _settings(
    application_name: str, search_path: str | None, command_timeout: float, synchronous_commit: bool
) -> dict[str, str]:
    settings = {
        "application_name": application_name,
        "timezone": "UTC",
        # Small queries only: compiling them costs more than running them.
        "jit": "off",
        # Later than the client's own limit: for a statement whose client is gone.
        "statement_timeout": f"{command_timeout * 2000:.0f}",
        "idle_in_transaction_session_timeout": "60000",
        # A vanished client must not hold its locks for two hours, which is the system's usual keepalive.
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "synchronous_commit": "on" if synchronous_commit else "off",
    }
    if search_path is not None:
        settings["search_path"] = search_path
    return settings


async def _speak_json(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_to_json, decoder=orjson.loads, format="text"
        )


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()
