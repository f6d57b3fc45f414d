"""At 200,000 events no question and no write of the read models reads a whole table: all go by an index."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connectors.postgres import connect
from genesis.session import messages as m
from genesis.session.stages import Stage
from projections import sweeper
from projections.domain_events import queries as history
from projections.handles import queries as handles
from projections.novels import queries as novels
from projections.projector import Projector
from projections.runner import open_connection
from projections.session_view import queries as sessions
from projections.tasks import queries as tasks
from tests.conftest import Database
from tests.connectors.test_door_plans import Plans
from tests.projections.log import Log, Tale

pytestmark = pytest.mark.postgres

EVENTS = 200_000

# 4,000 sessions of 50 events, ten handles, ten generations and five stages each, in four partitions, of 40 people;
# one handle and one generation in a hundred are open.
FILL = f"""
INSERT INTO domain_events (event_id, event_type, event_version, aggregate_type, aggregate_id, sequence,
    correlation_id, causation_id, created_at, user_id, kafka_partition, kafka_offset, payload, metadata)
    SELECT md5('e' || n)::uuid, 'stage-entered', 1, 'genesis-session', md5('s' || n / 50)::uuid, 1 + n % 50,
        md5('c' || n / 2)::uuid, md5('c' || n / 2)::uuid, now(), 'user ' || n / 50 % 40, n / 50 % 4, n,
        '{{"stage": "WORLDVIEW"}}', '{{"part": 1, "of": 1}}'
    FROM generate_series(0, {EVENTS} - 1) n;
INSERT INTO session_view (session_id, user_id, status, mode, current_stage, version, sequence, created_at, updated_at,
    head, brief)
    SELECT md5('s' || n)::uuid, 'user ' || n % 40, 'IN_PROGRESS', 'guided', 'WORLDVIEW', 50, 50,
        now() - n * interval '1 second', now(), '{{}}', '{{}}'
    FROM generate_series(0, {EVENTS} / 50 - 1) n;
INSERT INTO session_stage (session_id, stage, place, phase, slot)
    SELECT md5('s' || n / 5)::uuid, 'STAGE ' || n % 5, n % 5, 'CONFIRMED', '{{}}'
    FROM generate_series(0, {EVENTS} / 10 - 1) n;
INSERT INTO flow_resume_handles (id, session_id, user_id, stage, correlation_id, status, created_at, expires_at)
    SELECT md5('h' || n)::uuid, md5('s' || n / 10)::uuid, 'user ' || n / 10 % 40, 'STAGE ' || n % 10,
        md5('h' || n)::uuid, CASE WHEN n % 100 = 0 THEN 'WAITING' ELSE 'RESUMED' END, now(), now()
    FROM generate_series(0, {EVENTS} / 5 - 1) n;
INSERT INTO async_tasks (id, session_id, user_id, stage, task_type, status, command_id, correlation_id, input,
    deadline, requested_at)
    SELECT md5('h' || n)::uuid, md5('s' || n / 10)::uuid, 'user ' || n / 10 % 40, 'STAGE ' || n % 10, 'generation',
        CASE WHEN n % 100 = 0 THEN 'RUNNING' ELSE 'SUCCEEDED' END, md5('h' || n)::uuid, md5('h' || n)::uuid, '{{}}',
        now(), now()
    FROM generate_series(0, {EVENTS} / 5 - 1) n;
INSERT INTO novels (id, session_id, user_id, title, logline, genre, language, audience, synopsis, target_words,
    chapter_count, content, provenance, cost, content_hash, created_at)
    SELECT md5('n' || n)::uuid, md5('s' || n)::uuid, 'user ' || n % 40, '', '', '', 'en', '', '', 0, 0, '{{}}',
        '{{}}', '{{}}', '', now() - n * interval '1 second'
    FROM generate_series(0, {EVENTS} / 50 - 1) n;
INSERT INTO quarantine (kafka_partition, kafka_offset, session_id, kind, reason)
    SELECT n % 4, n, md5('s' || n)::uuid, 'unreadable', 'poison' FROM generate_series(0, {EVENTS} / 50 - 1) n;
VACUUM ANALYZE domain_events, session_view, session_stage, flow_resume_handles, async_tasks, novels, quarantine;
"""


async def must_go_by_index(plans: Plans, what: str, work: Callable[[], Any], indexes: set[str]) -> None:
    plan = await plans.of(work)
    assert "Query Text" in plan, f"{what}: no plan was heard"
    # The driver asks the catalog for types; the positions are one row per partition.
    assert not re.search(r"Seq Scan on (?!pg_|projection_positions|projection_schema)", plan), f"{what}:\n{plan}"
    used = set(
        re.findall(r"(?:Index (?:Only )?Scan (?:Backward )?(?:using|on)|Conflict Arbiter Indexes:) (\w+)", plan)
    )
    assert indexes <= used, f"{what}: {indexes - used} not used\n{plan}"


@pytest.fixture
async def filled(database: Database) -> Database:
    connection = await connect(database.admin, application_name="test admin", search_path="read")
    for statement in FILL.split(";\n")[:-1]:
        await connection.execute(statement, timeout=120)
    await connection.close()
    return database


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_no_question_reads_a_whole_table(filled: Database, mode: str):
    asker = await connect(filled.admin, application_name="test admin", search_path="read")
    await asker.execute(f"SET plan_cache_mode = {mode}")
    plans = Plans(asker)
    await plans.listen()
    session = UUID(await asker.fetchval("SELECT md5('s77')"))
    command = UUID(await asker.fetchval("SELECT md5('c1930')"))
    now = datetime.now(UTC)
    positions = dict.fromkeys(range(4), EVENTS - 100)
    questions = [
        ("a page of a history", lambda: history.after(asker, session, 10, 100), {"one_event_per_place"}),
        ("what is new", lambda: history.since(asker, positions, 500), {"domain_events_place_in_kafka"}),
        (
            "the events of a command",
            lambda: history.of_command(asker, session, command),
            {"domain_events_pkey", "one_event_per_place"},
        ),
        ("positions", lambda: history.positions(asker), set()),
        ("a version", lambda: sessions.version(asker, session, "user 1"), {"session_view_pkey"}),
        (
            "a state",
            lambda: asker.fetch(sessions._SQL["state"], session, "user 37"),
            {"session_view_pkey", "session_stage_pkey"},
        ),
        ("sessions", lambda: sessions.sessions(asker, "user 1", 20), {"session_view_of_user"}),
        (
            "older sessions",
            lambda: sessions.sessions(asker, "user 1", 20, (now, session)),
            {"session_view_of_user"},
        ),
        ("handles", lambda: handles.of_session(asker, session, 50), {"flow_resume_handles_of_session"}),
        ("generations", lambda: tasks.of_session(asker, session, 50), {"async_tasks_of_session"}),
        ("novels", lambda: novels.novels(asker, "user 1", 20), {"novels_of_user"}),
        ("older novels", lambda: novels.novels(asker, "user 1", 20, (now, session)), {"novels_of_user"}),
        ("a novel", lambda: novels.novel(asker, session, "user 1"), {"novels_pkey"}),
        (
            "handles past their time",
            lambda: asker.fetch(sweeper.HANDLES, now, session, 100),
            {"flow_resume_handles_due"},
        ),
        ("generations past theirs", lambda: asker.fetch(sweeper.GENERATIONS, now, session, 100), {"async_tasks_due"}),
        (
            "sessions untouched",
            lambda: asker.fetch(sweeper.SESSIONS, now, session, 100, timedelta(days=30)),
            {"session_view_untouched"},
        ),
        (
            "quarantine of a session",
            lambda: asker.fetch("SELECT kind FROM quarantine WHERE session_id = $1", session),
            {"quarantine_of_session"},
        ),
    ]
    for what, ask, indexes in questions:
        await must_go_by_index(plans, what, ask, indexes)
    await asker.close()


async def test_no_write_reads_a_whole_table(filled: Database):
    connection = await open_connection(filled.admin)
    projector = Projector(connection)
    await projector.open(1)
    log = Log()
    tale = Tale()
    tale.confirmed_up_to(Stage.PLOT_OUTLINE).given(m.FinishGenesis())
    # The first batches settle the plans; the function's own are generic from its sixth run on.
    for record in log.extend(tale.history)[:-6]:
        await projector.project([record])
    plans = Plans(connection)
    await plans.listen()
    await connection.execute("SET auto_explain.log_parameter_max_length = 0")
    rest = log.after(projector.positions)
    written = {"session_view_pkey", "session_stage_pkey", "flow_resume_handles_pkey", "async_tasks_pkey"}
    await must_go_by_index(plans, "a batch", lambda: projector.project(rest), {*written, "command_inbox_pkey"})
    forked = log.append(tale.history[4], value=(log.records[4].value or b"").replace(b"WORLDVIEW", b"CHARACTERS"))
    repeated = log.append(tale.history[2])
    await must_go_by_index(
        plans,
        "a repeat and a fork",
        lambda: projector.project([forked, repeated]),
        {"one_event_per_place", "domain_events_place_in_kafka"},
    )
    fresh = Projector(connection)
    await fresh.open(1)
    other = Tale(name="other")
    other.started()
    begun = log.extend(other.history)
    await must_go_by_index(
        plans, "a session read from the tables", lambda: fresh.project(begun), {"session_view_pkey"}
    )
    await connection.close()
