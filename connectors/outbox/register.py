"""Registers the outbox connector with Kafka Connect and mends it where it has vanished or failed."""

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from genesis.errors import GenesisError

NAME = "outbox"
"""Name of the connector in Kafka Connect."""

WATCH_SECONDS = 5.0
"""Between two looks at the connector. A failed task is restarted at the next look."""

log = logging.getLogger(__name__)


class ConnectorRefused(GenesisError):
    """Kafka Connect refused the connector's configuration; is Debezium 3.7 in its plugin.path?"""


@dataclass(frozen=True)
class Health:
    """What Kafka Connect says of the connector. States are RUNNING, FAILED, PAUSED, UNASSIGNED, ABSENT..."""

    connector: str
    tasks: tuple[str, ...]
    trace: str = ""
    """First line of what failed, for people."""

    @property
    def running(self) -> bool:
        """True if the connector and its one task run."""
        return self.connector == "RUNNING" and self.tasks == ("RUNNING",)


def configuration(host: str, port: int, database: str) -> dict[str, str]:
    """The connector's configuration, `connector.json`, for the server as Kafka Connect reaches it."""
    data: dict[str, str] = json.loads(Path(__file__).with_name("connector.json").read_text(encoding="utf-8"))
    return data | {"database.hostname": host, "database.port": str(port), "database.dbname": database}


async def register(client: httpx.AsyncClient, config: dict[str, str], seconds: float = 60.0) -> None:
    """Puts the configuration; the same again changes nothing. `client` has Connect's base_url.

    A worker that boots answers 404, one that rebalances 409: asked again, with growing pauses, for at most
    `seconds`. Raises ConnectorRefused.
    """
    pause = 0.1
    async with asyncio.timeout(seconds):
        while True:
            try:
                response = await client.put(f"/connectors/{NAME}/config", json=config)
            except httpx.TransportError as error:
                log.info("connect gives no answer yet: %s", type(error).__name__)
            else:
                if response.is_success:
                    return
                if response.status_code not in (404, 409, 500, 503):
                    raise ConnectorRefused(_message(response))
                log.info("connect is not ready for the connector: %s", response.status_code)
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 1.5)


async def health(client: httpx.AsyncClient) -> Health:
    """The connector's present state. Raises httpx.HTTPError if Connect gives no answer."""
    response = await client.get(f"/connectors/{NAME}/status")
    if response.status_code == httpx.codes.NOT_FOUND:
        # A connector without a state of its own yet, or one that is not there at all.
        known = await client.get(f"/connectors/{NAME}")
        return Health("ABSENT" if known.status_code == httpx.codes.NOT_FOUND else "UNASSIGNED", ())
    response.raise_for_status()
    status: dict[str, Any] = response.json()
    tasks = status.get("tasks", [])
    traces = [part.get("trace", "") for part in (status["connector"], *tasks)]
    why = next((trace for trace in traces if trace), "")
    return Health(status["connector"]["state"], tuple(task["state"] for task in tasks), why.partition("\n")[0][:300])


async def mend(client: httpx.AsyncClient, config: dict[str, str], found: Health) -> str | None:
    """Registers what has vanished, restarts what has failed; says what was done, None where all was well.

    Raises ConnectorRefused, and httpx.HTTPError if Connect gives no answer.
    """
    if found.connector == "ABSENT":
        if (await client.get("/health")).status_code != httpx.codes.OK:
            # A worker that boots knows of no connector until it has read its configuration topic.
            return None
        await register(client, config)
        return "the connector had vanished and is registered again"
    if found.connector == "FAILED" or "FAILED" in found.tasks:
        await restart(client, only_failed=True)
        return f"the connector had failed and is restarted ({found.trace or 'without a reason'})"
    return None


async def restart(client: httpx.AsyncClient, only_failed: bool = False) -> None:
    """Restarts the connector and its task. Raises ConnectorRefused, and httpx.HTTPError for no answer."""
    response = await client.post(
        f"/connectors/{NAME}/restart", params={"includeTasks": "true", "onlyFailed": str(only_failed).lower()}
    )
    # 404: vanished meanwhile; 409: the group rebalances, and starts everything anew by that.
    if response.status_code not in (200, 202, 204, 404, 409):
        raise ConnectorRefused(_message(response))


def _message(response: httpx.Response) -> str:
    try:
        reason = str(response.json()["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        reason = "no reason given"
    return f"Kafka Connect refused the connector (status {response.status_code}): {reason}"
