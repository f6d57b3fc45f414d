"""A real API on a real PostgreSQL, and a hand that writes history as the projector would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import uvicorn

from api.__main__ import Server
from api.app import create_app
from api.hub import Hub
from api.studio import Studio
from connectors import postgres
from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session.events import Recorded
from genesis.session.machine import Turn, handle
from genesis.session.messages import GenerationFailed, GenerationSucceeded
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Draft, Review, Session, Task
from projections.projector import Projector
from tests import examples
from tests.conftest import Database

DEADLINE = 20.0
"""Seconds a test waits for anything before it fails."""


@dataclass(frozen=True)
class Record:
    """A message of genesis.events as a consumer brings it."""

    partition: int
    offset: int
    value: bytes
    key: bytes
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def confirmation(draft: Draft) -> dict[str, Any]:
    """The payload that confirms this draft, its first candidate."""
    return {
        "stage": draft.stage,
        "proposal_id": str(draft.proposal_id),
        "revision": draft.revision,
        "candidate": draft.candidates[0].id,
    }


@dataclass
class Door:
    """An API that serves on a port of this machine, and its database."""

    settings: Settings
    database: Database
    server: Server
    client: httpx.AsyncClient
    admin: "asyncpg.Connection[asyncpg.Record]"
    projecting: "asyncpg.Connection[asyncpg.Record]"
    offset: dict[int, int] = field(default_factory=dict)
    states: dict[UUID, Session] = field(default_factory=dict)
    worked: int = 0

    @property
    def studio(self) -> Studio:
        return self.server.config.app.state.studio  # type: ignore[union-attr,no-any-return]

    @property
    def hub(self) -> Hub:
        return self.studio.hub

    async def post(
        self, command_type: str, payload: Any = None, session: UUID | str | None = None, **headers: str
    ) -> httpx.Response:
        body: dict[str, Any] = {"command_type": command_type, "payload": payload or {}}
        if session:
            body["session_id"] = str(session)
        return await self.client.post("/genesis/commands", json=body, headers=headers)

    async def session(self, owner: str | None = None, key: str | None = None) -> UUID:
        """A session that was accepted; of another owner if one is named."""
        if owner is None:
            answer = await self.post("START_GENESIS", **{"Idempotency-Key": key or str(uuid4())})
            return UUID(answer.json()["session_id"])
        session = uuid4()
        await self.admin.execute("INSERT INTO door.genesis_sessions VALUES ($1, $2, 1, now(), now())", session, owner)
        return session

    async def numbers(self) -> int:
        """Numbers used so far, in all sessions."""
        return int(await self.admin.fetchval("SELECT coalesce(sum(command_count), 0) FROM door.genesis_sessions"))

    async def write(
        self, session: UUID, sequences: Iterable[int], partition: int = 0, notify: bool = True, size: int = 0
    ) -> None:
        """Rows of domain_events written by hand in one transaction, as the projector commits them."""
        async with self.admin.transaction():
            for sequence in sequences:
                offset = self.offset.get(partition, 0)
                self.offset[partition] = offset + 1
                await self.admin.execute(
                    "INSERT INTO read.domain_events VALUES ($1, 'stage-entered', 1, 'genesis-session', $2, $3, $4,"
                    " $4, now(), 'local', $5, $6, $7, '{\"user_id\": \"local\"}')",
                    uuid4(),
                    session,
                    sequence,
                    uuid4(),
                    partition,
                    offset,
                    orjson.dumps({"stage": "WORLDVIEW", "text": "x" * size}).decode(),
                )
            await self.put_position(partition, self.offset.get(partition, 0))
            if notify:
                await self.notify(f'[{{"partition":{partition}}}]')

    async def put_position(self, partition: int, following: int) -> None:
        await self.admin.execute(
            "INSERT INTO read.projection_positions VALUES ($1, $2)"
            " ON CONFLICT (kafka_partition) DO UPDATE SET next_offset = $2",
            partition,
            following,
        )

    async def notify(self, payload: str) -> None:
        await self.admin.execute("SELECT pg_notify('genesis_events', $1)", payload)

    async def project(self, history: Iterable[Recorded]) -> None:
        """Have the real projector project these events."""
        projector = Projector(self.projecting)
        await projector.open(1)
        start = projector.positions[0]
        records = [
            Record(0, start + place, wire.dump_event(each), str(each.session_id).encode())
            for place, each in enumerate(history)
        ]
        if records:
            await projector.project(records)

    async def work(self) -> None:
        """Do what is in the outbox, as the machine and the projector would: the kernel, without a pipe."""
        rows = await self.admin.fetch(
            "SELECT position, payload FROM door.event_outbox WHERE position > $1 ORDER BY position", self.worked
        )
        for row in rows:
            self.worked = row["position"]
            await self.deliver(wire.load_envelope(row["payload"].encode()))

    async def deliver(self, envelope: Envelope) -> None:
        step = handle(envelope, self.states.get(envelope.session_id), Rules())
        assert step.turn is Turn.NOW
        if step.state:
            self.states[envelope.session_id] = step.state
        await self.project(step.events)

    async def propose(self, session: UUID) -> None:
        """Bring the example proposal of the generation that runs."""
        [task] = self.states[session].running().values()
        await self.bring(session, task, examples.success(task.task_id, task.stage))

    async def fail(self, session: UUID) -> None:
        """Have the generation that runs fail."""
        [task] = self.states[session].running().values()
        failure = GenerationFailed(
            task_id=task.task_id, attempt=1, stage=task.stage, code="broken", message="The pen broke."
        )
        await self.bring(session, task, failure)

    async def bring(self, session: UUID, task: Task, result: GenerationSucceeded | GenerationFailed) -> None:
        """Bring this result of a generation."""
        await self.deliver(
            Envelope(
                message_id=identity.result_id(task.task_id, 1),
                session_id=session,
                user_id=examples.OWNER,
                correlation_id=task.correlation_id,
                at=datetime.now(UTC),
                message=result,
            )
        )

    async def whole_session(self) -> UUID:
        """A session from its start to its novel, commands over HTTP."""
        session = await self.session()
        await self.work()
        for stage in Stage:
            await self.propose(session)
            draft = self.draft(session, stage)
            answer = await self.post("CONFIRM_STAGE", confirmation(draft), session)
            assert answer.status_code == 202, answer.text
            await self.work()
        await self.post("FINISH_GENESIS", {}, session)
        await self.work()
        return session

    def draft(self, session: UUID, stage: Stage) -> Draft:
        phase = self.states[session].slot(stage).phase
        assert isinstance(phase, Review)
        return phase.draft

    async def kill_hub_connection(self) -> None:
        """End the LISTEN connection from the server's side."""
        assert await self.admin.fetchval(
            "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'genesis-hub'"
        )


async def until(question: Any, what: str) -> None:
    """Wait until this is so."""
    async with asyncio.timeout(DEADLINE):
        while not question():  # noqa: ASYNC110 - what it waits for is another process's doing
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The API with these settings, on its port, in this process."""
    app = create_app(settings)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.port, http="httptools", lifespan="on", log_config=None, access_log=False
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    admin = await asyncpg.connect(database.admin)
    projecting = await postgres.connect(
        database.role("genesis_projector"), application_name="test", search_path="read"
    )
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=httpx.Timeout(DEADLINE)
    )
    try:
        await until(lambda: server.started or task.done(), "the server's start")
        assert server.started
        yield Door(settings, database, server, client, admin, projecting)
    finally:
        await client.aclose()
        server.should_exit = True
        await task
        await admin.close()
        await projecting.close()
