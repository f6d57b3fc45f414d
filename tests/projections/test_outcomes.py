"""What the inbox says of a command follows from the events it caused, in the same transaction as they are stored."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from connectors.outbox import inbox
from connectors.outbox.accept import accept_command
from connectors.postgres import connect
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Generating, Session
from tests import examples
from tests.conftest import Database
from tests.projections.log import Desk, Log

pytestmark = pytest.mark.postgres

OWNER = examples.OWNER
CONCEPT = Stage.CONCEPT_SELECTION


@dataclass
class Path:
    """Door, machine and projector of one session, without Kafka between them."""

    admin: Any
    desk: Desk
    session_id: UUID | None = None
    state: Session | None = None

    async def accept(self, message: m.PersonCommand) -> UUID:
        accepted = await accept_command(
            self.admin,
            owner=OWNER,
            key=None,
            command_type=message.type,
            session_id=self.session_id,
            payload=wire.payload_of(message),
            active_key="",
        )
        self.session_id = accepted.session_id
        return accepted.command_id

    async def carry_out(self, command: UUID, **changed: Any) -> None:
        """Let the machine handle what lies in the outbox, and project the events, their messages `changed`."""
        payload = await self.admin.fetchval("SELECT payload FROM door.event_outbox WHERE command_id = $1", command)
        await self.handle(wire.load_envelope(payload.encode()), **changed)

    async def handle(self, envelope: Envelope, **changed: Any) -> None:
        step = handle(envelope, self.state, Rules())
        self.state = step.state
        for recorded in step.events:
            self.desk.log.append(recorded, **changed)
        await self.desk.project()

    async def propose(self) -> None:
        """The running generation of the first stage brings its proposal."""
        assert self.state is not None
        phase = self.state.slot(CONCEPT).phase
        assert isinstance(phase, Generating)
        result = examples.success(phase.task.task_id, CONCEPT)
        await self.handle(
            Envelope(
                message_id=identity.result_id(result.task_id, 1),
                session_id=self.state.session_id,
                user_id=OWNER,
                correlation_id=phase.task.correlation_id,
                at=self.state.last_at,
                message=result,
            )
        )

    async def status(self, command: UUID) -> tuple[str, str | None]:
        found = await inbox.command(self.admin, command, OWNER)
        assert found is not None
        return found.status, found.reason


@pytest.fixture
async def path(database: Database) -> AsyncIterator[Path]:
    admin = await connect(database.admin, application_name="test admin")
    desk = await Desk.at(database, Log())
    yield Path(admin, desk)
    await desk.close()
    await admin.close()


async def test_a_granted_command_is_completed(path: Path):
    start = await path.accept(m.StartGenesis())
    assert await path.status(start) == ("RECEIVED", None)
    await path.carry_out(start)
    assert await path.status(start) == ("COMPLETED", None)


async def test_a_refused_command_has_failed_for_its_reason(path: Path):
    await path.carry_out(await path.accept(m.StartGenesis()))
    finish = await path.accept(m.FinishGenesis())
    await path.carry_out(finish)
    assert await path.status(finish) == ("FAILED", "stages_unconfirmed")


async def test_a_kept_answer_is_in_process_until_its_proposal_comes(path: Path):
    await path.carry_out(await path.accept(m.StartGenesis()))
    assert path.state is not None
    [task] = path.state.running()
    answer = await path.accept(m.ConfirmStage(stage=CONCEPT, proposal_id=task, candidate="k1"))
    await path.carry_out(answer)
    assert await path.status(answer) == ("PROCESSING", None)
    await path.propose()
    assert await path.status(answer) == ("COMPLETED", None)


async def test_what_was_settled_stays_settled_when_events_come_again(path: Path):
    start = await path.accept(m.StartGenesis())
    await path.carry_out(start)
    [task] = path.state.running() if path.state else ()
    answer = await path.accept(m.ConfirmStage(stage=CONCEPT, proposal_id=task, candidate="k9"))
    await path.carry_out(answer)
    await path.propose()
    assert await path.status(answer) == ("FAILED", "unknown_candidate")
    again = [wire.load_event(record.value or b"") for record in path.desk.log.records]
    path.desk.log.extend(again)
    await path.desk.project(1)
    assert await path.status(answer) == ("FAILED", "unknown_candidate")
    assert await path.status(start) == ("COMPLETED", None)


async def test_an_event_in_quarantine_is_an_outcome_as_far_as_its_cause_can_be_read(path: Path):
    await path.carry_out(await path.accept(m.StartGenesis()))
    finish = await path.accept(m.FinishGenesis())
    assert path.state is not None
    body = {
        "event_type": "command-rejected",
        "causation_id": str(finish),
        "payload": {"reason": "no reason we know"},
    }
    await path.carry_out(finish, value=wire.canonical_json(body))
    assert path.desk.projector.quarantined == 1
    assert await path.status(finish) == ("FAILED", "no reason we know")
