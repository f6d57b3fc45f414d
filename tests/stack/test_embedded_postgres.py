"""The embedded server: the settings that the promises of the product rest on."""

import stat

import asyncpg
import pytest

pytestmark = pytest.mark.postgres


async def test_is_durable_and_feeds_debezium_without_filling_the_disk(postgres_server):
    connection = await asyncpg.connect(postgres_server.admin)
    try:
        shown = {
            name: await connection.fetchval("SELECT current_setting($1)", name)
            for name in ("wal_level", "fsync", "synchronous_commit", "max_slot_wal_keep_size")
        }
    finally:
        await connection.close()

    assert shown == {
        "wal_level": "logical",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_slot_wal_keep_size": "2GB",
    }


async def test_lets_nobody_in_without_the_password(postgres_server):
    without = postgres_server.admin.split("@")[1]

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:wrong@{without}")


async def test_every_role_logs_in_with_its_own_password(postgres_server):
    for role, dsn in postgres_server.roles.items():
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT current_user") == role
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.close()


def test_passwords_and_sockets_are_the_owners_alone(postgres_server):
    data = postgres_server.settings.data

    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "postgres-socket").stat().st_mode) == 0o700


async def test_each_test_may_have_a_database_of_its_own(database, postgres_server):
    connection = await asyncpg.connect(database.admin)
    try:
        assert await connection.fetchval("SELECT current_database()") == database.name != postgres_server.name
        assert await connection.fetchval("SELECT to_regclass('door.event_outbox')") is not None
    finally:
        await connection.close()
