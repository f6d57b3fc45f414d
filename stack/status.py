"""`genesis status`: one table of what runs, what lags, what is broken and what to do."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.outbox import register, repairs
from connectors.pipe import SLOT, committed
from connectors.reading import bounds
from connectors.settings import Settings
from genesis import topics
from genesis.errors import GenesisError
from stack import connect, installation, kafka, parts, postgres

BEHIND = 1000
"""Messages a consumer may lag before the table calls it behind."""

WAL_MB = 1024
"""Megabytes of WAL a slot may hold back before the table warns; at 2048 Postgres gives the slot up."""

GROUPS = {
    parts.WORKER: (topics.APP_ID, topics.COMMANDS),
    parts.GENERATOR: ("genesis-generator", topics.REQUESTS),
}
"""Consumer group and topic of the parts that commit offsets to Kafka."""

SESSIONS = "sessions"
"""Name of the line about the sessions that were repaired by themselves."""


@dataclass(frozen=True)
class Line:
    """One part in the table."""

    part: str
    pid: int | None
    up_seconds: float | None
    state: str
    lag: str = ""
    advice: str = ""
    """What is broken and what to do; empty: nothing."""


async def show(settings: Settings, console: Console | None = None) -> int:
    """Prints the table; returns 0 if all is well, 1 if something is broken, 3 if nothing runs."""
    out = console or Console()
    # What does not answer is a line of the table; aiokafka would say it once more beside it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    facts = installation.running(settings)
    if facts is None:
        out.print(f"Nothing runs on the data folder {settings.data}; `genesis run` starts it.", soft_wrap=True)
        return 3
    lines = await inspect(settings, facts)
    table = Table(title=f"Genesis Studio  {facts.get('url', '')}  (launcher {facts.get('pid', '?')})")
    for heading in ("part", "pid", "up", "state", "lag", "what to do"):
        table.add_column(heading)
    for line in lines:
        style = "red" if line.advice else "green"
        table.add_row(
            line.part,
            str(line.pid or ""),
            _span(line.up_seconds),
            Text(line.state, style),
            line.lag,
            Text(line.advice, "red"),
        )
    out.print(table)
    return 1 if any(line.advice for line in lines) else 0


async def inspect(settings: Settings, facts: Mapping[str, Any]) -> list[Line]:
    """What the table says, part by part; a part that gives no answer is a line, not an error."""
    settings = settings.model_copy(update={"bootstrap": kafka.bootstrap(settings)})
    lags = dict(
        zip(
            (parts.WORKER, parts.GENERATOR, parts.PROJECTOR, "slot", "connector", SESSIONS),
            await asyncio.gather(
                _asked(_group_lag(settings, *GROUPS[parts.WORKER])),
                _asked(_group_lag(settings, *GROUPS[parts.GENERATOR])),
                _asked(_projector_lag(settings)),
                _asked(_slot(settings)),
                _asked(_connector(settings)),
                _asked(_self_repairs(settings)),
            ),
            strict=True,
        )
    )
    lines = []
    for name, noted in facts.get("parts", {}).items():
        lines.append(_line(settings, name, noted, lags.get(name.partition("-")[0])))
    lines += [_slot_line(lags["slot"]), _connector_line(lags["connector"], facts.get("repairs", ()))]
    if line := _sessions_line(lags[SESSIONS]):
        lines.append(line)
    return lines


def _line(settings: Settings, name: str, noted: Mapping[str, Any], lag: Any) -> Line:
    pid, state = noted.get("pid"), str(noted.get("state"))
    alive = pid is not None and _exists(pid)
    up = time.time() - noted["started_at"] if alive and noted.get("started_at") else None
    log = settings.data / "logs" / f"{name}.log"
    advice, shown = "", ""
    if isinstance(lag, int):
        shown = f"{lag} messages"
        if lag > BEHIND:
            advice = f"It is behind; if the figure does not fall see {log}."
    elif isinstance(lag, str):
        shown = lag
    if state in ("stopping", "stopped"):
        advice = "The launcher stops it."
    elif not alive:
        advice = f"It {noted.get('why') or 'does not run'}; it is started again by itself. See {log}."
    elif state != "ready":
        advice = f"Not ready yet; if it stays so see {log}."
    if noted.get("restarts"):
        state += f", restarted {noted['restarts']}×"
    return Line(name, pid if alive else None, up, state, shown, advice)


def _slot_line(slot: Any) -> Line:
    if isinstance(slot, str):
        return Line("slot", None, None, slot, "", "The database gives no answer; see logs/postgres.log.")
    if slot is None:
        advice = "No replication slot: is the connector registered? See logs/connect.log."
        return Line("slot", None, None, "absent", "", advice)
    held = int(slot["held"] or 0) >> 20
    advice = ""
    if slot["wal_status"] in ("unreserved", "lost"):
        advice = "The slot is given up: it is dropped, and Debezium makes a new one and sends the kept rows again."
    elif held > WAL_MB:
        advice = "WAL piles up: the connector does not read. See logs/connect.log."
    elif not slot["active"]:
        advice = "Nobody reads the slot; the connector is restarted by itself. See logs/connect.log."
    return Line("slot", slot["active_pid"], None, str(slot["wal_status"]), f"{held} MB of WAL", advice)


def _connector_line(found: Any, repairs: Sequence[Mapping[str, Any]]) -> Line:
    mended = ""
    if repairs:
        ago = _span(time.time() - repairs[-1]["at"])
        mended = f"{len(repairs)} repairs, the last {ago} ago: {repairs[-1]['what']}"
    if isinstance(found, str):
        return Line("connector", None, None, found, mended, "Connect gives no answer; see logs/connect.log.")
    state = found.connector + "".join(f", task {task}" for task in found.tasks)
    advice = "" if found.running else f"It is mended by itself every 5 s. {found.trace}"
    return Line("connector", None, None, state, mended, advice)


def _sessions_line(found: Any) -> Line | None:
    """Sessions repaired by themselves; nothing where there never was one, or where the database gives no answer."""
    if not isinstance(found, repairs.Figures) or not (found.done or found.due or found.failed):
        return None
    state = f"{found.done} repaired by themselves"
    if found.last_done_at is not None:
        state += f", the last {_span(time.time() - found.last_done_at.timestamp())} ago"
    if found.due:
        state += f", {found.due} under way"
    advice = f"{found.failed} can't be repaired by itself; `genesis doctor` names them." if found.failed else ""
    return Line(SESSIONS, None, None, state, "", advice)


async def _asked(question: Any) -> Any:
    """The answer, or in a word why there is none: one part being away must not hide the others."""
    try:
        async with asyncio.timeout(8):
            return await question
    except (OSError, TimeoutError, GenesisError, KafkaError, asyncpg.PostgresError, httpx.HTTPError) as error:
        return f"no answer ({type(error).__name__})"


async def _group_lag(settings: Settings, group: str, topic: topics.Topic) -> int:
    """Messages of the topic beyond what the group has committed."""
    return await _lag(settings, topic, await committed(settings, group, topic))


async def _projector_lag(settings: Settings) -> int:
    """Events beyond the projector's positions, which lie in Postgres, not in Kafka."""
    connection = await asyncpg.connect(postgres.dsn(settings), timeout=5)
    try:
        rows = await connection.fetch("SELECT kafka_partition, next_offset FROM read.projection_positions")
    finally:
        await connection.close()
    return await _lag(settings, topics.EVENTS, {row["kafka_partition"]: row["next_offset"] for row in rows})


async def _lag(settings: Settings, topic: topics.Topic, places: Mapping[int, int]) -> int:
    first, end = await bounds(settings, topic.name)
    return sum(end[number] - max(places.get(number, 0), first[number]) for number in end)


async def _slot(settings: Settings) -> "asyncpg.Record | None":
    connection = await asyncpg.connect(postgres.dsn(settings), timeout=5)
    try:
        return await connection.fetchrow(
            "SELECT active, active_pid, wal_status,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) AS held"
            " FROM pg_replication_slots WHERE slot_name = $1",
            SLOT,
        )
    finally:
        await connection.close()


async def _self_repairs(settings: Settings) -> repairs.Figures:
    connection = await asyncpg.connect(postgres.dsn(settings), timeout=5)
    try:
        return await repairs.figures(connection)
    finally:
        await connection.close()


async def _connector(settings: Settings) -> register.Health:
    async with httpx.AsyncClient(base_url=connect.url(settings), timeout=5, trust_env=False) as client:
        return await register.health(client)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's: PostgreSQL's, when the launcher is root and we are not.
        return True
    return True


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
