"""At 200,000 rows no statement of the door reads a whole table: each finds its rows by an index."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from connectors.claims import Claims, Owner
from connectors.outbox.accept import accept_command, accept_internal
from connectors.outbox.unsettled import EVERYTHING, LOOK, UnsettledCommands
from projections import lost, sweeper

pytestmark = pytest.mark.postgres

ROWS = 200_000

# A session of ten commands, of which the last is RECEIVED in every 40th session; a tenth of the outbox is old.
FILL = f"""
INSERT INTO door.genesis_sessions (id, owner, command_count, last_at, created_at)
    SELECT md5(n::text)::uuid, 'owner ' || n % 500, 10, now(), now() FROM generate_series(1, {ROWS} / 10) n;
INSERT INTO door.command_inbox (
    id, session_id, command_no, command_type, command_payload, owner, idempotency_key, fingerprint, active_key,
    internal, correlation_id, status, received_at, sent_at)
    SELECT md5('c' || n)::uuid, md5((1 + n / 10)::text)::uuid, 1 + n % 10, 'CONFIRM_STAGE', '{{}}',
        'owner ' || (1 + n / 10) % 500, 'key ' || n, sha256('f'), 'WORLDVIEW//', false, md5('c' || n)::uuid,
        CASE WHEN n % 400 = 9 THEN 'RECEIVED' ELSE 'COMPLETED' END, now(), now()
    FROM generate_series(0, {ROWS} - 1) n;
INSERT INTO door.event_outbox (topic, partition_key, payload, created_at, command_id, command_no, command_type)
    SELECT 'genesis.commands', md5((1 + n / 10)::text), '{{}}',
        now() - CASE WHEN n < {ROWS} / 10 THEN interval '9 days' ELSE interval '1 day' END,
        md5('c' || n)::uuid, 1 + n % 10, 'CONFIRM_STAGE'
    FROM generate_series(0, {ROWS} - 1) n;
INSERT INTO door.generation_claims (
    task_id, session_id, attempt, instance, process, state, lease_until, result, claimed_at, done_at)
    SELECT md5('t' || n)::uuid, md5(n::text)::uuid, 1, 'a', 'a/1', 'DONE', now(), '{{}}',
        now() - CASE WHEN n < {ROWS} / 10 THEN interval '9 days' ELSE interval '1 day' END, now()
    FROM generate_series(0, {ROWS} - 1) n;
VACUUM ANALYZE door.genesis_sessions, door.command_inbox, door.event_outbox, door.generation_claims;
"""


class Plans:
    """Listens to the plans of every statement, those inside functions included, as they are really run."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._heard: list[str] = []

    async def listen(self) -> None:
        await self._connection.execute(
            """
            LOAD 'auto_explain';
            SET auto_explain.log_min_duration = 0;
            SET auto_explain.log_nested_statements = on;
            SET auto_explain.log_level = 'notice';
            """
        )
        self._connection.add_log_listener(self._hear)

    def _hear(self, _: Any, message: Any) -> None:
        if "plan:" in message.message:
            self._heard.append(message.message)

    async def of(self, work: Callable[[], Any]) -> str:
        self._heard.clear()
        await work()
        return "\n".join(self._heard)


async def test_no_statement_of_the_door_reads_a_whole_table(admin):
    for statement in FILL.split(";\n")[:-1]:
        await admin.execute(statement, timeout=120)
    plans = Plans(admin)
    await plans.listen()
    session = UUID(await admin.fetchval("SELECT md5('77')"))
    claims = Claims(admin, Owner.start("b"))
    task, command = uuid4(), UUID(await admin.fetchval("SELECT md5('c9')"))
    topics = (f"CHARACTERS/{number}/" for number in count())

    async def confirm() -> None:
        await accept_command(
            admin,
            owner="owner 77",
            key=None,
            command_type="CONFIRM_STAGE",
            session_id=session,
            payload={},
            active_key=next(topics),
        )

    async def expire() -> None:
        await accept_internal(
            admin, command_id=uuid4(), session_id=session, command_type="HANDLE_EXPIRED", payload={}
        )

    async def settle() -> None:
        await admin.execute(
            "SELECT door.settle_commands($1, $2, $3, $4)",
            [command],
            ["COMPLETED"],
            [None],
            [await admin.fetchval("SELECT now()")],
        )

    lease = timedelta(minutes=1)
    expected = [
        ("an accepted command", confirm, {"one_key_once", "genesis_sessions_pkey", "command_inbox_active"}),
        ("an internal command", expire, {"genesis_sessions_pkey", "command_inbox_pkey"}),
        ("an outcome", settle, {"command_inbox_pkey"}),
        ("a claim", lambda: claims.claim(task, session, lease), set()),
        ("a claim seen", lambda: claims.claim(task, session, lease), {"generation_claims_pkey"}),
        ("a lease renewed", lambda: claims.renew(task, 1, lease), {"generation_claims_pkey"}),
        ("a result", lambda: claims.store(task, 1, b"{}", None), {"generation_claims_pkey"}),
        ("old rows", lambda: sweeper.clear(admin), {"event_outbox_age", "generation_claims_age"}),
        (
            "commands without outcome",
            lambda: admin.fetch(lost.WITHOUT_OUTCOME, timedelta(seconds=30), 100, EVERYTHING),
            {"command_inbox_without_outcome"},
        ),
        (
            "how many they are",
            lambda: UnsettledCommands().look(admin, 10_000),
            {"command_inbox_without_outcome"},
        ),
        (
            "which of them are lost",
            lambda: admin.fetch(lost.STILL_WITHOUT, [command]),
            # By the key or by the few without an outcome, as the server likes.
            set(),
        ),
        (
            "lost commands",
            lambda: admin.execute("SELECT door.resend_commands($1, 1, 100)", session),
            {"genesis_sessions_pkey", "one_number_once"},
        ),
    ]
    for mode in ("force_custom_plan", "force_generic_plan"):
        await admin.execute(f"SET plan_cache_mode = {mode}")
        for what, work, indexes in expected:
            plan = await plans.of(work)
            assert "Query Text" in plan, f"{what}: no plan was heard"
            # The driver asks the catalog for types, which are few.
            assert not re.search(r"Seq Scan on (?!pg_)", plan), f"{what}:\n{plan}"
            used = set(re.findall(r"Index (?:Only )?Scan (?:using|on) (\w+)", plan))
            assert indexes <= used, f"{what}: {indexes - used} not used\n{plan}"


async def test_old_rows_are_cleared_and_young_ones_kept(admin, machinery):
    await admin.execute(FILL.split(";\n")[2].replace(str(ROWS), "30000"))
    await admin.execute(FILL.split(";\n")[3].replace(str(ROWS), "3000"))
    async with machinery.acquire() as connection:
        assert await sweeper.clear(connection) == 3000 + 300
        assert await sweeper.clear(connection) == 0
    assert await admin.fetchval("SELECT count(*) FROM door.event_outbox") == 27_000
    assert await admin.fetchval("SELECT count(*) FROM door.generation_claims") == 2_700
    assert await admin.fetchval("SELECT min(created_at) > now() - interval '8 days' FROM door.event_outbox")


async def test_a_look_at_the_commands_without_an_outcome_costs_the_same_however_many_were_settled(admin):
    """The settled stay in the index until a vacuum; only the first look walks over them."""
    await admin.execute("ALTER TABLE door.command_inbox SET (autovacuum_enabled = off)")
    fill = (
        FILL.split(";\n")[1]
        .replace(str(ROWS), "30000")
        .replace("n % 400 = 9", "true")
        .replace("WORLDVIEW//", "' || n || '")
    )
    await admin.execute(fill.replace("now(), now()\n", "now(), now() - (30000 - n) * interval '1 second'\n"))
    await admin.execute("UPDATE door.command_inbox SET status = 'COMPLETED' WHERE sent_at < now() - interval '10 s'")
    commands = UnsettledCommands()

    async def pages() -> int:
        [plan] = await admin.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {LOOK}", commands.since, 10_000)
        return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

    first = await pages()
    for _ in range(2):
        assert 5 < (await commands.look(admin, 10_000)).count < 20
    assert first > 100
    assert await pages() < 20
