"""A session whose state is behind its events is found and repaired by the sweeper alone; door and tables are real."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from connectors.outbox import repairs
from connectors.pipe import PipeSilent
from connectors.postgres import connect
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.stages import Stage
from genesis.session.state import Draft, Review, Session
from projections import restate
from projections.repair import folded, history_of
from projections.restate import Answer, Fate, Sent
from projections.self_repair import SelfRepair
from tests.conftest import Database
from tests.projections.log import Desk, Log
from tests.projections.test_outcomes import CONCEPT, Path

pytestmark = pytest.mark.postgres


class Worker:
    """The worker of one session as the sweeper meets it: what is sent is handled when `works` says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.works = True
        self.silent = False
        self.waiting: list[Session] = []
        self.taken: list[Session] = []
        self.records: dict[UUID, list[tuple[int, int]]] = {}

    async def send(self, settings: Settings, states: Sequence[Session]) -> list[Sent]:
        if self.silent:
            raise PipeSilent
        self.waiting += states
        return [Sent(state.session_id, state.sequence, 0, number, 0) for number, state in enumerate(states)]

    async def handled(self, settings: Settings, sent: Sequence[Sent]) -> bool:
        if not self.works:
            return False
        for state in self.waiting:
            await self._handle(state)
        self.waiting = []
        return True

    async def answers(self, settings: Settings, sent: Sequence[Sent]) -> dict[UUID, Answer]:
        return {one.session_id: restate.answer(one.sequence, self.records[one.session_id]) for one in sent}

    async def _handle(self, state: Session) -> None:
        before = self.path.state
        assert before is not None
        await self.path.handle(
            Envelope(
                message_id=uuid4(),
                session_id=state.session_id,
                user_id=state.user_id,
                correlation_id=uuid4(),
                at=state.last_at,
                message=m.StateRepaired(record=wire.dump_state(state).decode()),
            )
        )
        after = self.path.state
        assert after is not None
        self.records[state.session_id] = [(after.repairs, after.sequence)]
        if after.repairs > before.repairs:
            self.taken.append(after)


class Studio:
    """Door, worker, projector and sweeper around one session; commands reach the worker when `carry` is called."""

    def __init__(self, path: Path, connection: Any, database: Database) -> None:
        self.path, self.connection = path, connection
        self.worker = Worker(path)
        self.now = 0.0
        self.settings = Settings(database_dsn=database.role("genesis_projector"))
        self.carried = 0
        self.take_over()

    def take_over(self) -> None:
        """Another sweeper is the active one; it remembers nothing."""
        self.mending = SelfRepair(self.settings, self.worker, lambda: self.now)

    async def sweep(self, looks: int = 2) -> int:
        return sum([await self.mending.sweep(self.connection) for _ in range(looks)])

    async def carry(self) -> None:
        """Everything that lies in the outbox and was not carried yet reaches the worker, in its order."""
        rows = await self.path.admin.fetch(
            "SELECT position, payload FROM door.event_outbox WHERE position > $1 ORDER BY position", self.carried
        )
        for row in rows:
            self.carried = row["position"]
            await self.path.handle(wire.load_envelope(row["payload"].encode()))

    async def start(self) -> None:
        """A session whose first proposal is in review."""
        await self.path.accept(m.StartGenesis())
        await self.carry()
        await self.path.propose()

    def confirmation(self) -> m.ConfirmStage:
        draft = self.draft
        return m.ConfirmStage(
            stage=CONCEPT,
            proposal_id=draft.proposal_id,
            revision=draft.revision,
            candidate=draft.candidates[0].id,
        )

    @property
    def draft(self) -> Draft:
        assert self.path.state is not None
        phase = self.path.state.slot(CONCEPT).phase
        assert isinstance(phase, Review)
        return phase.draft

    async def row(self) -> Any:
        return await self.path.admin.fetchrow("SELECT * FROM door.session_repairs")

    async def passes(self, time: timedelta) -> None:
        """So much time goes by for the list of repairs."""
        await self.path.admin.execute(
            "UPDATE door.session_repairs SET due_at = due_at - $1::interval, ended_at = ended_at - $1::interval", time
        )

    async def inconsistent(self) -> bool:
        return bool(await self.path.admin.fetchval("SELECT inconsistent FROM read.session_view"))

    async def must_agree(self) -> None:
        """The worker's state is what the history makes of the session, and the read model is consistent."""
        assert self.path.state is not None
        history = await history_of(self.connection, self.path.state.session_id)
        assert wire.state_hash(folded(history)) == wire.state_hash(self.path.state)
        assert [each.sequence for each in history] == list(range(1, len(history) + 1))
        assert not await self.inconsistent()


@pytest.fixture
async def studio(database: Database) -> AsyncIterator[Studio]:
    admin = await connect(database.admin, application_name="test admin")
    connection = await connect(database.role("genesis_sweeper"), application_name="test sweeper", search_path="read")
    desk = await Desk.at(database, Log())
    yield Studio(Path(admin, desk), connection, database)
    await desk.close()
    await connection.close()
    await admin.close()


async def test_who_is_well_is_left_alone(studio: Studio):
    await studio.start()
    await studio.sweep(3)
    assert await studio.row() is None
    assert studio.worker.taken == []


async def test_a_fork_is_repaired_and_its_command_is_decided_again_on_the_true_history(studio: Studio):
    """The worker has lost the step that brought the proposal: it keeps the answer for a proposal that is there."""
    await studio.path.accept(m.StartGenesis())
    await studio.carry()
    lost = studio.path.state
    await studio.path.propose()
    message = studio.confirmation()
    studio.path.state = lost
    command = await studio.path.accept(message)
    await studio.carry()
    assert await studio.inconsistent()
    assert await studio.path.status(command) == ("RECEIVED", None), "a fork is no outcome"

    assert await studio.sweep() == 1
    await reopened(studio)
    await studio.carry()

    assert await studio.path.status(command) == ("COMPLETED", None)
    assert (await studio.row())["state"] == "DONE"
    await studio.must_agree()
    kinds = await studio.path.desk.rows("SELECT kind FROM quarantine")
    assert kinds == [("fork",)]


async def reopened(studio: Studio) -> None:
    """What the runner does when it finds the read models repaired."""
    await studio.path.desk.projector.open(2)


async def test_a_forged_event_harms_nobody(studio: Studio):
    """The state was right all along; it is put once more, and nothing else happens."""
    await studio.start()
    record = studio.path.desk.log.records[1]
    forged = replace(
        wire.load_event(record.value or b""), event_id=uuid4(), event=e.StageEntered(stage=Stage.PLOT_OUTLINE)
    )
    studio.path.desk.log.append(forged)
    await studio.path.desk.project()
    assert await studio.inconsistent()
    before = studio.path.state
    assert await studio.sweep() == 1
    assert before is not None
    assert studio.path.state == before.model_copy(update={"repairs": 1})
    await studio.must_agree()


async def test_a_command_that_was_given_up_goes_out_again_after_the_repair(studio: Studio):
    """The worker has lost a numbered step; five times it took the command for one ahead of its turn."""
    await studio.start()
    lost = studio.path.state
    await studio.path.accept(studio.confirmation())
    await studio.carry()
    studio.path.state = lost
    command = await studio.path.accept(m.AbandonGenesis())
    await studio.carry()
    assert await studio.path.status(command) == ("RECEIVED", None)
    await studio.path.admin.execute(
        "UPDATE door.command_inbox SET given_up_at = now(), resent_count = 5 WHERE id = $1", command
    )

    assert await studio.sweep() == 1
    await studio.carry()

    assert await studio.path.status(command) == ("COMPLETED", None)
    assert (await studio.row())["reason"] == "given_up"
    await studio.must_agree()
    assert await studio.sweep(3) == 0
    assert len(studio.worker.taken) == 1


async def test_of_two_alike_the_given_up_one_goes_out_again_as_well(studio: Studio):
    """Else the machine would wait for its number for ever; but only one of them counts as active."""
    await studio.start()
    first = await studio.path.accept(m.FinishGenesis())
    await studio.path.admin.execute("UPDATE door.command_inbox SET given_up_at = now() WHERE id = $1", first)
    second = await studio.path.accept(m.FinishGenesis())
    assert await studio.sweep() == 1
    await studio.carry()
    assert await studio.path.status(first) == ("FAILED", "stages_unconfirmed")
    assert await studio.path.status(second) == ("FAILED", "stages_unconfirmed")
    await studio.must_agree()


async def test_a_state_that_moved_meanwhile_is_not_taken_back(studio: Studio, caplog: pytest.LogCaptureFixture):
    """The repair was folded before the worker's last step was projected; the next attempt knows of it."""
    await studio.start()
    assert studio.path.state is not None
    session = studio.path.state.session_id
    assert await repairs.ask(studio.connection, session, "unanswered")
    studio.worker.works = False
    assert await studio.sweep(1) == 0
    await studio.path.accept(studio.confirmation())
    await studio.carry()
    moved = studio.path.state
    studio.worker.works = True
    with caplog.at_level(logging.WARNING, "projections.self_repair"):
        assert await studio.sweep(1) == 0
    assert studio.path.state == moved
    assert "had moved beyond the events that were folded" in caplog.text
    assert await studio.sweep(3) == 0, "not at once"
    await studio.passes(timedelta(seconds=31))
    assert await studio.sweep() == 1
    await studio.must_agree()


async def test_pauses_grow_and_after_five_in_vain_only_a_day_helps(studio: Studio):
    await studio.start()
    assert studio.path.state is not None
    session = studio.path.state.session_id
    studio.worker.works = False
    await repairs.ask(studio.connection, session, "unanswered")
    for number, pause in enumerate([30, 90, 270, 810, 2430], 1):
        assert await studio.sweep(1) == 0
        row = await studio.row()
        assert (row["state"], row["attempts"]) == ("DUE", number)
        due = await studio.path.admin.fetchval("SELECT due_at - clock_timestamp() FROM door.session_repairs")
        assert timedelta(seconds=pause - 5) < due <= timedelta(seconds=pause)
        studio.now += 61
        assert await studio.sweep(1) == 0
        await studio.passes(timedelta(seconds=pause))
    row = await studio.row()
    assert (row["state"], row["remark"]) == ("FAILED", "No worker has handled it.")
    assert not await repairs.ask(studio.connection, session, "unanswered")
    await studio.passes(timedelta(days=1, seconds=1))
    studio.worker.works = True
    assert await repairs.ask(studio.connection, session, "unanswered")
    assert await studio.sweep() == 1
    assert (await studio.row())["state"] == "DONE"


async def test_one_that_needs_it_again_and_again_is_left_to_people(studio: Studio):
    """A repair that is taken and changes nothing must not go on for ever either."""
    await studio.start()
    assert studio.path.state is not None
    session = studio.path.state.session_id
    for _ in range(5):
        assert await repairs.ask(studio.connection, session, "unanswered")
        await studio.passes(timedelta(hours=1))
        assert await studio.sweep() == 1
    assert not await repairs.ask(studio.connection, session, "unanswered")
    row = await studio.row()
    assert (row["state"], row["remark"]) == ("FAILED", "It was repaired five times in vain.")
    assert len(studio.worker.taken) == 5
    figures = await repairs.figures(studio.connection)
    assert (figures.done, figures.due, figures.failed) == (0, 0, 1)


async def test_after_a_calm_day_it_begins_at_once_again(studio: Studio):
    await studio.start()
    assert studio.path.state is not None
    session = studio.path.state.session_id
    await repairs.ask(studio.connection, session, "unanswered")
    assert await studio.sweep() == 1
    await studio.passes(timedelta(days=1, seconds=1))
    await repairs.ask(studio.connection, session, "unanswered")
    assert await studio.sweep() == 1
    assert (await studio.row())["attempts"] == 1


async def test_a_history_that_is_broken_is_said_and_left_alone(studio: Studio, caplog: pytest.LogCaptureFixture):
    await studio.start()
    state = studio.path.state
    assert state is not None
    await studio.path.admin.execute("DELETE FROM read.domain_events WHERE sequence = 2")
    await studio.path.admin.execute("UPDATE read.session_view SET inconsistent = true")
    with caplog.at_level(logging.ERROR, "projections.self_repair"):
        assert await studio.sweep(5) == 0
    assert caplog.text.count(f"session {state.session_id} can't be repaired: Event 2 of session") == 1
    row = await studio.row()
    assert (row["state"], row["attempts"]) == ("FAILED", 1)
    assert await studio.inconsistent()
    assert studio.path.state == state


async def test_kafka_away_is_said_once_and_the_repair_comes_later(studio: Studio, caplog: pytest.LogCaptureFixture):
    await studio.start()
    assert studio.path.state is not None
    await repairs.ask(studio.connection, studio.path.state.session_id, "unanswered")
    studio.worker.silent = True
    assert await studio.sweep(3) == 0
    assert caplog.text.count("sessions can't be repaired") == 1
    studio.worker.silent = False
    await studio.passes(timedelta(seconds=31))
    assert await studio.sweep() == 1


async def test_a_sweeper_that_died_in_the_midst_is_followed_by_one_that_tries_again(studio: Studio):
    await studio.start()
    assert studio.path.state is not None
    await repairs.ask(studio.connection, studio.path.state.session_id, "unanswered")
    assert await studio.sweep(1) == 0
    studio.take_over()
    assert await studio.sweep(2) == 0
    await studio.passes(timedelta(seconds=31))
    assert await studio.sweep() == 1


async def test_only_so_many_at_once(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("projections.self_repair.AT_ONCE", 2)
    for _ in range(3):
        await studio.path.admin.execute("SELECT door.ask_repair($1, 'unanswered')", uuid4())
    await studio.sweep(1)
    states = await studio.path.admin.fetch("SELECT attempts FROM door.session_repairs ORDER BY attempts")
    assert [row["attempts"] for row in states] == [0, 1, 1]


async def test_a_session_that_never_began_has_its_commands_sent_again(studio: Studio):
    """Its START was given up: there is no history and no state, only the command is missing."""
    start = await studio.path.accept(m.StartGenesis())
    await studio.path.admin.execute("UPDATE door.command_inbox SET given_up_at = now()")
    await studio.sweep()
    await studio.carry()
    assert await studio.path.status(start) == ("COMPLETED", None)
    assert (await studio.row())["state"] == "DONE"


async def test_two_sweepers_take_different_sessions(studio: Studio, database: Database):
    other = await connect(database.role("genesis_sweeper"), application_name="test other sweeper")
    for _ in range(4):
        await studio.path.admin.execute("SELECT door.ask_repair($1, 'unanswered')", uuid4())
    mine, theirs = await asyncio.gather(repairs.begin(studio.connection, 2), repairs.begin(other, 2))
    await other.close()
    assert len({attempt.session_id for attempt in mine + theirs}) == 4


@pytest.mark.parametrize(
    ("records", "fate"),
    [
        ([(1, 7)], Fate.TAKEN),
        ([(0, 5), (1, 7)], Fate.TAKEN),
        ([(0, 5), (1, 7), (1, 9)], Fate.TAKEN),
        ([(0, 9), (1, 7)], Fate.TAKEN),  # forced
        ([(0, 9)], Fate.AHEAD),
        ([(0, 7), (0, 9), (0, 9)], Fate.AHEAD),
        ([(3, 7), (3, 9)], Fate.AHEAD),  # may be either; another repair does no harm
        ([], Fate.AHEAD),
    ],
)
def test_what_the_changelog_says_of_a_repair_to_sequence_7(records: list[tuple[int, int]], fate: Fate):
    assert restate.answer(7, records).fate is fate
