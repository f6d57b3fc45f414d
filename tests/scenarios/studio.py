"""What a scenario needs of a studio, and the novelist who uses it: one scenario, two harnesses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from genesis import wire
from genesis.session.evolve import fold
from genesis.session.handles import HandleStatus
from genesis.session.stages import Stage
from genesis.session.state import Confirmed, Draft, Review, Session

Body = dict[str, Any]
DEADLINE = 60.0
"""Seconds a scenario waits for anything before it fails."""


@dataclass(frozen=True)
class Sent:
    """What the door answered."""

    status: int
    command_id: UUID | None = None
    session_id: UUID | None = None
    command_no: int | None = None


class Studio(Protocol):
    """A running Genesis Studio, in memory or the real stack."""

    async def send(
        self,
        session: UUID | None,
        command_type: str,
        payload: Body,
        key: str | None = None,
        expected_version: int | None = None,
    ) -> Sent: ...

    def events(self, session: UUID, after: int = 0) -> AsyncIterator[Body]: ...

    async def outcome(self, command: UUID) -> Body: ...

    async def state(self, session: UUID) -> Body: ...

    async def saved(self, session: UUID, sequence: int) -> Session | None: ...


async def eventually(
    question: Callable[[], Awaitable[Any]], what: str, deadline: float = DEADLINE, pause: float = 0.05
) -> Any:
    """Ask until the answer is truthy; fail with `what` at the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        if answer := await question():
            return answer
        if loop.time() > end:
            raise AssertionError(f"{what} did not come true within {deadline:g} s")
        await asyncio.sleep(pause)


def about(draft: Draft) -> Body:
    """Stage, proposal and revision: what every answer names."""
    return {"stage": draft.stage, "proposal_id": str(draft.proposal_id), "revision": draft.revision}


@dataclass
class Novelist:
    """Walks a guided session as a person would: looks at what the stream brings, answers, remembers it all."""

    studio: Studio
    session: UUID | None = None
    seen: list[Body] = field(default_factory=list)
    sent: list[UUID] = field(default_factory=list)
    before_answer: Callable[[Stage], Awaitable[None]] | None = None
    """Called when a stage's proposal is there, before it is answered: where scenarios do their mischief."""

    async def start(self, **brief: Any) -> UUID:
        sent = await self.send("START_GENESIS", brief)
        assert sent.session_id is not None
        self.session = sent.session_id
        return self.session

    async def send(
        self, command_type: str, payload: Body, key: str | None = None, expected_version: int | None = None
    ) -> Sent:
        """Send until the door takes it: what a client does while a process is being restarted."""
        async with asyncio.timeout(DEADLINE):
            while True:
                sent = await self.studio.send(self.session, command_type, payload, key, expected_version)
                if sent.status not in (409, 503):
                    break
                await asyncio.sleep(0.1)
        assert sent.status == 202, sent
        if sent.command_id and sent.command_id not in self.sent:
            self.sent.append(sent.command_id)
        return sent

    async def until(self, event_type: str, stage: Stage | None = None) -> Body:
        """Read on until this event has come, and return it."""
        async with asyncio.timeout(DEADLINE):
            async for body in self.studio.events(self._session, self.last):
                self.seen.append(body)
                if body["event_type"] == event_type and stage in (None, body["payload"].get("stage")):
                    return body
        raise AssertionError(f"the stream ended before {event_type}")

    async def refused(self, command_type: str, payload: Body, expected_version: int | None = None) -> str:
        """Send what the machine will say no to; the reason it gives."""
        sent = await self.send(command_type, payload, expected_version=expected_version)
        while (body := await self.until("command-rejected"))["causation_id"] != str(sent.command_id):
            pass
        return str(body["payload"]["reason"])

    async def come_to(self, so: Callable[[Session], bool]) -> Session:
        """Read on until the session, as the kernel folds it from what was seen, is so."""
        if not self.seen or not so(self.replayed()):
            async with asyncio.timeout(DEADLINE):
                async for body in self.studio.events(self._session, self.last):
                    self.seen.append(body)
                    if so(self.replayed()):
                        break
        return self.replayed()

    async def review(self, stage: Stage, after: UUID | None = None) -> Draft:
        """The draft of a stage once it is in review; `after`: another proposal than this."""

        def reviewed(state: Session) -> Draft | None:
            phase = state.slot(stage).phase
            if not isinstance(phase, Review) or phase.handle.status is not HandleStatus.WAITING:
                return None
            return phase.draft if phase.draft.proposal_id != after else None

        draft = reviewed(await self.come_to(lambda state: reviewed(state) is not None))
        assert draft is not None
        return draft

    async def say(self, draft: Draft, **wishes: Any) -> Draft:
        """Have an edit of a draft granted: the draft as it is then."""
        sent = await self.send("PROVIDE_FEEDBACK", {**about(draft), **wishes})
        while (await self.until("proposal-edited"))["causation_id"] != str(sent.command_id):
            pass
        return await self.review(draft.stage)

    async def confirm(self, stage: Stage) -> Session:
        """Confirm what is in review in a stage, the first candidate where none is chosen."""
        draft = await self.review(stage)
        await self.send("CONFIRM_STAGE", {**about(draft), "candidate": draft.chosen or draft.candidates[0].id})
        return await self.come_to(lambda state: isinstance(state.slot(stage).phase, Confirmed))

    async def answer(self, stage: Stage) -> None:
        """Wait for the pause, then confirm the first candidate."""
        asked = await self.until("input-requested", stage)
        if self.before_answer:
            await self.before_answer(stage)
        [proposal] = [
            each["payload"]["proposal"]
            for each in self.seen
            if each["event_type"] == "proposal-made" and each["payload"]["task_id"] == asked["payload"]["proposal_id"]
        ]
        await self.send(
            "CONFIRM_STAGE",
            {
                "stage": stage,
                "proposal_id": proposal["proposal_id"],
                "revision": proposal["revision"],
                "candidate": proposal["candidates"][0]["id"],
            },
        )

    async def walk(self, *stages: Stage) -> None:
        for stage in stages or Stage:
            await self.answer(stage)

    async def finish(self) -> Body:
        await self.until("stage-confirmed", Stage.PLOT_OUTLINE)
        await self.send("FINISH_GENESIS", {})
        return await self.until("session-finished")

    async def whole_session(self, **brief: Any) -> None:
        await self.start(**brief)
        await self.walk()
        await self.finish()

    @property
    def last(self) -> int:
        """Sequence of the last event seen: what a client sends as Last-Event-ID."""
        return int(self.seen[-1]["sequence"]) if self.seen else 0

    @property
    def _session(self) -> UUID:
        assert self.session is not None
        return self.session

    def replayed(self) -> Session:
        """The session as the kernel folds it from what this novelist saw."""
        state = fold(wire.event_from_body(body) for body in self.seen)
        assert state is not None
        return state

    async def must_have_lost_and_doubled_nothing(self) -> None:
        """Each event once and in order; each command with exactly one final outcome."""
        assert [body["sequence"] for body in self.seen] == list(range(1, len(self.seen) + 1))
        assert len({body["event_id"] for body in self.seen}) == len(self.seen)
        made = [body["payload"]["task_id"] for body in self.seen if body["event_type"] == "proposal-made"]
        assert len(made) == len(set(made))
        for command in self.sent:
            outcome = await eventually(lambda command=command: self._final(command), f"outcome of {command}")
            assert outcome["status"] in ("COMPLETED", "FAILED")
            assert any(body["causation_id"] == str(command) for body in self.seen), command

    async def _final(self, command: UUID) -> Body | None:
        outcome = await self.studio.outcome(command)
        return outcome if outcome["status"] in ("COMPLETED", "FAILED") else None
