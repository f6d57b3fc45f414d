"""`genesis doctor`: is the pipe healthy, and with --reconcile: does everything that was written agree?"""

import asyncio
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors import reading
from connectors.outbox import repairs
from connectors.postgres import READ_SCHEMA, UNAVAILABLE, Connection, connect
from connectors.settings import Settings
from genesis.errors import GenesisError
from genesis.topics import COMMANDS, DEAD_LETTERS, EVENTS, SESSIONS_CHANGELOG
from projections import schema
from stack import installation, kafka, postgres, standstill
from stack import status as standing
from stack.findings import Findings
from stack.mending import bar, say
from stack.reconcile import reconcile

LEAST_FREE = 1 << 30
"""Bytes of disk under which the doctor warns."""

OVERDUE_SECONDS = 60
"""Seconds after its time at which a handle, a generation or a command without an outcome is remarkable."""

_FAILURES: tuple[type[BaseException], ...] = (GenesisError, asyncpg.PostgresError, *UNAVAILABLE)


async def examine(
    settings: Settings, *, thorough: bool = False, as_json: bool = False, console: Console | None = None
) -> int:
    """Prints what was found; returns 0 if nothing is broken, 1 if something is, 3 if nothing runs."""
    out = console or Console(file=sys.stdout)
    # What does not answer becomes a finding; aiokafka would say it once more beside it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    facts = installation.running(settings)
    if facts is None:
        if as_json:
            out.print_json(data={"well": False, "running": False})
        else:
            say(out, f"Nothing runs on the data folder {settings.data}; `genesis run` starts it.")
        return 3
    reached = settings.model_copy(update={"bootstrap": kafka.bootstrap(settings)})
    findings = Findings()
    await _parts(reached, facts, findings)
    _disk(settings.data, findings)
    await _topics(reached, findings)
    await _database(reached, findings)
    if thorough:
        try:
            with bar(Console(file=sys.stderr) if as_json else out, "comparing") as told:
                await reconcile(reached, postgres.dsn(settings), findings, told)
        except _FAILURES as error:
            findings.add("broken", f"the comparison was cut off ({type(error).__name__})", "Run it again.")
    if as_json:
        out.print(json.dumps({"running": True, **findings.as_json()}, indent=2), soft_wrap=True, highlight=False)
    else:
        _show(out, findings)
    return 0 if findings.well else 1


async def _parts(settings: Settings, facts: dict[str, Any], findings: Findings) -> None:
    """Processes, slot, connector and lags, as `genesis status` has them."""
    for line in await standing.inspect(settings, facts):
        findings.figures[line.part] = {"state": line.state, "lag": line.lag}
        # Of the sessions the doctor says more itself, from the database.
        if line.advice and line.part != standing.SESSIONS:
            findings.add("broken", f"{line.part}: {line.state}{f', {line.lag}' if line.lag else ''}", line.advice)


def _disk(data: Path, findings: Findings) -> None:
    free = shutil.disk_usage(data).free
    findings.figures["disk free, MB"] = free >> 20
    for folder in ("postgres", "kafka", "logs"):
        size = sum(file.stat().st_size for file in _files((data / folder).resolve()))
        findings.figures[f"{folder} folder, MB"] = size >> 20
    if free < LEAST_FREE:
        findings.add(
            "broken",
            f"the disk of {data} has {free >> 20} MB left",
            "Make room, or stop the studio and move the folder; PostgreSQL and Kafka stop when it is full.",
        )


def _files(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    except OSError:
        # A segment that was deleted meanwhile, or another user's folder.
        return []


async def _topics(settings: Settings, findings: Findings) -> None:
    try:
        for topic in (COMMANDS, EVENTS, SESSIONS_CHANGELOG, DEAD_LETTERS):
            first, ends = await reading.bounds(settings, topic.name)
            count = sum(end - first[number] for number, end in ends.items())
            findings.figures[f"{topic.name}, messages"] = count
            if topic is DEAD_LETTERS:
                findings.add(
                    "note",
                    "a message could not be handled and lies in genesis.dead-letters (30 days)",
                    "Look at its headers dead_letter_error and dead_letter_reader; each is a bug or a forgery.",
                    count=count,
                )
            if topic is EVENTS and any(first.values()):
                findings.add(
                    "broken",
                    "genesis.events no longer starts at offset 0",
                    "Its retention was changed or records were deleted: bring the topic back from a copy.",
                )
    except (GenesisError, KafkaError, OSError) as error:
        findings.add(
            "broken", f"Kafka gives no answer ({type(error).__name__})", "See `genesis status`, logs/kafka.log."
        )


async def _database(settings: Settings, findings: Findings) -> None:
    try:
        connection = await connect(postgres.dsn(settings), application_name="genesis doctor", search_path=READ_SCHEMA)
    except _FAILURES as error:
        findings.add("broken", f"PostgreSQL gives no answer ({type(error).__name__})", "See logs/postgres.log.")
        return
    try:
        for check in (_sizes, _release, _unfinished, _commands, _quarantine, _self_repairs, _overdue):
            try:
                async with asyncio.timeout(30):
                    await check(connection, findings)
            except (asyncpg.PostgresError, TimeoutError) as error:
                findings.add(
                    "broken",
                    f"the database could not answer a question ({type(error).__name__})",
                    "See logs/postgres.log; where the schema `read` is damaged, `genesis rebuild`.",
                )
    finally:
        await connection.close()


async def _sizes(connection: Connection, findings: Findings) -> None:
    findings.figures["database, MB"] = (
        await connection.fetchval("SELECT pg_database_size(current_database())")
    ) >> 20
    rows = await connection.fetch(
        "SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname IN ('read', 'door') ORDER BY relname"
    )
    findings.figures["rows, about"] = {row["relname"]: row["n_live_tup"] for row in rows}


async def _release(connection: Connection, findings: Findings) -> None:
    if await connection.fetchval("SELECT fingerprint FROM projection_schema") != schema.fingerprint():
        findings.add("broken", "the read models were made by another release", "`genesis rebuild`.")


async def _unfinished(connection: Connection, findings: Findings) -> None:
    command = await connection.fetchval("SELECT value FROM door.installation WHERE key = $1", standstill.UNFINISHED)
    if command:
        findings.add("broken", f"`{command}` was cut off", "Stop the studio and run it again, to its end.")


async def _commands(connection: Connection, findings: Findings) -> None:
    for row in await connection.fetch(
        "SELECT id FROM door.command_inbox WHERE status = 'RECEIVED' AND given_up_at IS NOT NULL ORDER BY given_up_at"
    ):
        findings.add(
            "broken",
            "a command was sent again five times in vain and is given up",
            "Its session is repaired by itself, which sends it once more; where that is in vain, see logs/worker.log "
            "for what the worker says of the session.",
            row["id"],
        )
    waiting = await connection.fetchrow(
        "SELECT count(*) AS count, extract(epoch FROM now() - min(received_at)) AS oldest FROM door.command_inbox"
        " WHERE status = 'RECEIVED' AND given_up_at IS NULL"
    )
    assert waiting is not None
    findings.figures["commands without an outcome"] = waiting["count"]
    if waiting["oldest"] is not None and waiting["oldest"] > OVERDUE_SECONDS:
        findings.add(
            "broken",
            "a command has had no outcome for more than a minute",
            f"The oldest waits {float(waiting['oldest']):.0f} s. The pipe stands (see above) or has lost it; what is "
            "lost is sent again by itself.",
            count=await connection.fetchval(
                "SELECT count(*) FROM door.command_inbox WHERE status = 'RECEIVED' AND given_up_at IS NULL"
                " AND received_at < now() - make_interval(secs => $1)",
                OVERDUE_SECONDS,
            ),
        )


async def _quarantine(connection: Connection, findings: Findings) -> None:
    said = {
        "unreadable": ("can't be read", "it is junk"),
        "refused": ("was refused by the projection", "a bug worth a report; logs/projector.log says where"),
        "fork": ("is a second one at a place that is taken", "two workers wrote, or it is forged"),
    }
    for row in await connection.fetch("SELECT kind, count(*) AS count FROM quarantine GROUP BY kind ORDER BY kind"):
        what, why = said[row["kind"]]
        findings.add(
            "note",
            f"a message of genesis.events {what} and lies in quarantine",
            f"Most likely {why}. It stays in read.quarantine, byte for byte.",
            count=row["count"],
        )
    for row in await connection.fetch("SELECT session_id FROM session_view WHERE inconsistent ORDER BY updated_at"):
        findings.add(
            "broken",
            "a session is marked inconsistent",
            "It is repaired by itself within seconds; where that is in vain (see there) the history can't be read: "
            "first a release that reads it and `genesis rebuild`, then `genesis repair SESSION`.",
            row["session_id"],
        )


async def _self_repairs(connection: Connection, findings: Findings) -> None:
    findings.figures["sessions repaired by themselves"] = (await repairs.figures(connection)).done
    for row in await connection.fetch(
        "SELECT session_id, state, remark FROM door.session_repairs WHERE state <> 'DUE' ORDER BY ended_at DESC"
    ):
        if row["state"] == "DONE":
            findings.add(
                "note",
                "a session was behind its events and was repaired by itself",
                "Nothing is to be done; if there are more every day, something is wrong: see logs/worker.log.",
                row["session_id"],
            )
        else:
            findings.add(
                "broken",
                "a session could not be repaired by itself",
                f"{row['remark']} It is tried again once a day; `genesis repair SESSION` tries it now.",
                row["session_id"],
            )


async def _overdue(connection: Connection, findings: Findings) -> None:
    for what, query in (
        ("a resume handle is past its time", "flow_resume_handles WHERE status = 'WAITING' AND expires_at"),
        ("a generation is past its deadline", "async_tasks WHERE status = 'RUNNING' AND deadline"),
    ):
        count = await connection.fetchval(
            f"SELECT count(*) FROM {query} < now() - make_interval(secs => $1)", OVERDUE_SECONDS
        )
        findings.add(
            "broken",
            f"{what}, and its session was not told",
            "The sweeper does not run, or its commands have no outcome: see logs/projector.log.",
            count=count,
        )


def _show(out: Console, findings: Findings) -> None:
    table = Table(title="Genesis Studio, examined")
    for heading in ("", "count", "what", "what to do", "for example"):
        table.add_column(heading)
    for found in findings.all():
        style = "red" if found.weight == "broken" else "yellow"
        table.add_row(
            Text(found.weight, style),
            str(found.count),
            Text(found.what, style),
            found.remedy,
            "\n".join(found.examples),
        )
    if findings.all():
        out.print(table)
    if findings.checked:
        say(out, "Compared: " + ", ".join(f"{count} {what}" for what, count in findings.checked.items()) + ".")
    if findings.well:
        say(out, "Nothing is broken.", "green")
