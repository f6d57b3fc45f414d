"""Holds what the studio has written in five places against each other: log, history, read models, states, commands.

The database is read in one snapshot, so that its tables agree with each other while people write; the changelog is
read before it and once more after it, so that what is merely on its way is not taken for wrong. Log against history
is in `reconcile_log.py`, all that is said of a session in `reconcile_sessions.py`.
"""

import asyncio
import time
from uuid import UUID

import asyncpg

from connectors import reading
from connectors.postgres import READ_SCHEMA, connect
from connectors.settings import Settings
from genesis.topics import EVENTS
from projections.domain_events import queries as history
from projections.rebuild import Told
from stack.findings import Findings
from stack.reconcile_log import LogComparison
from stack.reconcile_saved import SavedStates
from stack.reconcile_sessions import REPAIR, SessionComparison

PATIENCE_SECONDS = 60.0
"""Longest wait for the projector, and for a worker to save what its events say."""


async def reconcile(settings: Settings, admin_dsn: str, findings: Findings, told: Told) -> None:
    """Compare everything; `told` hears of messages and events as they are read. Raises TopicUnreadable."""
    saved = await SavedStates.read(settings)
    connection = await connect(
        admin_dsn, application_name="genesis doctor", search_path=READ_SCHEMA, command_timeout=3600
    )
    try:
        ends = await _projected(settings, connection, findings)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await LogComparison(settings, connection, findings).compare(ends, told)
            behind = await SessionComparison(connection, findings, saved.last).compare(told)
    finally:
        await connection.close()
    await _demand_saved(saved, behind, findings)


async def _projected(
    settings: Settings, connection: "asyncpg.Connection[asyncpg.Record]", findings: Findings
) -> dict[int, int]:
    """Wait until the projector has passed the present ends of the log; how far it has come."""
    _, ends = await reading.bounds(settings, EVENTS.name)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        positions = await history.positions(connection)
        missing = sum(max(0, end - positions.get(number, 0)) for number, end in ends.items())
        if not missing or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    findings.add(
        "broken",
        "a message of genesis.events has not been projected",
        "See `genesis status` and logs/projector.log.",
        count=missing,
    )
    # Asked after the positions: what is projected was in the log before.
    _, now = await reading.bounds(settings, EVENTS.name)
    lost = sum(max(0, position - now.get(number, 0)) for number, position in positions.items())
    findings.add(
        "broken",
        "a message was projected that genesis.events no longer has at its end",
        "Bring the topic back, or run `genesis restore-log` with the studio stopped.",
        count=lost,
    )
    return {number: min(end, positions.get(number, 0)) for number, end in ends.items()}


async def _demand_saved(saved: SavedStates, behind: dict[UUID, int], findings: Findings) -> None:
    """Those that seemed to be behind may only have been on their way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while behind:
        await saved.read_on()
        behind = {
            session_id: sequence
            for session_id, sequence in behind.items()
            if session_id not in saved.last or saved.last[session_id].sequence < sequence
        }
        if time.monotonic() > deadline:
            break
        if behind:
            await asyncio.sleep(0.5)
    findings.checked["saved states"] = len(saved.last)
    for session_id in behind:
        findings.add(
            "broken",
            "a saved state is behind its events, or missing",
            REPAIR,
            session_id,
        )
