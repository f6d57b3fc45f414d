"""A studio that keeps its promises, played through in memory: the evidence of a run in which nothing went wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from chaos.checker import rows
from chaos.checker.replay import replay
from chaos.evidence import Accepted, Claim, Evidence, Json
from chaos.history import Answered, Connected, Entry, Framed, Invoked, Looked, StateRead, digest
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from genesis.session.state import Generating, Review, Session
from tests import examples

RULES = Rules()


@dataclass
class Play:
    """Door, log, machine, generator and readers of a few sessions; chance decides what happens next."""

    chance: random.Random
    history: list[Entry] = field(default_factory=list)
    log: dict[UUID, list[Json]] = field(default_factory=dict)
    states: dict[UUID, Session] = field(default_factory=dict)
    inbox: dict[UUID, Accepted] = field(default_factory=dict)
    counts: dict[UUID, int] = field(default_factory=dict)
    claims: dict[UUID, Claim] = field(default_factory=dict)
    results: list[Json] = field(default_factory=list)
    requests: list[m.GenerationRequest] = field(default_factory=list)
    seen: dict[UUID, int] = field(default_factory=dict)
    at: Any = examples.NOON
    calls: int = 0

    # -- the door

    def send(self, session: UUID | None, message: m.PersonCommand, key: str = "") -> UUID:
        """A client's command, tried once or again under the same key; the second try may lose its answer."""
        key = key or f"key {self.calls}"
        command = identity.command_id(examples.OWNER, key)
        for _ in range(self.chance.choice([1, 1, 1, 2])):
            self.calls += 1
            self.history.append(
                Invoked(
                    at=self.calls,
                    call=self.calls,
                    client="a client",
                    key=key,
                    command_type=message.type,
                    session=session,
                    stage=getattr(message, "stage", ""),
                    proposal=getattr(message, "proposal_id", None),
                    revision=getattr(message, "revision", None),
                )
            )
            known = self.inbox.get(command) or self.accept(command, session, message)
            if self.chance.random() < 0.1:
                self.history.append(Answered(at=self.calls, call=self.calls, outcome="unknown"))
            else:
                self.history.append(
                    Answered(
                        at=self.calls,
                        call=self.calls,
                        outcome="ok",
                        status=202,
                        command=command,
                        session=known.session,
                        command_no=known.command_no,
                    )
                )
        return self.inbox[command].session

    def refuse(self) -> None:
        """A command that the door does not take."""
        self.calls += 1
        key = f"refused {self.calls}"
        self.history += [
            Invoked(at=self.calls, call=self.calls, client="a client", key=key, command_type="CONFIRM_STAGE"),
            Answered(at=self.calls, call=self.calls, outcome="fail", status=409),
        ]

    def accept(self, command: UUID, session: UUID | None, message: m.Message, internal: bool = False) -> Accepted:
        session = session or identity.session_id(command)
        number = self.counts[session] = self.counts.get(session, 0) + 1
        self.inbox[command] = Accepted(command, session, number, message.type, "RECEIVED", internal)
        self.deliver(command, session, message, number)
        return self.inbox[command]

    # -- machine and generator

    def deliver(self, id: UUID, session: UUID, message: m.Message, number: int | None) -> None:
        envelope = Envelope(id, session, examples.OWNER, id, self.at, message, number)
        step = handle(envelope, self.states.get(session), RULES)
        bodies = [from_json(wire.dump_event(recorded)) for recorded in step.events]
        # At least once: a step may stand on the log again, byte for byte.
        for _ in range(self.chance.choice([1, 1, 1, 1, 2])):
            self.log.setdefault(session, []).extend(bodies)
        if step.state is not None:
            self.states[session] = step.state
        self.requests += step.requests
        for recorded in step.events:
            self.settle(recorded)

    def settle(self, recorded: e.Recorded) -> None:
        if one := self.inbox.get(recorded.causation_id):
            kept = isinstance(recorded.event, e.InputReceived) and recorded.event.kept
            failed = isinstance(recorded.event, e.CommandRejected)
            status = "PROCESSING" if kept else "FAILED" if failed else "COMPLETED"
            if one.status in ("RECEIVED", "PROCESSING"):
                self.inbox[one.command] = Accepted(
                    one.command, one.session, one.command_no, one.command_type, status, one.internal
                )

    def generate(self) -> None:
        """A request brings its result, which may come again."""
        request = self.requests.pop(self.chance.randrange(len(self.requests)))
        attempt = self.chance.choice([1, 1, 1, 2])
        id = identity.result_id(request.task_id, attempt)
        result = examples.success(request.task_id, request.stage, attempt)
        envelope = Envelope(id, request.session_id, examples.OWNER, id, self.at, result)
        message = from_json(wire.dump_envelope(envelope))
        self.claims[request.task_id] = Claim(request.task_id, attempt, True, message)
        for _ in range(self.chance.choice([1, 1, 1, 2])):
            self.results.append(message)
            self.deliver(id, request.session_id, result, None)

    # -- what people do

    def step(self) -> None:
        self.at += timedelta(seconds=self.chance.choice([0, 1, 60, 1900]))
        choices = [self.start, self.refuse]
        if self.requests:
            choices += [self.generate] * 6
        if self.states:
            choices += [self.answer, self.answer, self.answer, self.look, self.read, self.expire, self.follow]
        self.chance.choice(choices)()

    def start(self) -> None:
        if len(self.states) < 3:
            self.send(None, m.StartGenesis(idea="a clerk who sells the sea"))

    def answer(self) -> None:
        session, state = self.chance.choice(list(self.states.items()))
        stage = self.chance.choice([*(stage for stage in state.stages), Stage.CONCEPT_SELECTION])
        phase = state.slot(stage).phase
        proposal, candidate = examples.a_uuid("nothing"), ""
        if isinstance(phase, Generating):
            proposal = phase.task.task_id
        elif isinstance(phase, Review):
            proposal, candidate = phase.draft.proposal_id, phase.draft.candidates[0].id
        names = {"stage": stage, "proposal_id": proposal, "revision": self.chance.choice([1, 1, 1, 2])}
        match self.chance.randrange(6):
            case 0:
                self.send(session, m.SelectConcept(**names, base="k2"))
            case 1:
                self.send(session, m.ProvideFeedback(**names, chips=("darker",)))
            case 2:
                self.send(session, self.chance.choice([m.FinishGenesis(), m.GenerateInspiration(stage=stage)]))
            case _:
                self.send(session, m.ConfirmStage(**names, candidate=candidate))

    def expire(self) -> None:
        for session, state in self.states.items():
            for stage, each in state.handles().items():
                if each.expires_at is not None and each.expires_at < self.at:
                    message = m.HandleExpired(stage=stage, handle_id=each.handle_id, expires_at=each.expires_at)
                    command = identity.handle_expiry_id(each.handle_id, each.expires_at.isoformat())
                    if command not in self.inbox:
                        self.accept(command, session, message, internal=True)
                        return

    def look(self) -> None:
        one = self.chance.choice(list(self.inbox.values()))
        self.history.append(Looked(at=self.calls, client="a client", command=one.command, status=one.status))

    def read(self) -> None:
        session = self.chance.choice(list(self.states))
        self.follow(session)
        version = self.states[session].version
        self.history.append(
            StateRead(at=self.calls, reader="a reader", session=session, seen=self.seen[session], version=version)
        )

    def follow(self, session: UUID | None = None) -> None:
        """A reader opens the stream where it left off, and sees what there is by now."""
        session = session or self.chance.choice(list(self.states))
        after = self.seen.get(session, 0)
        connected = Connected(at=self.calls, reader="a reader", session=session, connection=self.calls, after=after)
        self.history.append(connected)
        for body in replayable(self.log[session])[after:]:
            self.history.append(
                Framed(
                    at=self.calls,
                    reader="a reader",
                    session=session,
                    connection=self.calls,
                    sequence=body["sequence"],
                    event_type=body["event_type"],
                    cause=body["causation_id"],
                    digest=digest(body),
                )
            )
            self.seen[session] = body["sequence"]

    def evidence(self) -> Evidence:
        """At rest: every generation has ended and every reader has read to the end."""
        while self.requests:
            self.generate()
        tables: rows.Rows = {table: {} for table in rows.KEYS}
        for session, bodies in self.log.items():
            self.follow(session)
            for table, there in rows.expected(replay(session, bodies)).items():
                tables[table] |= there
        return Evidence(
            owner=examples.OWNER,
            history=tuple(self.history),
            log={session: tuple(bodies) for session, bodies in self.log.items()},
            saved={session: wire.dump_state(state) for session, state in self.states.items()},
            rows=tables,
            inbox=self.inbox,
            counts=self.counts,
            claims=self.claims,
            results=tuple(self.results),
        )


def replayable(bodies: list[Json]) -> list[Json]:
    """Each event once, in order."""
    return sorted({body["sequence"]: body for body in bodies}.values(), key=lambda body: int(body["sequence"]))


def played(chance: random.Random, steps: int = 40) -> Evidence:
    """The evidence of a random run with at least one session that came as far as its first answer."""
    play = Play(chance)
    session = play.send(None, m.StartGenesis(idea="a bell that remembers the flood"))
    play.generate()
    draft = play.states[session].slot(Stage.CONCEPT_SELECTION).phase.draft
    play.send(
        session,
        m.ConfirmStage(
            stage=Stage.CONCEPT_SELECTION, proposal_id=draft.proposal_id, candidate=draft.candidates[0].id
        ),
    )
    play.refuse()
    play.read()
    for _ in range(steps):
        play.step()
    play.read()
    return play.evidence()
