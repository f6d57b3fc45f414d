"""What the door accepts is durable, numbered without a gap and sent once; what it refuses leaves no trace."""

import asyncio
import re
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from connectors.outbox.accept import (
    Accepted,
    CommandAlreadyActive,
    CommandTooLarge,
    InvalidKey,
    KeyReused,
    SessionNotFound,
    VersionMismatch,
    accept_command,
    accept_internal,
    active_key,
)
from connectors.postgres import connect
from genesis.session import identity
from genesis.session.messages import ConfirmStage, StartGenesis
from genesis.session.stages import Stage
from genesis.wire import load_envelope

pytestmark = pytest.mark.postgres

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def start(door, owner="ann", key=None, **more) -> Accepted:
    given = {"idea": "a lighthouse that remembers"} | more.pop("payload", {})
    return await accept_command(
        door,
        owner=owner,
        key=key,
        command_type="START_GENESIS",
        session_id=None,
        payload=given,
        active_key=active_key(None, None),
        **more,
    )


async def say(door, session: UUID, owner="ann", key=None, kind="CONFIRM_STAGE", about=None, **more) -> Accepted:
    """Sends a command; without `about` it is about nothing that any other command is about."""
    return await accept_command(
        door,
        owner=owner,
        key=key,
        command_type=kind,
        session_id=session,
        payload=more.pop("payload", {"stage": "WORLDVIEW"}),
        active_key=str(uuid4()) if about is None else about,
        **more,
    )


async def everything(admin) -> dict[str, list[asyncpg.Record]]:
    """Every row of the door, to see that nothing has changed."""
    return {
        table: await admin.fetch(f"SELECT * FROM door.{table} ORDER BY 1")
        for table in ("genesis_sessions", "command_inbox", "event_outbox")
    }


async def numbers(admin, session: UUID) -> list[int]:
    rows = await admin.fetch(
        "SELECT command_no FROM door.command_inbox WHERE session_id = $1 ORDER BY command_no", session
    )
    return [row["command_no"] for row in rows]


class TestAccepted:
    async def test_a_start_opens_a_session_of_its_owner(self, door, admin):
        accepted = await start(door, owner="ann", key="first")
        assert accepted.command_id == identity.command_id("ann", "first")
        assert accepted.session_id == identity.session_id(accepted.command_id)
        assert (accepted.command_no, accepted.status, accepted.repeated) == (1, "RECEIVED", False)
        session = await admin.fetchrow("SELECT * FROM door.genesis_sessions")
        assert (session["id"], session["owner"], session["command_count"]) == (accepted.session_id, "ann", 1)
        assert session["last_at"] == session["created_at"] == accepted.at

    async def test_the_message_is_on_its_way_byte_for_byte(self, door, admin):
        correlation = uuid4()
        session = (await start(door, owner='zoë "z" \\')).session_id
        # 1.10 and 1e5 as they are, key order as it is, no space added: json is carried as text.
        payload = {"stage": "WORLDVIEW", "b": 1.5, "a": [None, True, 'é "q" \\ 🕯'], "": {}}
        accepted = await say(
            door,
            session,
            owner='zoë "z" \\',
            payload=payload,
            correlation_id=correlation,
            expected_version=7,
            traceparent=TRACE,
        )
        row = await admin.fetchrow("SELECT * FROM door.event_outbox WHERE command_no = 2")
        at = accepted.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert row["payload"] == (
            f'{{"id":"{accepted.command_id}","session_id":"{session}","user_id":"zoë \\"z\\" \\\\"'
            f',"command_no":2,"correlation_id":"{correlation}","at":"{at}","expected_version":7'
            f',"type":"CONFIRM_STAGE","payload":{orjson.dumps(payload).decode()}}}'
        )
        assert (row["topic"], row["partition_key"]) == ("genesis.commands", str(session))
        assert (row["command_id"], row["command_type"]) == (accepted.command_id, "CONFIRM_STAGE")
        assert (row["traceparent"], row["created_at"]) == (TRACE, accepted.at)
        assert row["id"].version == 7

    async def test_numbers_and_spaces_of_the_payload_are_not_rewritten(self, database, admin):
        """Whoever calls the function with text gets that text, not PostgreSQL's idea of the same JSON."""
        command, session = uuid4(), uuid4()
        connection = await connect(database.role("genesis_door"), application_name="test")
        await connection.execute(
            "SELECT door.accept_command('ann', 'k', $1, $2, $3, 'START_GENESIS', $4, '', NULL, NULL, NULL, NULL)",
            command,
            bytes(32),
            session,
            '{"x" : 1.10,\t"x":1e2, "a":"\\u00e9"}',
        )
        await connection.close()
        payload = await admin.fetchval("SELECT payload FROM door.event_outbox")
        assert payload.endswith(',"payload":{"x" : 1.10,\t"x":1e2, "a":"\\u00e9"}}')

    async def test_the_kernel_reads_what_the_door_writes(self, door, admin):
        opened = await start(door, payload={"idea": "a bell", "target_chapters": 12})
        proposal = uuid4()
        told = ConfirmStage(stage=Stage.CONCEPT_SELECTION, proposal_id=proposal, candidate="k1")
        confirmed = await say(
            door, opened.session_id, payload=told.model_dump(mode="json", exclude={"type"}), expected_version=3
        )
        first, second = [
            load_envelope(row["payload"].encode())
            for row in await admin.fetch("SELECT payload FROM door.event_outbox ORDER BY position")
        ]
        assert first.message == StartGenesis(idea="a bell", target_chapters=12)
        assert (first.message_id, first.command_no) == (opened.command_id, 1)
        assert (first.at, first.expected_version) == (opened.at, None)
        assert first.correlation_id == opened.command_id
        assert (second.message, second.message_id) == (told, confirmed.command_id)
        assert (second.command_no, second.user_id, second.expected_version) == (2, "ann", 3)

    async def test_the_inbox_keeps_what_sending_again_needs(self, door, admin):
        accepted = await start(door, key="first", payload={"tone": "quiet"}, traceparent=TRACE)
        row = await admin.fetchrow("SELECT * FROM door.command_inbox")
        assert row["command_payload"] == {"idea": "a lighthouse that remembers", "tone": "quiet"}
        assert (row["status"], row["resent_count"], row["given_up_at"]) == ("RECEIVED", 0, None)
        assert row["sent_at"] == accepted.at
        assert (row["internal"], row["idempotency_key"], row["traceparent"]) == (False, "first", TRACE)

    async def test_a_traceparent_that_is_none_is_dropped(self, door, admin):
        await start(door, traceparent="00-junk")
        assert await admin.fetchval("SELECT traceparent FROM door.event_outbox") is None

    async def test_time_never_goes_back_in_a_session(self, door, admin):
        session = (await start(door)).session_id
        ahead = await admin.fetchval(
            "UPDATE door.genesis_sessions SET last_at = now() + interval '1 hour' RETURNING last_at"
        )
        assert (await say(door, session)).at == ahead
        assert (await say(door, session)).at == ahead

    async def test_without_a_key_each_call_is_a_command_of_its_own(self, door, admin):
        first, second = await start(door), await start(door)
        assert first.session_id != second.session_id

    async def test_accepted_is_durable_whatever_the_connection_is_set_to(self, database):
        connection = await connect(database.role("genesis_door"), application_name="test", synchronous_commit=False)
        async with connection.transaction():
            assert await connection.fetchval("SHOW synchronous_commit") == "off"
            await start(connection)
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "off"
        await connection.close()

    async def test_another_isolation_level_is_refused(self, door):
        """There "wait for the lock, then look" would look at what was before the wait."""
        async with door.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            with pytest.raises(asyncpg.InvalidTransactionStateError, match="READ COMMITTED"):
                await start(connection)


class TestRepeated:
    async def test_the_same_key_gets_the_same_answer(self, door, admin):
        first = await start(door, key="once", payload={"genre": "mystery", "tone": "dry"})
        before = await everything(admin)
        again = await start(door, key="once", payload={"tone": "dry", "genre": "mystery"})
        assert again.repeated
        assert (again.command_id, again.session_id, again.command_no, again.at) == (
            first.command_id,
            first.session_id,
            first.command_no,
            first.at,
        )
        assert await everything(admin) == before

    async def test_a_repeat_tells_how_far_the_command_has_come(self, door, admin):
        first = await start(door, key="once")
        await settle(admin, (first.command_id, "COMPLETED", None))
        assert (await start(door, key="once")).status == "COMPLETED"

    async def test_a_repeat_is_no_conflict_with_itself(self, door):
        session = (await start(door)).session_id
        first = await say(door, session, key="twice", about="WORLDVIEW//", expected_version=2, known_version=2)
        again = await say(door, session, key="twice", about="WORLDVIEW//", expected_version=2, known_version=9)
        assert again.repeated
        assert again.command_no == first.command_no

    @pytest.mark.parametrize(
        "other",
        [
            {"payload": {"stage": "CHARACTERS"}},
            {"kind": "FINISH_GENESIS"},
        ],
        ids=["payload", "type"],
    )
    async def test_the_same_key_for_something_else_is_refused(self, door, admin, other):
        session = (await start(door)).session_id
        await say(door, session, key="mine")
        before = await everything(admin)
        with pytest.raises(KeyReused):
            await say(door, session, key="mine", **other)
        assert await everything(admin) == before

    async def test_the_same_key_in_another_session_is_refused(self, door):
        one, other = (await start(door)).session_id, (await start(door)).session_id
        await say(door, one, key="mine")
        with pytest.raises(KeyReused):
            await say(door, other, key="mine")

    async def test_a_start_with_a_used_key_opens_nothing(self, door, admin):
        await start(door, key="mine")
        before = await everything(admin)
        with pytest.raises(KeyReused):
            await start(door, key="mine", payload={"idea": "another"})
        assert await everything(admin) == before

    async def test_keys_of_two_owners_are_two_keys(self, door):
        assert (await start(door, "ann", "k")).command_id != (await start(door, "bob", "k")).command_id

    @pytest.mark.parametrize("starting", [True, False], ids=["a start", "a later command"])
    async def test_the_second_waits_until_the_first_is_committed(self, door, admin, starting):
        session = (await start(door)).session_id

        async def send(connection) -> Accepted:
            if starting:
                return await start(connection, key="mine")
            return await say(connection, session, key="mine", about="same")

        async with door.acquire() as one:
            begun = one.transaction()
            await begun.start()
            first = await send(one)
            second = asyncio.create_task(send(door))
            await somebody_waits(admin, "advisory")
            assert not second.done()
            await begun.commit()
            again = await second
        assert (first.repeated, again.repeated) == (False, True)
        assert (again.command_id, again.command_no) == (first.command_id, first.command_no)

    async def test_twenty_times_at_once_is_once(self, door, admin):
        answers = await asyncio.gather(*(start(door, key="at once") for _ in range(20)))
        assert len({(answer.command_id, answer.session_id, answer.command_no) for answer in answers}) == 1
        assert [answer.repeated for answer in answers].count(False) == 1
        assert {table: len(rows) for table, rows in (await everything(admin)).items()} == {
            "genesis_sessions": 1,
            "command_inbox": 1,
            "event_outbox": 1,
        }


class TestRefused:
    async def test_no_session_and_a_foreign_session_are_the_same(self, door, admin):
        session = (await start(door, owner="ann")).session_id
        before = await everything(admin)
        with pytest.raises(SessionNotFound):
            await say(door, uuid4(), owner="ann")
        with pytest.raises(SessionNotFound):
            await say(door, session, owner="bob")
        assert await everything(admin) == before

    async def test_its_like_is_still_being_carried_out(self, door, admin):
        session = (await start(door)).session_id
        first = await say(door, session, about=active_key("WORLDVIEW", None))
        before = await everything(admin)
        with pytest.raises(CommandAlreadyActive) as refused:
            await say(door, session, about=active_key("WORLDVIEW", None))
        assert (refused.value.active, refused.value.command_no) == (first.command_id, 2)
        assert await everything(admin) == before

    async def test_what_is_about_something_else_is_not_its_like(self, door):
        session = (await start(door)).session_id
        kept = uuid4()
        keys = (
            active_key("WORLDVIEW", None),
            active_key("CHARACTERS", None),
            active_key("WORLDVIEW", kept),
            active_key("WORLDVIEW", uuid4()),
            active_key("WORLDVIEW", kept, stop=True),
        )
        numbers = [(await say(door, session, kind="PROVIDE_FEEDBACK", about=about)).command_no for about in keys]
        assert numbers == [2, 3, 4, 5, 6]
        same = active_key("WORLDVIEW", None)
        assert (await say(door, session, kind="CONFIRM_STAGE", about=same)).command_no == 7
        other = (await start(door)).session_id
        assert (await say(door, other, kind="CONFIRM_STAGE", about=same)).command_no == 2

    @pytest.mark.parametrize("end", ["COMPLETED", "FAILED"])
    async def test_once_it_has_an_outcome_its_like_is_welcome(self, door, admin, end):
        session = (await start(door)).session_id
        first = await say(door, session, about="same")
        await settle(admin, (first.command_id, "PROCESSING", None))
        with pytest.raises(CommandAlreadyActive):
            await say(door, session, about="same")
        await settle(admin, (first.command_id, end, None))
        assert (await say(door, session, about="same")).command_no == 3

    async def test_what_was_given_up_blocks_nothing(self, door, admin):
        session = (await start(door)).session_id
        first = await say(door, session, about="same")
        await admin.execute("UPDATE door.command_inbox SET given_up_at = now() WHERE id = $1", first.command_id)
        assert (await say(door, session, about="same")).command_no == 3

    async def test_internal_commands_do_not_block_each_other(self, door, machinery):
        session = (await start(door)).session_id
        assert (await expire(machinery, session)).command_no == 2
        assert (await expire(machinery, session)).command_no == 3

    async def test_a_version_that_is_known_to_be_old(self, door, admin):
        session = (await start(door)).session_id
        before = await everything(admin)
        with pytest.raises(VersionMismatch):
            await say(door, session, expected_version=4, known_version=5)
        assert await everything(admin) == before
        await say(door, session, expected_version=5, known_version=5)
        await say(door, session, expected_version=4, known_version=None)

    async def test_a_start_that_expects_a_version_opens_nothing(self, door, admin):
        with pytest.raises(VersionMismatch):
            await start(door, expected_version=3)
        assert not any((await everything(admin)).values())
        await start(door, expected_version=0)

    @pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b"])
    async def test_a_key_that_is_none(self, door, key):
        with pytest.raises(InvalidKey):
            await start(door, key=key)

    async def test_any_other_key_will_do(self, door):
        for key in ("x" * 200, " ", "ключ\t🗝", "'; DROP TABLE door.command_inbox; --"):
            assert (await start(door, key=key)).command_id == (await start(door, key=key)).command_id

    async def test_a_payload_that_would_stop_the_pipe(self, door, admin):
        with pytest.raises(CommandTooLarge):
            await start(door, payload={"idea": "x" * 800_001})
        assert not any((await everything(admin)).values())
        # The largest payload, and everything around it at its longest, still goes through.
        await start(door, owner="o" * 255, key="k" * 200, payload={"idea": "x" * 799_980})

    async def test_internal_types_do_not_come_in_by_the_front_door(self, door, admin):
        session = (await start(door)).session_id
        before = await everything(admin)
        for kind in ("HANDLE_EXPIRED", "SESSION_EXPIRED", "GENERATION_FAILED"):
            with pytest.raises(asyncpg.CheckViolationError):
                await say(door, session, kind=kind)
        assert await everything(admin) == before

    async def test_no_refusal_uses_a_number(self, door, admin):
        session = (await start(door, key="start")).session_id
        await say(door, session, about="same", key="mine")
        for refused in (
            say(door, session, about="same"),
            say(door, session, key="mine", payload={"stage": "CHARACTERS"}),
            say(door, session, expected_version=1, known_version=2),
            say(door, session, owner="bob"),
            start(door, key="start", payload={"idea": "another"}),
            start(door, expected_version=1),
        ):
            with pytest.raises((CommandAlreadyActive, KeyReused, VersionMismatch, SessionNotFound)):
                await refused
        assert (await say(door, session)).command_no == 3
        assert await numbers(admin, session) == [1, 2, 3]


class TestOrder:
    async def test_fifty_at_once_are_numbered_in_the_order_they_are_committed(self, door, admin):
        session = (await start(door)).session_id
        slot = "order_of_commits"
        await admin.execute("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", slot)
        try:
            answers = await asyncio.gather(*(say(door, session) for _ in range(50)))
            changes = await admin.fetch("SELECT data FROM pg_logical_slot_get_changes($1, NULL, NULL)", slot)
        finally:
            await admin.execute("SELECT pg_drop_replication_slot($1)", slot)
        committed = [
            int(found.group(1))
            for change in changes
            if change["data"].startswith("table door.event_outbox: INSERT")
            and (found := re.search(r"command_no\[bigint\]:(\d+)", change["data"]))
        ]
        assert committed == list(range(2, 52))
        assert sorted(answer.command_no for answer in answers) == committed
        by_number = sorted(answers, key=lambda answer: answer.command_no)
        assert [answer.at for answer in by_number] == sorted(answer.at for answer in answers)
        rows = await admin.fetch("SELECT command_no FROM door.event_outbox ORDER BY position")
        assert [row["command_no"] for row in rows] == list(range(1, 52))

    async def test_clients_and_sweeper_share_one_numbering(self, door, admin, machinery):
        session = (await start(door)).session_id
        work = [say(door, session, about="same" if n % 3 else None) for n in range(30)]
        work += [expire(machinery, session) for _ in range(20)]
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        accepted = [answer.command_no for answer in outcomes if isinstance(answer, Accepted)]
        refused = [outcome for outcome in outcomes if not isinstance(outcome, Accepted)]
        assert all(isinstance(outcome, CommandAlreadyActive) for outcome in refused)
        assert len(refused) == 19
        assert sorted(accepted) == list(range(2, 33))
        assert await numbers(admin, session) == list(range(1, 33))

    async def test_sessions_do_not_wait_for_each_other(self, door):
        one, other = (await start(door)).session_id, (await start(door)).session_id
        async with door.acquire() as slow, slow.transaction():
            await say(slow, one)
            assert (await say(door, other)).command_no == 2


class TestInternal:
    async def test_sent_twice_it_is_accepted_once(self, door, admin, machinery):
        session = (await start(door)).session_id
        handle = uuid4()
        first = await expire(machinery, session, handle)
        again = await expire(machinery, session, handle)
        assert (first.command_no, first.repeated) == (2, False)
        assert (again.command_no, again.repeated, again.at) == (2, True, first.at)
        assert await numbers(admin, session) == [1, 2]
        row = await admin.fetchrow("SELECT * FROM door.command_inbox WHERE internal")
        assert (row["owner"], row["idempotency_key"], row["expected_version"]) == ("ann", None, None)
        body = orjson.loads(await admin.fetchval("SELECT payload FROM door.event_outbox WHERE command_no = 2"))
        assert (body["type"], body["user_id"]) == ("HANDLE_EXPIRED", "ann")

    async def test_twenty_times_at_once_is_once(self, door, admin, machinery):
        session = (await start(door)).session_id
        handle = uuid4()
        answers = await asyncio.gather(*(expire(machinery, session, handle) for _ in range(20)))
        assert {answer.command_no for answer in answers} == {2}
        assert await numbers(admin, session) == [1, 2]

    async def test_a_session_nobody_opened(self, machinery):
        with pytest.raises(SessionNotFound):
            await expire(machinery, uuid4())

    async def test_clients_types_are_not_internal(self, door, admin, machinery):
        session = (await start(door)).session_id
        with pytest.raises(asyncpg.CheckViolationError):
            await accept_internal(
                machinery, command_id=uuid4(), session_id=session, command_type="FINISH_GENESIS", payload={}
            )


class TestSettling:
    async def test_a_command_only_goes_forward(self, door, admin):
        command = (await start(door)).command_id
        at = (await start(door)).at
        assert await settle(admin, (command, "PROCESSING", None)) == 1
        assert await status(admin, command) == ("PROCESSING", None, None)
        assert await settle(admin, (command, "RECEIVED", None)) == 0
        assert await settle(admin, (command, "FAILED", "generating"), at=at) == 1
        for late in ("RECEIVED", "PROCESSING", "COMPLETED", "FAILED"):
            assert await settle(admin, (command, late, "other")) == 0
        assert await status(admin, command) == ("FAILED", "generating", at)

    async def test_a_batch_may_tell_of_a_command_more_than_once(self, door, admin):
        one, other = (await start(door)).command_id, (await start(door)).command_id
        moved = await settle(
            admin,
            (one, "PROCESSING", None),
            (other, "FAILED", "first"),
            (one, "COMPLETED", None),
            (other, "COMPLETED", None),
            (one, "PROCESSING", None),
        )
        assert moved == 2
        assert (await status(admin, one))[0] == "COMPLETED"
        assert (await status(admin, other))[:2] == ("FAILED", "first")

    async def test_the_same_batch_again_changes_nothing(self, door, admin):
        command = (await start(door)).command_id
        await settle(admin, (command, "COMPLETED", None))
        before = await everything(admin)
        assert await settle(admin, (command, "COMPLETED", None)) == 0
        assert await everything(admin) == before

    async def test_ids_without_a_command_are_passed_over(self, door, admin):
        command = (await start(door)).command_id
        assert await settle(admin, (uuid4(), "COMPLETED", None), (command, "COMPLETED", None)) == 1


async def expire(database, session: UUID, handle: UUID | None = None) -> Accepted:
    handle = handle or uuid4()
    until = "2026-01-01T00:00:00.000000Z"
    return await accept_internal(
        database,
        command_id=identity.handle_expiry_id(handle, until),
        session_id=session,
        command_type="HANDLE_EXPIRED",
        payload={"stage": "WORLDVIEW", "handle_id": str(handle), "expires_at": until},
    )


async def somebody_waits(admin, what: str) -> None:
    """Returns once a connection to this database waits for a lock of this kind."""
    async with asyncio.timeout(20):
        while not await admin.fetchval(  # noqa: ASYNC110 the lock lies in the server
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1
            """,
            what,
        ):
            await asyncio.sleep(0.01)


async def settle(admin, *news: tuple[UUID, str, str | None], at=None) -> int:
    ids, statuses, reasons = (list(column) for column in zip(*news, strict=True))
    at = at or await admin.fetchval("SELECT now()")
    return await admin.fetchval(
        "SELECT door.settle_commands($1, $2, $3, $4)", ids, statuses, reasons, [at] * len(ids)
    )


async def status(admin, command: UUID) -> tuple:
    return tuple(
        await admin.fetchrow("SELECT status, reason, processed_at FROM door.command_inbox WHERE id = $1", command)
    )


async def test_an_outcome_waits_for_a_command_whose_commit_is_not_visible_yet(admin, door, database):
    """Debezium reads a commit from the WAL before others see it, and the pipe may be back first."""
    accepting = await door.acquire()
    work = accepting.transaction()
    await work.start()
    accepted = await start(accepting)
    settled = asyncio.create_task(settle(admin, (accepted.command_id, "COMPLETED", None)))
    onlooker = await connect(database.admin, application_name="test onlooker")
    await somebody_waits(onlooker, "transactionid")
    await onlooker.close()
    await work.commit()
    await door.release(accepting)
    assert await settled == 1
    assert (await status(admin, accepted.command_id))[0] == "COMPLETED"


async def test_an_outcome_of_what_was_never_accepted_leaves_no_trace(admin, door):
    accepted = await start(door)
    before = await everything(admin)
    assert await settle(admin, (uuid4(), "COMPLETED", None), (uuid4(), "FAILED", "overtaken")) == 0
    assert await everything(admin) == before
    assert await settle(admin, (uuid4(), "COMPLETED", None), (accepted.command_id, "COMPLETED", None)) == 1
