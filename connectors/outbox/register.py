"""Registers the outbox connector with Kafka Connect and mends it: vanished, changed or failed."""

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


async def mend(client: httpx.AsyncClient, config: dict[str, str]) -> Health:
    """One look: registers what vanished or differs, restarts what failed; returns what it found."""
    found = await health(client)
    if found.connector == "ABSENT":
        if (await client.get("/health")).status_code != httpx.codes.OK:
            # A worker that boots knows of no connector until it has read its configuration topic.
            return found
        log.warning("the connector has vanished and is registered again")
        await register(client, config)
    elif found.connector == "FAILED" or "FAILED" in found.tasks:
        log.warning("the connector has failed and is restarted: %s", found.trace)
        response = await client.post(
            f"/connectors/{NAME}/restart", params={"includeTasks": "true", "onlyFailed": "true"}
        )
        if response.status_code not in (200, 202, 204, 404, 409):
            raise ConnectorRefused(_message(response))
    return found


async def watch(client: httpx.AsyncClient, config: dict[str, str]) -> None:
    """Looks every WATCH_SECONDS, for ever; Connect being away is not an error here: it is supervised elsewhere."""
    while True:
        # First a pause: the state of what was registered a moment ago is not known to Connect at once.
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await mend(client, config)
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("connect gives no answer: %s", type(error).__name__)
        except ConnectorRefused as error:
            log.error("%s", error)


def _message(response: httpx.Response) -> str:
    try:
        reason = str(response.json()["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        reason = "no reason given"
    return f"Kafka Connect refused the connector (status {response.status_code}): {reason}"
