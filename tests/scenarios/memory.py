"""A studio in memory: the same kernel, provider and bytes, without a process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
from pydantic import ValidationError
from pydantic_core import from_json

from api.queries import told
from connectors.providers.bench import BenchProvider
from connectors.providers.builtin.provider import BuiltinProvider
from connectors.providers.protocol import Final
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.session.state import Session
from tests.scenarios.studio import Body, Sent

OWNER = "local"
PROVIDERS = {"": BenchProvider(), "bench": BenchProvider(0.1), "builtin": BuiltinProvider()}


class MemoryStudio:
    """Door, log, machine, generator and stream of one process; every message travels as bytes."""

    def __init__(self) -> None:
        self.states: dict[UUID, Session] = {}
        self.log: dict[UUID, list[Body]] = defaultdict(list)
        self.accepted: dict[UUID, Sent] = {}
        self.numbers: dict[UUID, int] = defaultdict(int)
        self.moved = asyncio.Condition()
        self.generating: set[asyncio.Task[None]] = set()
        self.held = asyncio.Event()
        self.held.set()

    def hold(self) -> None:
        """Generations wait until `release`, so that a scenario can answer before the pause."""
        self.held.clear()

    def release(self) -> None:
        self.held.set()

    async def send(
        self,
        session: UUID | None,
        command_type: str,
        payload: Body,
        key: str | None = None,
        expected_version: int | None = None,
    ) -> Sent:
        command = identity.command_id(OWNER, key or str(uuid4()))
        if known := self.accepted.get(command):
            return known
        try:
            message = wire.parse_command(command_type, payload)
        except (KeyError, ValidationError):
            return Sent(400)
        if isinstance(message, m.StartGenesis):
            session = identity.session_id(command)
        elif session is None or session not in self.numbers:
            return Sent(404)
        self.numbers[session] += 1
        envelope = Envelope(
            message_id=command,
            session_id=session,
            user_id=OWNER,
            correlation_id=command,
            at=datetime.now(UTC),
            message=message,
            command_no=self.numbers[session],
            expected_version=expected_version,
        )
        self.accepted[command] = Sent(202, command, session, envelope.command_no)
        await self._deliver(envelope)
        return self.accepted[command]

    async def events(self, session: UUID, after: int = 0) -> AsyncIterator[Body]:
        while True:
            async with self.moved:
                while len(self.log[session]) <= after:
                    await self.moved.wait()
            for body in self.log[session][after:]:
                after = body["sequence"]
                yield body

    async def outcome(self, command: UUID) -> Body:
        status, reason = "RECEIVED", None
        for bodies in self.log.values():
            for body in bodies:
                if body["causation_id"] == str(command):
                    kept = body["event_type"] == "input-received" and body["payload"]["kept"]
                    refused = body["event_type"] == "command-rejected"
                    status = "PROCESSING" if kept else "FAILED" if refused else "COMPLETED"
                    reason = body["payload"]["reason"] if refused else None
        return {"status": status, "reason": reason}

    async def state(self, session: UUID) -> Body:
        """What GET /genesis/{id}/state answers."""
        return dict(orjson.loads(orjson.dumps(told(self.states[session]))))

    async def saved(self, session: UUID, sequence: int) -> Session | None:
        state = self.states[session]
        return state if state.sequence >= sequence else None

    async def _deliver(self, envelope: Envelope) -> None:
        read = wire.load_envelope(wire.dump_envelope(envelope))
        step = handle(read, self.states.get(read.session_id), Rules())
        if step.record is None:
            return
        async with self.moved:
            self.states[read.session_id] = wire.load_state(step.record)
            self.log[read.session_id] += [from_json(wire.dump_event(recorded)) for recorded in step.events]
            self.moved.notify_all()
        for request in step.requests:
            task = asyncio.create_task(self._generate(wire.load_request(wire.dump_request(request))))
            self.generating.add(task)
            task.add_done_callback(self.generating.discard)

    async def _generate(self, request: m.GenerationRequest) -> None:
        await self.held.wait()
        async for event in PROVIDERS[request.provider].generate(request):
            if isinstance(event, Final):
                result = m.GenerationSucceeded(
                    task_id=request.task_id,
                    attempt=1,
                    stage=request.stage,
                    candidates=event.candidates,
                    provenance=event.provenance,
                )
                await self._deliver(
                    Envelope(
                        message_id=identity.result_id(request.task_id, 1),
                        session_id=request.session_id,
                        user_id=request.user_id,
                        correlation_id=request.correlation_id,
                        at=datetime.now(UTC),
                        message=result,
                    )
                )
