"""One session out of its own history: its state folded anew, and its read models written anew."""

from collections.abc import Sequence
from uuid import UUID

from connectors.postgres import Connection
from genesis import wire
from genesis.errors import GenesisError
from genesis.session.events import Recorded
from genesis.session.evolve import complete, evolve
from genesis.session.state import Session
from projections.domain_events import queries as history
from projections.domain_events.project import UNREADABLE
from projections.handles.project import Handles
from projections.novels.project import novel_row
from projections.session_view.project import Views
from projections.tasks.project import Tasks

PAGE = 500
"""Events read at once."""

TABLES = ("session_view", "session_stage", "flow_resume_handles", "async_tasks", "novels")
"""The read models that hold rows of a session, its history aside."""


class HistoryUnreadable(GenesisError):
    """An event of the session's history can't be read or followed, so there is nothing to repair it from."""


class HistoryIncomplete(HistoryUnreadable):
    """The session's first command is not complete in the database; wait until the projector has caught up."""


class SessionUnknown(GenesisError):
    """The database has no event of this session; look whether the id is right and the projector has caught up."""


async def history_of(connection: Connection, session_id: UUID) -> list[Recorded]:
    """All events of a session in their order. Raises SessionUnknown, HistoryUnreadable.

    The connection's search_path names the read schema.
    """
    found: list[Recorded] = []
    while True:
        page = await history.after(connection, session_id, found[-1].sequence if found else 0, PAGE)
        found += [_read(event, following) for following, event in enumerate(page, len(found) + 1)]
        if len(page) < PAGE:
            break
    if not found:
        raise SessionUnknown(
            f"The database has no event of session {session_id}; look whether the id is right, and with "
            "`genesis status` whether the projector has caught up."
        )
    return found


def _read(event: history.StoredEvent, expected: int) -> Recorded:
    if event.sequence != expected:
        raise HistoryUnreadable(
            f"Event {expected} of session {event.session_id} is missing from the database. Where genesis.events has "
            "it, `genesis rebuild` brings it back."
        )
    if event.event_type != UNREADABLE:
        try:
            return wire.load_event(event.body)
        except wire.Unreadable:
            pass
    raise HistoryUnreadable(
        f"Event {event.sequence} of session {event.session_id} can't be read by this release. Install one that reads "
        "it, then run `genesis rebuild` and repair the session again."
    )


def folded(events: Sequence[Recorded]) -> Session:
    """The state after these events, a last message that is not complete left out.

    Raises HistoryUnreadable, and HistoryIncomplete where nothing is left.
    """
    state: Session | None = None
    for recorded in complete(events):
        state = _evolved(state, recorded)
    if state is None:
        raise HistoryIncomplete
    return state


def _evolved(state: Session | None, recorded: Recorded) -> Session:
    try:
        return evolve(state, recorded)
    except ValueError as error:
        raise HistoryUnreadable(
            f"Event {recorded.sequence} of session {recorded.session_id} ({recorded.event.type}) can't follow the "
            "events before it; the history itself is broken, and no repair can tell what is right."
        ) from error


async def write_anew(connection: "Connection", session_id: UUID) -> bool:
    """Write the read models of one session anew from its history; True if they were marked inconsistent.

    `connection` is the projector's or an administrator's, its search_path the read schema. Afterwards the read
    models are another edition, so that a projector forgets what it remembers. Raises SessionUnknown,
    HistoryUnreadable, with nothing changed.
    """
    async with connection.transaction():
        # Held shared by every batch of a projector, so that none runs meanwhile.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('genesis projections', 0))")
        views, handles, tasks, novels = Views(), Handles(), Tasks(), []
        state: Session | None = None
        for recorded in await history_of(connection, session_id):
            before, state = state, _evolved(state, recorded)
            views.add(recorded, before, state)
            handles.add(recorded, before, state)
            tasks.add(recorded)
            if row := novel_row(recorded.event):
                novels.append(row)
        inconsistent = await connection.fetchval(
            "SELECT inconsistent FROM session_view WHERE session_id = $1", session_id
        )
        for table in TABLES:
            await connection.execute(f"DELETE FROM {table} WHERE session_id = $1", session_id)
        heads, stages, _ = views.rows()
        await connection.execute("SELECT write_session_views($1, $2)", heads, stages or None)
        await connection.execute(
            "SELECT write_handles($1, $2)",
            list(handles.changed.values()) or None,
            list(handles.opened.values()) or None,
        )
        await connection.execute(
            "SELECT write_tasks($1, $2)", list(tasks.requested.values()) or None, list(tasks.ended.values()) or None
        )
        if novels:
            await connection.execute("SELECT write_novels($1)", novels)
        await connection.execute("UPDATE projection_schema SET edition = gen_random_uuid()")
    return bool(inconsistent)
