"""Each role may do its own work and nothing else; and the schema of the door can be taken down and put up again."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest

import connectors
from connectors.postgres import DatabaseRefused, DatabaseUnavailable, connect

pytestmark = pytest.mark.postgres

ROLES = ("genesis_door", "genesis_projector", "genesis_sweeper", "genesis_generator", "genesis_debezium")
TABLES = ("genesis_sessions", "command_inbox", "event_outbox", "generation_claims", "installation", "session_repairs")

READERS = {
    ("genesis_door", "genesis_sessions"),
    ("genesis_door", "command_inbox"),
    ("genesis_sweeper", "command_inbox"),
    ("genesis_sweeper", "session_repairs"),
    ("genesis_generator", "generation_claims"),
    ("genesis_debezium", "event_outbox"),
}

CALLS = {
    "accept_command": (
        "genesis_door",
        f"SELECT door.accept_command('ann', 'k', '{uuid4()}', sha256('a'), '{uuid4()}', 'START_GENESIS', '{{}}', "
        "'', NULL, NULL, NULL, NULL)",
    ),
    "accept_internal": (
        "genesis_sweeper",
        f"SELECT door.accept_internal('{uuid4()}', sha256('a'), '{uuid4()}', 'HANDLE_EXPIRED', '{{}}', NULL, NULL)",
    ),
    "settle_commands": ("genesis_projector", "SELECT door.settle_commands('{}', '{}', '{}', '{}')"),
    "claim_generation": (
        "genesis_generator",
        f"SELECT door.claim_generation('{uuid4()}', '{uuid4()}', 'a', 'a/1', '1 min')",
    ),
    "renew_generation": (
        "genesis_generator",
        f"SELECT door.renew_generation('{uuid4()}', 1, 'a/1', '1 min')",
    ),
    "store_generation": (
        "genesis_generator",
        f"SELECT door.store_generation('{uuid4()}', 1, 'a/1', '{{}}', 0)",
    ),
    "add_discarded_cost": ("genesis_generator", f"SELECT door.add_discarded_cost('{uuid4()}', 1)"),
    "clear_outbox": ("genesis_sweeper", "SELECT door.clear_outbox(1)"),
    "clear_claims": ("genesis_sweeper", "SELECT door.clear_claims(1)"),
    "probe_pipe": ("genesis_sweeper", "SELECT door.probe_pipe()"),
    "resend_commands": ("genesis_sweeper", f"SELECT door.resend_commands('{uuid4()}', 1, 1)"),
    "ask_repair": ("genesis_sweeper", f"SELECT door.ask_repair('{uuid4()}', 'unanswered')"),
    "begin_repairs": ("genesis_sweeper", "SELECT door.begin_repairs(1)"),
    "end_repair": ("genesis_sweeper", f"SELECT door.end_repair('{uuid4()}', 'DONE', NULL)"),
    "revive_commands": ("genesis_sweeper", f"SELECT door.revive_commands('{uuid4()}', 1)"),
    "repair_pause": (None, "SELECT door.repair_pause(1)"),
    "await_commands": (None, "SELECT door.await_commands('{}')"),
    "put_into_outbox": (None, "SELECT door.put_into_outbox(NULL, NULL)"),
    "append_command": (
        None,
        "SELECT door.append_command(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL)",
    ),
    "status_rank": (None, "SELECT door.status_rank('RECEIVED')"),
    "require_accepting_transaction": (None, "SELECT door.require_accepting_transaction()"),
}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_reads_its_tables_and_writes_none(database, role):
    connection = await connect(database.role(role), application_name="test")
    for table in TABLES:
        if (role, table) in READERS:
            await connection.execute(f"SELECT * FROM door.{table} LIMIT 1")
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT * FROM door.{table} LIMIT 1")
        for writing in (
            f"INSERT INTO door.{table} DEFAULT VALUES",
            f"DELETE FROM door.{table}",
            f"TRUNCATE door.{table}",
            f"ALTER TABLE door.{table} ADD COLUMN x int",
            f"DO $$ BEGIN LOCK TABLE door.{table}; END $$",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(writing)
    for statement in (
        "UPDATE door.command_inbox SET status = 'COMPLETED'",
        "UPDATE door.genesis_sessions SET owner = 'eve'",
        "UPDATE door.event_outbox SET payload = ''",
        "UPDATE door.generation_claims SET result = ''",
        "UPDATE door.installation SET value = ''",
        "CREATE TABLE door.x ()",
        "CREATE TABLE public.x ()",
        "CREATE SCHEMA x",
        "CREATE ROLE x",
        "SET ROLE genesis_owner",
        "SELECT pg_read_file('/etc/hostname')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT * FROM pg_authid",
        "DROP PUBLICATION genesis_outbox_pub",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("function", CALLS)
async def test_a_function_serves_one_role_alone(database, function):
    serves, call = CALLS[function]
    for role in ROLES:
        connection = await connect(database.role(role), application_name="test")
        if role == serves:
            await connection.execute(call)
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=function):
                await connection.execute(call)
        await connection.close()


async def test_every_function_of_the_door_is_looked_at_above(admin):
    rows = await admin.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'door'::regnamespace")
    assert {row["proname"] for row in rows} == set(CALLS)


async def test_functions_that_write_run_as_their_owner_on_a_fixed_path(admin):
    rows = await admin.fetch(
        """
        SELECT proname, proconfig, pg_get_userbyid(proowner) AS owner, prosecdef
        FROM pg_proc WHERE pronamespace = 'door'::regnamespace AND proname <> 'status_rank'
        """
    )
    for row in rows:
        assert row["owner"] == "genesis_owner"
        assert row["proconfig"] == ["search_path=pg_catalog, pg_temp"]
        assert row["prosecdef"] == (CALLS[row["proname"]][0] is not None)


async def test_the_owner_can_not_log_in_and_only_debezium_replicates(admin):
    rows = await admin.fetch("SELECT * FROM pg_roles WHERE rolname LIKE 'genesis\\_%'")
    assert {row["rolname"] for row in rows} == {*ROLES, "genesis_owner"}
    for row in rows:
        assert row["rolcanlogin"] == (row["rolname"] != "genesis_owner")
        assert row["rolreplication"] == (row["rolname"] == "genesis_debezium")
        assert not any(row[right] for right in ("rolsuper", "rolcreaterole", "rolcreatedb", "rolbypassrls"))


async def test_strangers_of_the_cluster_do_not_come_in(postgres_server):
    admin = await connect(postgres_server.admin, application_name="test")
    try:
        await admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
        parts = postgres_server.role("genesis_door").split("@")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT"):
            await connect(f"postgresql://stranger:x@{parts[1]}", application_name="test")
    finally:
        await admin.execute("DROP ROLE stranger")
        await admin.close()


async def test_what_the_projector_creates_the_door_and_the_sweeper_may_read(database, admin):
    await admin.execute("CREATE SCHEMA read_next AUTHORIZATION genesis_projector")
    projector = await connect(database.role("genesis_projector"), application_name="test", search_path="read_next")
    await projector.execute("CREATE TABLE things (id int); INSERT INTO things VALUES (7)")
    for role in ("genesis_door", "genesis_sweeper"):
        reader = await connect(database.role(role), application_name="test", search_path="read_next")
        assert await reader.fetchval("SELECT id FROM things") == 7
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute("INSERT INTO things VALUES (8)")
        await reader.close()
    for role in ("genesis_generator", "genesis_debezium"):
        other = await connect(database.role(role), application_name="test", search_path="read_next")
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError)):
            await other.execute("SELECT id FROM things")
        await other.close()
    await projector.close()


async def test_the_publication_carries_inserts_of_the_outbox_alone(admin):
    row = await admin.fetchrow("SELECT * FROM pg_publication WHERE pubname = 'genesis_outbox_pub'")
    assert (row["pubinsert"], row["pubupdate"], row["pubdelete"], row["pubtruncate"], row["puballtables"]) == (
        True,
        False,
        False,
        False,
        False,
    )
    tables = await admin.fetch("SELECT schemaname, tablename FROM pg_publication_tables")
    assert [tuple(table) for table in tables] == [("door", "event_outbox")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("topic", None),
        ("topic", "a topic"),
        ("topic", ""),
        ("partition_key", None),
        ("partition_key", ""),
        ("payload", None),
        ("payload", "x" * 900_000),
        ("command_id", None),
        ("command_type", None),
        ("created_at", None),
    ],
)
async def test_a_row_that_would_stop_the_pipe_is_not_taken(admin, column, value):
    good = {
        "topic": "genesis.commands",
        "partition_key": "k",
        "payload": "{}",
        "command_id": uuid4(),
        "command_no": 1,
        "command_type": "START_GENESIS",
        "created_at": await admin.fetchval("SELECT now()"),
    }

    async def insert(row):
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await admin.execute(f"INSERT INTO door.event_outbox ({', '.join(row)}) VALUES ({places})", *row.values())

    await insert(good)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await insert(good | {column: value})


async def test_the_schema_can_be_taken_down_and_put_up_again(database, admin):
    before = await catalog(admin)
    count = len(list(MIGRATIONS.glob("*.sql")))
    for _ in range(count):
        dbmate(database.admin, "rollback")
    assert await admin.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'door'") == 0
    assert await admin.fetchval("SELECT count(*) FROM pg_publication") == 0
    dbmate(database.admin, "up")
    assert await catalog(admin) == before


async def test_a_wrong_address_is_told_in_one_sentence(database):
    dsn = database.role("genesis_door")
    with pytest.raises(DatabaseUnavailable, match="genesis status"):
        await connect("postgresql://genesis_door:x@127.0.0.1:1/genesis", application_name="test")
    address = dsn.split("@")[1]
    with pytest.raises(DatabaseRefused, match="password"):
        await connect(f"postgresql://genesis_door:{quote('wrong')}@{address}", application_name="test")
    with pytest.raises(DatabaseRefused):
        await connect(dsn.rsplit("/", 1)[0] + "/nowhere", application_name="test")


MIGRATIONS = Path(connectors.__file__).parent / "outbox" / "migrations"


def dbmate(dsn: str, what: str) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("dbmate"), "--migrations-dir", MIGRATIONS, "--no-dump-schema", what],
        env=os.environ | {"DATABASE_URL": f"{dsn}?sslmode=disable"},
        check=True,
        capture_output=True,
    )


async def catalog(admin) -> list[tuple]:
    """What there is in `door`, with its owners and rights."""
    rows = await admin.fetch(
        """
        SELECT relname::text, relkind::text, pg_get_userbyid(relowner)::text, relacl::text FROM pg_class
            WHERE relnamespace = 'door'::regnamespace
        UNION ALL
        SELECT proname::text, prosrc, pg_get_userbyid(proowner)::text, proacl::text FROM pg_proc
            WHERE pronamespace = 'door'::regnamespace
        UNION ALL
        SELECT conname::text, pg_get_constraintdef(oid), '', '' FROM pg_constraint
            WHERE connamespace = 'door'::regnamespace
        ORDER BY 1, 2
        """
    )
    return [tuple(row) for row in rows]
