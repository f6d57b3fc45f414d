"""A session is told once that a time is up, by one sweeper, whatever is stuck, frozen or cut off meanwhile."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from connectors.postgres import DatabaseUnavailable, connect
from connectors.settings import Settings
from genesis.session import events as e
from genesis.session import identity
from genesis.session.messages import GenerationFailed, HandleExpired, SessionExpired
from genesis.session.stages import Stage
from genesis.session.state import Status
from genesis.wire import load_envelope
from projections import sweeper
from tests.spec import SESSION, Story

pytestmark = pytest.mark.postgres

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def admin(database):
    connection = await connect(database.admin, application_name="test admin")
    yield connection
    await connection.close()


@pytest.fixture
async def connection(database):
    """A connection with the sweeper's rights and its path."""
    connection = await connect(database.role("genesis_sweeper"), application_name="test sweeper", search_path="read")
    yield connection
    await connection.close()


@pytest.fixture
def settings(database) -> Settings:
    return Settings(sweeper_dsn=database.role("genesis_sweeper"), sweep_seconds=0.05)


async def accepted(admin, session: UUID | None = None) -> UUID:
    """A session as the door knows it after its START_GENESIS."""
    session = session or uuid4()
    await admin.execute(
        """
        INSERT INTO door.genesis_sessions (id, owner, command_count, last_at, created_at)
        VALUES ($1, 'local', 1, '2026-01-01', '2026-01-01')
        """,
        session,
    )
    return session


async def waits(
    admin,
    session: UUID,
    left: timedelta = -MINUTE,
    status: str = "WAITING",
    handle: UUID | None = None,
    until: datetime | None = None,
) -> UUID:
    """A resume handle of this session in the read models, `left` before its time is up."""
    handle = handle or uuid4()
    await admin.execute(
        """
        INSERT INTO read.flow_resume_handles
            (id, session_id, user_id, stage, correlation_id, status, created_at, expires_at)
        VALUES ($1, $2, 'local', 'CONCEPT_SELECTION', $1, $3, now(), coalesce($4, now() + $5))
        """,
        handle,
        session,
        status,
        until,
        left,
    )
    return handle


async def runs(admin, session: UUID, left: timedelta = -MINUTE, status: str = "RUNNING") -> UUID:
    """A generation of this session in the read models, `left` before its deadline."""
    task = uuid4()
    await admin.execute(
        """
        INSERT INTO read.async_tasks (id, session_id, user_id, stage, task_type, status, command_id,
            correlation_id, input, deadline, requested_at)
        VALUES ($1, $2, 'local', 'WORLDVIEW', 'generation', $3, $1, $1, '{}', now() + $4, now())
        """,
        task,
        session,
        status,
        left,
    )
    return task


async def sent(admin) -> list[Any]:
    """The envelopes that lie in the outbox, in their order."""
    rows = await admin.fetch("SELECT payload FROM door.event_outbox ORDER BY position")
    return [load_envelope(row["payload"].encode()) for row in rows]


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> Any:
    """Waits for the condition to hold and answers what it found; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 the condition lies in the server
            await asyncio.sleep(0.02)
    return found


class TestHandles:
    async def test_a_handle_nobody_answered_in_time_expires(self, admin, connection):
        session = await accepted(admin)
        handle = await waits(admin, session)
        assert await sweeper.handles().sweep(connection) == 1
        [envelope] = await sent(admin)
        expires_at = await admin.fetchval("SELECT expires_at FROM read.flow_resume_handles")
        assert envelope.message == HandleExpired(
            stage=Stage.CONCEPT_SELECTION, handle_id=handle, expires_at=expires_at
        )
        assert envelope.message_id == identity.handle_expiry_id(handle, expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        assert (envelope.session_id, envelope.command_no, envelope.user_id) == (session, 2, "local")
        assert (envelope.correlation_id, envelope.expected_version) == (handle, None)

    async def test_the_machine_expires_the_very_handle(self, admin, connection):
        """From the kernel's own handle over the read model and the door back into the kernel."""
        story = Story().started().proposed(Stage.CONCEPT_SELECTION)
        handle = story.review(Stage.CONCEPT_SELECTION).handle
        await accepted(admin, SESSION)
        await waits(admin, SESSION, handle=handle.handle_id, until=handle.expires_at)
        await sweeper.handles().sweep(connection)
        [envelope] = await sent(admin)
        story.deliver(envelope).then(e.InputExpired, e.SessionPaused)
        assert story.session.status is Status.PAUSED

    async def test_who_has_time_left_or_waits_no_longer_is_left_alone(self, admin, connection):
        await waits(admin, await accepted(admin), left=MINUTE)
        for status in ("PENDING_PAUSE", "RESUMED", "EXPIRED", "CANCELLED"):
            await waits(admin, await accepted(admin), status=status)
        assert await sweeper.handles().sweep(connection) == 0
        assert await sent(admin) == []

    async def test_while_it_is_on_its_way_it_is_not_sent_again(self, admin, connection):
        session = await accepted(admin)
        await waits(admin, session)
        handles = sweeper.handles()
        assert [await handles.sweep(connection) for _ in range(4)] == [1, 0, 0, 0]
        assert await sweeper.handles().sweep(connection) == 0
        assert len(await sent(admin)) == 1
        assert await admin.fetchval("SELECT command_count FROM door.genesis_sessions") == 2

    async def test_a_renewed_handle_expires_anew(self, admin, connection):
        session = await accepted(admin)
        handle = await waits(admin, session, left=-2 * MINUTE)
        handles = sweeper.handles()
        await handles.sweep(connection)
        await admin.execute("UPDATE read.flow_resume_handles SET expires_at = now() + interval '1 minute'")
        assert await handles.sweep(connection) == 0
        await admin.execute("UPDATE read.flow_resume_handles SET expires_at = now() - interval '1 second'")
        assert await handles.sweep(connection) == 1
        assert [envelope.message.handle_id for envelope in await sent(admin)] == [handle, handle]
        assert len({envelope.message_id for envelope in await sent(admin)}) == 2

    async def test_what_is_stuck_keeps_nothing_behind_it_waiting(self, admin, connection):
        """Nothing moves on in the read models, and yet every handle has its turn, a page at a time."""
        for _ in range(7):
            await waits(admin, await accepted(admin), left=-2 * MINUTE)
        handles = sweeper.handles()
        assert [await handles.sweep(connection, page=3) for _ in range(3)] == [3, 3, 1]
        late = await waits(admin, await accepted(admin))
        early = await waits(admin, await accepted(admin), left=-9 * MINUTE)
        assert sum([await handles.sweep(connection, page=3) for _ in range(4)]) == 2
        told = [envelope.message.handle_id for envelope in await sent(admin)]
        assert len(told) == len(set(told)) == 9
        assert {late, early} <= set(told)

    async def test_a_session_the_door_does_not_know_stops_nobody(self, admin, connection, caplog):
        stranger = uuid4()
        await waits(admin, stranger, left=-2 * MINUTE)
        known = await waits(admin, await accepted(admin))
        with caplog.at_level(logging.WARNING, "projections.sweeper"):
            assert await sweeper.handles().sweep(connection) == 1
        assert str(stranger) in caplog.text
        assert [envelope.message.handle_id for envelope in await sent(admin)] == [known]


class TestGenerations:
    async def test_a_generation_past_its_deadline_has_failed(self, admin, connection):
        session = await accepted(admin)
        task = await runs(admin, session)
        generations = sweeper.generations()
        assert [await generations.sweep(connection) for _ in range(3)] == [1, 0, 0]
        [envelope] = await sent(admin)
        assert envelope.message_id == identity.deadline_id(task)
        assert (envelope.session_id, envelope.command_no, envelope.correlation_id) == (session, 2, task)
        failed = envelope.message
        assert isinstance(failed, GenerationFailed)
        assert (failed.task_id, failed.stage, failed.attempt) == (task, Stage.WORLDVIEW, None)
        assert (failed.code, failed.timed_out, failed.provenance) == ("timed_out", True, None)
        assert failed.message.endswith(".")

    async def test_the_machine_takes_it_for_the_running_task(self, admin, connection):
        story = Story().started()
        task = story.generating(Stage.CONCEPT_SELECTION).task
        await accepted(admin, SESSION)
        row = await runs(admin, SESSION)
        await admin.execute(
            "UPDATE read.async_tasks SET id = $1, stage = 'CONCEPT_SELECTION' WHERE id = $2",
            task.task_id,
            row,
        )
        await sweeper.generations().sweep(connection)
        [envelope] = await sent(admin)
        story.deliver(envelope).then(e.GenerationFailed)
        assert story.event(e.GenerationFailed).timed_out

    async def test_who_has_time_left_or_has_ended_is_left_alone(self, admin, connection):
        session = await accepted(admin)
        await runs(admin, session, left=MINUTE)
        for status in ("SUCCEEDED", "FAILED", "STOPPED"):
            await runs(admin, session, status=status)
        assert await sweeper.generations().sweep(connection) == 0


async def rests(admin, session: UUID, since: timedelta, status: str = "IN_PROGRESS", sequence: int = 7) -> UUID:
    """This session in the read models, untouched `since`."""
    await admin.execute(
        """
        INSERT INTO read.session_view
            (session_id, user_id, status, mode, current_stage, version, sequence, created_at, updated_at)
        VALUES ($1, 'local', $2, 'guided', 'WORLDVIEW', $3, $3, now() - $4::interval, now() - $4::interval)
        """,
        session,
        status,
        sequence,
        since,
    )
    return session


class TestSessions:
    MONTH = timedelta(days=30)

    async def test_a_session_untouched_for_too_long_expires(self, admin, connection):
        session = await rests(admin, await accepted(admin), self.MONTH + MINUTE)
        paused = await rests(admin, await accepted(admin), 2 * self.MONTH, status="PAUSED", sequence=9)
        untouched = sweeper.untouched(self.MONTH)
        assert [await untouched.sweep(connection) for _ in range(3)] == [2, 0, 0]
        first, second = await sent(admin)
        assert (first.session_id, first.message) == (paused, SessionExpired(last_sequence=9))
        assert (second.session_id, second.message) == (session, SessionExpired(last_sequence=7))
        assert second.message_id == identity.session_expiry_id(session, 7)
        assert (second.command_no, second.user_id) == (2, "local")

    async def test_who_was_touched_or_has_ended_is_left_alone(self, admin, connection):
        await rests(admin, await accepted(admin), self.MONTH - MINUTE)
        for status in ("COMPLETED", "ABANDONED", "refused", "unreadable"):
            await rests(admin, await accepted(admin), 2 * self.MONTH, status=status)
        assert await sweeper.untouched(self.MONTH).sweep(connection) == 0

    async def test_a_session_touched_since_is_told_anew_after_as_long(self, admin, connection):
        """The machine refuses the first command as overtaken; the second has another id."""
        session = await rests(admin, await accepted(admin), self.MONTH + MINUTE)
        untouched = sweeper.untouched(self.MONTH)
        assert await untouched.sweep(connection) == 1
        await admin.execute("UPDATE read.session_view SET sequence = 8, updated_at = now()")
        assert await untouched.sweep(connection) == 0
        await admin.execute("UPDATE read.session_view SET updated_at = now() - $1::interval", self.MONTH + MINUTE)
        assert await untouched.sweep(connection) == 1
        assert [(each.session_id, each.message.last_sequence) for each in await sent(admin)] == [
            (session, 7),
            (session, 8),
        ]

    async def test_pages_go_through_hours_and_through_one_hour(self, admin, connection):
        for number in range(7):
            await rests(admin, await accepted(admin), self.MONTH + timedelta(hours=1 + number // 4))
        untouched = sweeper.untouched(self.MONTH)
        assert [await untouched.sweep(connection, page=3) for _ in range(3)] == [3, 3, 1]
        assert len({each.session_id for each in await sent(admin)}) == 7

    async def test_the_machine_abandons_the_very_session(self, admin, connection):
        story = Story().started().proposed(Stage.CONCEPT_SELECTION)
        await accepted(admin, SESSION)
        await rests(admin, SESSION, self.MONTH + MINUTE, sequence=story.session.sequence)
        await sweeper.untouched(self.MONTH).sweep(connection)
        [envelope] = await sent(admin)
        story.deliver(envelope)
        assert story.session.status is Status.ABANDONED

    async def test_an_event_of_the_same_hour_writes_to_no_index(self, admin):
        """Fifty sessions are touched again and again; their indexes don't see it."""
        for _ in range(50):
            await rests(admin, uuid4(), MINUTE)
        await admin.execute("VACUUM read.session_view")
        for minutes in range(4):
            # Never `now()`: it may be another hour by then.
            await admin.execute(
                "UPDATE read.session_view SET sequence = sequence + 1,"
                " updated_at = date_trunc('hour', updated_at) + make_interval(mins => $1)",
                minutes,
            )
            await admin.execute("SELECT pg_stat_force_next_flush()")
            await admin.execute("VACUUM read.session_view")
        updated, hot = await admin.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'session_view'"
        )
        assert updated == 200
        assert hot > 0.8 * updated


@contextlib.asynccontextmanager
async def sweeping(settings: Settings):
    """A sweeper as the projector's process runs it, stopped cleanly at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(sweeper.run(settings, stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def holder(admin) -> int | None:
    """Process id of the server's end of the connection that holds the sweepers' lock."""
    return await admin.fetchval(
        """
        SELECT pid FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2 AND (classid, objid) = ($1::oid, $2::oid) AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """,
        *sweeper.LOCK,
    )


async def sweepers(admin) -> set[int]:
    rows = await admin.fetch(
        """
        SELECT pid FROM pg_stat_activity
        WHERE application_name = 'genesis sweeper' AND datname = current_database()
        """
    )
    return {row["pid"] for row in rows}


async def nobody(admin) -> bool:
    return await holder(admin) is None


async def both(admin) -> bool:
    return len(await sweepers(admin)) == 2


async def other_than(admin, pid: int) -> int | None:
    found = await holder(admin)
    return found if found != pid else None


class TestRunning:
    async def test_it_sweeps_and_clears_until_it_is_stopped(self, admin, settings):
        session = await accepted(admin)
        async with sweeping(settings):
            await until(lambda: holder(admin))
            await waits(admin, session)
            await runs(admin, session)
            await until(lambda: admin.fetchval("SELECT count(*) = 2 FROM door.event_outbox"))
        await until(lambda: nobody(admin))
        # In any order: the two rows may fall to either side of a look.
        assert {type(envelope.message) for envelope in await sent(admin)} == {HandleExpired, GenerationFailed}

    async def test_it_is_active_once_and_the_standby_takes_over(self, admin, settings):
        async with sweeping(settings):
            async with sweeping(settings):
                await until(lambda: holder(admin))
                await until(lambda: both(admin))
                for _ in range(5):
                    await waits(admin, await accepted(admin))
                await until(lambda: admin.fetchval("SELECT count(*) = 5 FROM door.event_outbox"))
                first = await holder(admin)
                await admin.execute("SELECT pg_terminate_backend($1)", first)
                second = await until(lambda: other_than(admin, first))
                await waits(admin, await accepted(admin))
                await until(lambda: admin.fetchval("SELECT count(*) = 6 FROM door.event_outbox"))
            assert second != first
            await until(lambda: holder(admin))
        assert await admin.fetchval("SELECT max(command_count) FROM door.genesis_sessions") == 2

    async def test_it_comes_back_when_its_connection_is_cut(self, admin, settings):
        async with sweeping(settings):
            for _ in range(3):
                pid = await until(lambda: holder(admin))
                await admin.execute("SELECT pg_terminate_backend($1)", pid)
                await until(lambda pid=pid: other_than(admin, pid))
            await waits(admin, await accepted(admin))
            await until(lambda: admin.fetchval("SELECT count(*) = 1 FROM door.event_outbox"))

    async def test_a_frozen_sweeper_loses_the_lock(self, database, admin):
        """The server ends a connection over which nothing was asked for too long, and the lock is free."""
        frozen = await connect(database.role("genesis_sweeper"), application_name="genesis sweeper", idle_limit=0.3)
        assert await frozen.fetchval("SELECT pg_try_advisory_lock($1, $2)", *sweeper.LOCK)
        assert await holder(admin)
        await until(lambda: nobody(admin))
        frozen.terminate()

    async def test_its_own_connection_has_such_a_limit(self, database):
        for pace, limit in ((1.0, "30s"), (60.0, "10min")):
            own = await sweeper.connected(database.role("genesis_sweeper"), pace)
            assert await own.fetchval("SHOW idle_session_timeout") == limit
            await own.close()

    async def test_it_gives_up_where_there_is_no_server(self, monkeypatch):
        monkeypatch.setattr(sweeper, "GIVE_UP_SECONDS", 0.5)
        nowhere = Settings(sweeper_dsn="postgresql://genesis_sweeper:x@127.0.0.1:1/genesis")
        with pytest.raises(DatabaseUnavailable):
            await sweeper.run(nowhere, asyncio.Event())

    async def test_it_stops_while_it_waits_for_a_server(self):
        nowhere = Settings(sweeper_dsn="postgresql://genesis_sweeper:x@127.0.0.1:1/genesis")
        async with sweeping(nowhere) as task:
            await asyncio.sleep(0)
            assert not task.done()

    async def test_it_says_what_it_lacks(self):
        with pytest.raises(sweeper.SweeperUnconfigured, match="GENESIS_SWEEPER_DSN"):
            await sweeper.run(Settings(sweeper_dsn=None), asyncio.Event())


@pytest.mark.parametrize("due", [30, 100_000], ids=["few due", "half of them stuck"])
async def test_at_200_000_rows_a_look_reads_no_more_than_its_page(admin, connection, due):
    """`due` handles and generations are past their time, a thousand still have time, the rest is over."""
    for table, open_, over, fill in (
        (
            "flow_resume_handles",
            "WAITING",
            "RESUMED",
            """
            INSERT INTO read.flow_resume_handles
                (status, expires_at, id, session_id, user_id, stage, correlation_id, created_at)
            SELECT status, due, gen_random_uuid(), gen_random_uuid(), 'local', 'WORLDVIEW', gen_random_uuid(), now()
            """,
        ),
        (
            "async_tasks",
            "RUNNING",
            "SUCCEEDED",
            """
            INSERT INTO read.async_tasks (status, deadline, id, session_id, user_id, stage, task_type, command_id,
                correlation_id, input, requested_at)
            SELECT status, due, gen_random_uuid(), gen_random_uuid(), 'local', 'WORLDVIEW', 'generation',
                gen_random_uuid(), gen_random_uuid(), '{}', now()
            """,
        ),
        (
            "session_view",
            "PAUSED",
            "COMPLETED",
            """
            INSERT INTO read.session_view
                (status, updated_at, session_id, user_id, mode, current_stage, version, sequence, created_at)
            SELECT status, due - interval '30 days', gen_random_uuid(), 'local', 'guided', 'WORLDVIEW', 1, 1, now()
            """,
        ),
    ):
        await admin.execute(
            f"""
            {fill}
            FROM (SELECT
                CASE WHEN n <= {due + 1000} THEN '{open_}' ELSE '{over}' END AS status,
                now() + interval '1 hour' * CASE WHEN n <= {due} THEN -random() ELSE 1 + random() END AS due
                FROM generate_series(1, 200000) n ORDER BY random()) rows
            """,
            timeout=120,
        )
        await admin.execute(f"VACUUM ANALYZE read.{table}")
    behind = (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), UUID(int=0))
    for query, index, *arguments in (
        (sweeper.HANDLES, "flow_resume_handles_due"),
        (sweeper.GENERATIONS, "async_tasks_due"),
        (sweeper.SESSIONS, "session_view_untouched", timedelta(days=30)),
    ):
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            [plan] = await connection.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *behind, sweeper.PAGE, *arguments
            )
            told = json.dumps(plan)
            assert index in told
            assert "Seq Scan" not in told
            top = plan["Plan"]
            assert top["Actual Rows"] == min(due, sweeper.PAGE)
            # A row looked at is at worst a page read; the tables have thousands.
            assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 2 * sweeper.PAGE, told
