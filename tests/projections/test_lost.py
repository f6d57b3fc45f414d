"""A command is sent again only when every hop of the pipe has provably passed it by, and then in its order."""

import logging
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from connectors.outbox.accept import accept_command
from connectors.pipe import SLOT, Offsets, PipeSilent, PipeView
from connectors.postgres import connect
from connectors.settings import Settings
from genesis.topics import COMMANDS, EVENTS, Topic
from projections.lost import LostCommands
from tests.conftest import Database

pytestmark = pytest.mark.postgres

OWNER = "ann"


class Kafka(PipeView):
    """Kafka as the sweeper sees it, moved by hand; the slot and everything else of the pipe is PostgreSQL's."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.arrived = False
        self.silent = False
        self.lost: set[UUID] = set()
        self.end: dict[str, Offsets] = {COMMANDS.name: {0: 5, 1: 0}, EVENTS.name: {0: 7, 1: 3}}
        self.begin: Offsets = {0: 0, 1: 0}
        self.reached: Offsets = {0: 4}
        self.opened = 0

    async def open(self) -> None:
        self._answer()
        self.opened += 1

    async def close(self) -> None:
        self.opened -= 1

    async def saw(self, probes: Iterable[UUID]) -> bool:
        self._answer()
        return self.arrived and bool(set(probes) - self.lost)

    async def ends(self, topic: Topic) -> Offsets:
        self._answer()
        return dict(self.end[topic.name])

    async def begins(self, topic: Topic) -> Offsets:
        return dict(self.begin)

    async def committed(self, group: str, topic: Topic) -> Offsets:
        self._answer()
        return dict(self.reached)

    def _answer(self) -> None:
        if self.silent:
            raise PipeSilent


class Pipe:
    """One database with a slot that nobody reads but the test, and the search for what is lost in it."""

    def __init__(self, admin: Any, connection: Any) -> None:
        self.admin, self.connection = admin, connection
        settings = Settings(lost_seconds=30, partitions=2)
        self.kafka = Kafka(settings)
        self.now = 0.0
        self.settings = settings
        self.take_over()

    def take_over(self) -> None:
        """Another sweeper is the active one."""
        self.lost = LostCommands(self.settings, lambda _: self.kafka, lambda: self.now)

    async def sweep(self) -> int:
        return await self.lost.sweep(self.connection)

    async def carried(self) -> None:
        """Debezium has confirmed all there is, and the probe has arrived."""
        await self.admin.execute("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", self.slot)
        self.kafka.arrived = True

    async def worked(self) -> None:
        self.kafka.reached = dict(self.kafka.end[COMMANDS.name])

    async def projected(self) -> None:
        for number, offset in self.kafka.end[EVENTS.name].items():
            await self.admin.execute(
                "INSERT INTO read.projection_positions VALUES ($1, $2)"
                " ON CONFLICT (kafka_partition) DO UPDATE SET next_offset = excluded.next_offset",
                number,
                offset,
            )

    async def all_passed(self) -> int:
        """Looks until the proof is whole, while every hop goes on as it should."""
        await self.sweep()
        await self.carried()
        await self.worked()
        await self.projected()
        return await self.sweep()

    @property
    def slot(self) -> str:
        return SLOT

    async def accept(self, session: UUID | None = None, age: float = 31.0) -> tuple[UUID, UUID]:
        """A command that was accepted `age` seconds ago; its id and its session."""
        accepted = await accept_command(
            self.admin,
            owner=OWNER,
            key=None,
            command_type="START_GENESIS" if session is None else "NAVIGATE_TO_STAGE",
            session_id=session,
            payload={"number": 1.10, "text": "née ☕"},
            active_key=str(uuid4()),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        await self.admin.execute(
            "UPDATE door.command_inbox SET sent_at = now() - $2::interval WHERE id = $1",
            accepted.command_id,
            timedelta(seconds=age),
        )
        return accepted.command_id, accepted.session_id

    async def repairs_are_in_vain(self, session: UUID) -> None:
        """Its repairs have failed, so that nothing but sending again is left."""
        await self.admin.execute(
            "INSERT INTO door.session_repairs VALUES ($1, 'unanswered', 'FAILED', 5, now(), now(), now(), 'in vain')",
            session,
        )

    async def age(self, seconds: float) -> None:
        """Time goes by for all commands; nobody remembers when a look found the first that counted."""
        await self.admin.execute(
            "UPDATE door.command_inbox SET sent_at = now() - $1::interval", timedelta(seconds=seconds)
        )
        self.take_over()

    async def listed(self) -> list[tuple[UUID, str, str]]:
        """The sessions to be repaired: id, reason, state."""
        rows = await self.admin.fetch("SELECT session_id, reason, state FROM door.session_repairs")
        return [(UUID(int=row["session_id"].int), row["reason"], row["state"]) for row in rows]

    async def settle(self, command: UUID, status: str = "COMPLETED") -> None:
        await self.admin.execute("SELECT door.settle_commands($1, $2, '{NULL}', '{now}')", [command], [status])

    async def sent(self) -> list[tuple[UUID, int]]:
        """Command and number of each row of the outbox that is no probe, in the order of the WAL."""
        rows = await self.admin.fetch(
            "SELECT command_id, command_no FROM door.event_outbox WHERE command_no > 0 ORDER BY position"
        )
        return [(UUID(int=row["command_id"].int), row["command_no"]) for row in rows]


@pytest.fixture
async def pipe(database: Database) -> AsyncIterator[Pipe]:
    admin = await connect(database.admin, application_name="test admin", search_path="read")
    connection = await connect(database.role("genesis_sweeper"), application_name="test sweeper", search_path="read")
    await admin.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)
    pipe = Pipe(admin, connection)
    yield pipe
    assert pipe.kafka.opened == 0 or pipe.lost._proof is not None
    await pipe.lost.close()
    await connection.close()
    await admin.execute("SELECT pg_drop_replication_slot($1)", SLOT)
    await admin.close()


async def test_a_command_that_every_hop_has_passed_is_sent_again(pipe: Pipe, caplog: pytest.LogCaptureFixture):
    command, session = await pipe.accept()
    with caplog.at_level(logging.WARNING, "projections.lost"):
        assert await pipe.all_passed() == 1
    assert await pipe.sent() == [(command, 1), (command, 1)]
    assert str(session) in caplog.text


async def test_it_is_the_same_byte_for_byte(pipe: Pipe):
    await pipe.accept()
    await pipe.all_passed()
    first, again = await pipe.admin.fetch(
        "SELECT topic, partition_key, payload, traceparent, command_type FROM door.event_outbox"
        " WHERE command_no > 0 ORDER BY position"
    )
    assert first == again


async def test_nothing_is_sent_while_any_hop_has_not_passed(pipe: Pipe):
    """Each hop is late in its turn, for as long as it likes."""
    await pipe.accept()
    steps = [pipe.carried, pipe.worked, pipe.projected]
    for step in steps:
        assert [await pipe.sweep() for _ in range(3)] == [0, 0, 0]
        await step()
    assert await pipe.sweep() == 1


async def test_each_end_is_noted_after_the_hop_before_has_passed(pipe: Pipe):
    """What came into a topic between two steps must be read as well: the lost one might be among it."""
    await pipe.accept()
    await pipe.sweep()
    pipe.kafka.reached = {0: 5, 1: 0}
    pipe.kafka.end[COMMANDS.name] = {0: 5, 1: 9}
    await pipe.carried()
    await pipe.projected()
    assert await pipe.sweep() == 0
    pipe.kafka.end[EVENTS.name] = {0: 8, 1: 3}
    await pipe.worked()
    assert await pipe.sweep() == 0
    await pipe.projected()
    assert await pipe.sweep() == 1


async def test_the_probe_must_have_arrived_and_the_slot_have_passed(pipe: Pipe):
    await pipe.accept()
    await pipe.sweep()
    await pipe.worked()
    await pipe.projected()
    pipe.kafka.arrived = True
    assert await pipe.sweep() == 0, "the slot has confirmed nothing"
    pipe.kafka.arrived = False
    await pipe.admin.execute("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", SLOT)
    assert await pipe.sweep() == 0, "a slot made anew stands there, its snapshot is under way"
    pipe.kafka.arrived = True
    assert await pipe.sweep() == 1


async def test_a_probe_that_is_lost_as_well_is_followed_by_another(pipe: Pipe):
    """Whatever made the pipe lose the command may still be so when the first probe is written."""
    await pipe.accept()
    await pipe.sweep()
    pipe.kafka.lost = {await pipe.admin.fetchval("SELECT id FROM door.event_outbox WHERE command_no = 0")}
    pipe.kafka.arrived = True
    await pipe.worked()
    await pipe.projected()
    probes = "SELECT count(*) FROM door.event_outbox WHERE command_no = 0"
    assert await pipe.sweep() == 0
    assert await pipe.admin.fetchval(probes) == 1, "it may be slow"
    pipe.now += 31
    assert await pipe.sweep() == 0
    assert await pipe.admin.fetchval(probes) == 2, "without it an idle slot would stand for ever"
    await pipe.carried()
    assert await pipe.sweep() == 1


@pytest.mark.parametrize("topic", [COMMANDS, EVENTS], ids=lambda topic: topic.name)
async def test_a_topic_made_anew_in_the_midst_begins_the_proof_anew(pipe: Pipe, topic: Topic):
    """Nobody would ever come to the end that was noted of the old one, and nothing would be sent again any more."""
    await pipe.accept()
    await pipe.sweep()
    await pipe.carried()
    assert await pipe.sweep() == 0
    if topic is EVENTS:
        await pipe.worked()
        assert await pipe.sweep() == 0
    pipe.kafka.end[topic.name] = {0: 1, 1: 0}
    pipe.kafka.reached = {0: 0}
    assert await pipe.sweep() == 0
    assert pipe.kafka.opened == 0
    assert await pipe.all_passed() == 1


async def test_without_a_slot_nothing_is_proven(pipe: Pipe):
    await pipe.accept()
    await pipe.admin.execute("SELECT pg_drop_replication_slot($1)", SLOT)
    pipe.kafka.arrived = True
    await pipe.worked()
    await pipe.projected()
    assert [await pipe.sweep() for _ in range(3)] == [0, 0, 0]
    await pipe.admin.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)
    await pipe.carried()
    assert await pipe.sweep() == 1


async def test_an_outcome_on_the_way_is_waited_for(pipe: Pipe):
    command, _ = await pipe.accept()
    await pipe.sweep()
    await pipe.carried()
    await pipe.worked()
    assert await pipe.sweep() == 0
    await pipe.settle(command)
    await pipe.projected()
    assert await pipe.sweep() == 0
    assert await pipe.sent() == [(command, 1)]


async def test_later_ones_without_outcome_go_with_it_in_order(pipe: Pipe):
    """The machine leaves alone what comes ahead of its turn, so all that follows a lost one is sent again too."""
    start, session = await pipe.accept()
    lost, _ = await pipe.accept(session)
    done, _ = await pipe.accept(session)
    young, _ = await pipe.accept(session, age=0)
    kept, _ = await pipe.accept(session)
    await pipe.settle(start)
    await pipe.settle(done, "FAILED")
    await pipe.settle(kept, "PROCESSING")
    other, _ = await pipe.accept(age=0)
    assert await pipe.all_passed() == 2
    assert (await pipe.sent())[6:] == [(lost, 2), (young, 4)]
    assert (other, 1) in (await pipe.sent())[:6]


async def test_who_is_young_or_settled_is_no_suspect(pipe: Pipe):
    await pipe.accept(age=29)
    settled, _ = await pipe.accept()
    await pipe.settle(settled)
    assert await pipe.all_passed() == 0
    assert await pipe.admin.fetchval("SELECT count(*) FROM door.event_outbox WHERE command_no = 0") == 0


async def test_each_time_it_waits_longer_and_after_five_it_is_given_up(pipe: Pipe, caplog: pytest.LogCaptureFixture):
    command, session = await pipe.accept()
    await pipe.repairs_are_in_vain(session)
    waits = [30, 90, 270, 810, 900, 900]

    for count, wait in enumerate(waits):
        await pipe.age(wait - 1)
        assert await pipe.all_passed() == 0, f"after {count} re-sendings {wait - 1} s are too few"
        await pipe.age(wait + 1)
        assert await pipe.all_passed() == (1 if count < 5 else 0)
    row = await pipe.admin.fetchrow("SELECT resent_count, given_up_at, status FROM door.command_inbox")
    assert (row["resent_count"], row["status"]) == (5, "RECEIVED")
    assert row["given_up_at"] is not None
    assert f"session {session}: command 1 was lost five times and is given up" in caplog.text
    await pipe.age(100_000)
    assert await pipe.all_passed() == 0
    assert len(await pipe.sent()) == 6
    # Given up is no outcome: what comes of it after all still counts.
    await pipe.settle(command)
    assert await pipe.admin.fetchval("SELECT status FROM door.command_inbox") == "COMPLETED"


async def test_a_given_up_one_no_longer_blocks_its_like(pipe: Pipe):
    _, session = await pipe.accept()
    again = {"owner": OWNER, "key": None, "command_type": "FINISH_GENESIS", "session_id": session, "payload": {}}
    await accept_command(pipe.admin, **again, active_key="x")
    await pipe.admin.execute("UPDATE door.command_inbox SET given_up_at = now() WHERE command_no = 2")
    assert (await accept_command(pipe.admin, **again, active_key="x")).command_no == 3


async def test_the_number_that_is_sent_at_once_is_bounded(pipe: Pipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("projections.lost.SESSION_LIMIT", 2)
    _, session = await pipe.accept()
    for _ in range(4):
        await pipe.accept(session)
    assert await pipe.all_passed() == 2
    assert [number for _, number in (await pipe.sent())[5:]] == [1, 2]


async def test_kafka_away_is_said_once_and_stops_nothing(pipe: Pipe, caplog: pytest.LogCaptureFixture):
    await pipe.accept()
    pipe.kafka.silent = True
    assert [await pipe.sweep() for _ in range(3)] == [0, 0, 0]
    assert caplog.text.count("can't be told") == 1
    pipe.kafka.silent = False
    await pipe.sweep()
    pipe.kafka.silent = True
    assert await pipe.sweep() == 0
    pipe.kafka.silent = False
    assert await pipe.all_passed() == 1


async def test_what_is_being_settled_at_that_moment_is_left_to_its_outcome(pipe: Pipe, database: Database):
    """No deadlock with the projector, which may be waiting for another row of the same session."""
    _, session = await pipe.accept()
    settling, _ = await pipe.accept(session)
    projector = await connect(database.role("genesis_projector"), application_name="test projector")
    transaction = projector.transaction()
    await transaction.start()
    await projector.execute("SELECT door.settle_commands($1, '{COMPLETED}', '{NULL}', '{now}')", [settling])
    assert await pipe.all_passed() == 1
    await transaction.commit()
    await projector.close()
    assert [number for _, number in await pipe.sent()] == [1, 2, 1]


async def test_what_was_sent_again_and_passed_once_more_shows_a_state_behind_its_events(pipe: Pipe):
    """The machine takes it for one ahead of its turn, so the session is to be repaired before it goes out again."""
    start, session = await pipe.accept()
    command, _ = await pipe.accept(session)
    await pipe.settle(start)
    assert await pipe.all_passed() == 1
    assert await pipe.listed() == []
    await pipe.age(91)
    assert await pipe.all_passed() == 0
    assert await pipe.listed() == [(session, "unanswered", "DUE")]
    assert await pipe.sent() == [(start, 1), (command, 2), (command, 2)]


async def test_an_earlier_number_without_outcome_explains_why_a_later_one_has_none(pipe: Pipe):
    """Here it is still on its way for the first time, so nothing is said of the state."""
    start, session = await pipe.accept()
    await pipe.settle(start)
    earlier, _ = await pipe.accept(session)
    later, _ = await pipe.accept(session)
    await pipe.all_passed()
    await pipe.age(91)
    await pipe.admin.execute("UPDATE door.command_inbox SET sent_at = now() WHERE id = $1", earlier)
    assert await pipe.all_passed() == 1
    assert await pipe.listed() == []
    assert (await pipe.sent())[-1] == (later, 3)


async def test_where_repairs_are_in_vain_it_is_only_sent_again(pipe: Pipe):
    _, session = await pipe.accept()
    await pipe.repairs_are_in_vain(session)
    await pipe.all_passed()
    await pipe.age(91)
    assert await pipe.all_passed() == 1
