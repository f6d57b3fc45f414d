"""The schema of the read models: made once, by and for whom it should be."""

import asyncpg
import pytest

from connectors.postgres import connect
from projections import schema
from projections.domain_events import queries as history
from projections.runner import open_connection
from tests.conftest import Database
from tests.projections.log import Desk, Log, Tale

pytestmark = pytest.mark.postgres


async def test_making_it_again_leaves_it_as_it_is(database: Database):
    desk = await Desk.at(database, Log())
    tale = Tale()
    tale.started()
    desk.log.extend(tale.history)
    await desk.project()
    before = await desk.everything()
    admin = await connect(database.admin, application_name="test admin")
    await schema.create(admin)
    assert await desk.everything() == before
    await admin.close()
    await desk.close()


async def test_one_made_by_another_release_is_refused_in_one_sentence(database: Database):
    admin = await connect(database.admin, application_name="test admin")
    await admin.execute("UPDATE read.projection_schema SET fingerprint = 'another'")
    with pytest.raises(schema.SchemaOfAnotherRelease, match="made by another release; run `genesis rebuild`"):
        await schema.create(admin)
    await admin.close()


async def test_another_form_of_the_saved_state_is_another_schema(monkeypatch: pytest.MonkeyPatch):
    """The rows of session_view hold states: a release that folds others must not read or write these."""
    before = schema.fingerprint()
    monkeypatch.setattr(schema.wire, "STATE_SCHEMA", 99)
    assert schema.fingerprint() != before


async def test_another_schema_can_be_filled_beside_it(database: Database):
    admin = await connect(database.admin, application_name="test admin")
    await schema.create(admin, "read_next")
    await admin.close()
    log = Log()
    tale = Tale()
    tale.started()
    log.extend(tale.history)
    running, rebuilt = await Desk.at(database, log), await Desk.at(database, log, schema="read_next")
    await running.project()
    assert len(log.after(rebuilt.projector.positions)) == len(log.records)
    await rebuilt.project(2)
    assert await rebuilt.everything() == await running.everything()
    await running.close()
    await rebuilt.close()


@pytest.mark.parametrize("role", ["genesis_door", "genesis_sweeper"])
async def test_the_others_may_read_and_no_more(database: Database, role: str):
    connection = await open_connection(database.role(role))
    assert await history.positions(connection) == {}
    for statement in (
        "DELETE FROM domain_events",
        "UPDATE session_view SET version = 0",
        "SELECT * FROM quarantine",
        "SELECT mark_inconsistent('[]')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("role", ["genesis_generator", "genesis_debezium"])
async def test_strangers_may_not_even_read(database: Database, role: str):
    connection = await connect(database.role(role), application_name="test stranger")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("SELECT FROM read.domain_events")
    await connection.close()


async def test_an_answer_is_only_as_durable_as_the_position_it_came_with(database: Database):
    connection = await open_connection(database.role("genesis_projector"))
    assert await connection.fetchval("SHOW synchronous_commit") == "off"
    await connection.close()
