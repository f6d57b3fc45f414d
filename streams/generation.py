"""One generation request from its claim to its result: at most one process works on it, its result is kept."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError

from connectors.claims import Claim, Standing
from connectors.postgres import UNAVAILABLE
from connectors.providers.protocol import (
    AttemptStarted,
    Final,
    GenerationError,
    Partial,
    Temporary,
    TextProvider,
)
from genesis.content.proposal import Provenance
from genesis.content.sizes import DRAFT_CAP, size
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session.messages import GenerationFailed, GenerationRequest, GenerationSucceeded
from genesis.topics import MESSAGE_BYTES
from genesis.wire import dump_envelope

LEASE = timedelta(seconds=60)
"""How long a claim holds without being renewed; its process renews it every third of it."""

TRIES = 5
"""Times a provider is asked for one proposal when it can't answer just now."""

FIRST_PAUSE = 1.0
"""Seconds before the second try, doubled for each further one; a provider may ask for more."""

ELSEWHERE_PAUSE = 5.0
"""At most so many seconds until a task that another process works on is asked for again."""

DATABASE_TRIES = 12
"""Times a statement is tried while PostgreSQL is away, with pauses of 0.1 s doubled up to 10 s: over a minute."""

RESULT_BYTES = MESSAGE_BYTES - (64 << 10)
"""Most bytes of a result, so that it fits into a message with its headers."""

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class ClaimsTable(Protocol):
    """What connectors.claims.Claims offers."""

    async def claim(self, task_id: UUID, session_id: UUID, lease: timedelta) -> Claim:
        """Ask for a task."""

    async def renew(self, task_id: UUID, attempt: int, lease: timedelta) -> bool:
        """False: taken over."""

    async def store(self, task_id: UUID, attempt: int, result: bytes, cost: Decimal | None) -> bool:
        """False: taken over."""

    async def discard(self, task_id: UUID, cost: Decimal) -> None:
        """Note a cost without a result."""


class Shown(Protocol):
    """What streams.progress.Progress offers."""

    def offer(self, request: GenerationRequest, attempt: int, text: str) -> None:
        """The whole text so far."""

    def end(self, task_id: UUID) -> None:
        """No more text comes."""


class Running:
    """A generation that this process has claimed."""

    def __init__(self, request: GenerationRequest, attempt: int) -> None:
        self.request = request
        self.attempt = attempt
        self.ended: str | None = None
        """Why it is to end: `stopped` by the session, `taken over` by another process, or not."""
        self._work: asyncio.Future[Any] | None = None

    def end(self, why: str) -> None:
        """Ends it, whatever it is doing."""
        if self.ended is None:
            self.ended = why
            if self._work is not None:
                self._work.cancel()

    async def until_ended(self, work: Awaitable[Value], seconds: float) -> Value | None:
        """Does the work unless it is ended or takes longer than `seconds`: then None, and the work is cancelled."""
        if self.ended is not None or seconds <= 0:
            if asyncio.iscoroutine(work):
                work.close()
            return None
        self._work = task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            self._work = None
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return None if task.cancelled() else task.result()


class Generations:
    """Makes results of requests. Shared by all requests of a process; it bounds how many run at once."""

    def __init__(
        self,
        *,
        claims: ClaimsTable,
        find: Callable[[str], TextProvider],
        progress: Shown,
        stopped: Callable[[GenerationRequest], bool],
        concurrency: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._claims = claims
        self._find = find
        self._progress = progress
        self._stopped = stopped
        self._pool = asyncio.Semaphore(concurrency)
        self._now = now
        self._pause = pause
        self.running: dict[UUID, Running] = {}
        """What this process has claimed, by task id."""
        self.elsewhere = 0
        """Requests that wait for another process to finish or to die."""

    async def result(self, request: GenerationRequest) -> bytes | None:
        """The message for genesis.commands, stored before it is returned; None if another process took over.

        A request that is read again gets the stored result again. Raises what PostgreSQL raises if it stays
        away; nothing on account of the provider.
        """
        claim = await self._claimed(request)
        if claim.standing is Standing.DONE:
            return claim.result
        running = self.running[request.task_id] = Running(request, claim.attempt)
        try:
            outcome, provenance = await self._outcome(running)
            if outcome is None:
                await self._gone(running, None)
                return None
            message = self._message(request, claim.attempt, outcome)
            cost = _cost(provenance)
            stored = await _patiently(
                lambda: self._claims.store(request.task_id, claim.attempt, message, cost), self._pause
            )
            if not stored:
                await self._gone(running, cost)
            return message if stored else None
        finally:
            del self.running[request.task_id]
            self._progress.end(request.task_id)

    def stop(self, ended: UUID) -> None:
        """The generation or the session of this id has ended: what runs for it is cancelled."""
        for running in self.running.values():
            if ended in (running.request.task_id, running.request.session_id):
                running.end("stopped")

    async def renew(self) -> None:
        """Renews the claims of all that runs; what was taken over ends. Called every third of the lease."""
        for running in list(self.running.values()):
            try:
                held = await self._claims.renew(running.request.task_id, running.attempt, LEASE)
            except UNAVAILABLE as error:
                # The next turn tries again; if the lease is over by then, storing tells.
                log.warning("claims could not be renewed: %s", type(error).__name__)
                return
            if not held:
                running.end("taken over")

    async def _claimed(self, request: GenerationRequest) -> Claim:
        while True:
            claim = await _patiently(
                lambda: self._claims.claim(request.task_id, request.session_id, LEASE), self._pause
            )
            if claim.standing is not Standing.ELSEWHERE:
                if claim.attempt > 1 and claim.standing is Standing.CLAIMED:
                    log.warning(
                        "%s %s taken over as attempt %d; what the earlier one cost is unknown",
                        request.session_id,
                        request.task_id,
                        claim.attempt,
                    )
                return claim
            # Outside the pool: a living process works on it, or a dead one whose lease will be over.
            left = (claim.lease_until - self._now()).total_seconds()
            self.elsewhere += 1
            try:
                await self._pause(min(max(left, 0.2), ELSEWHERE_PAUSE))
            finally:
                self.elsewhere -= 1

    async def _gone(self, running: Running, cost: Decimal | None) -> None:
        log.warning("%s %s was taken over", running.request.session_id, running.request.task_id)
        if cost:
            await _patiently(lambda: self._claims.discard(running.request.task_id, cost), self._pause)

    async def _outcome(
        self, running: Running
    ) -> tuple[GenerationSucceeded | GenerationFailed | None, Provenance | None]:
        """What came of it, and what made it; nothing if it was taken over."""
        request, tries, starts = running.request, 0, running.attempt - 1
        too_long: Provenance | None = None
        while True:
            async with self._pool:
                if (unstarted := self._unstarted(running)) is not None:
                    return unstarted, None
                tries += 1
                failure: GenerationError
                try:
                    final = await running.until_ended(self._asked(request, starts), self._seconds_left(request))
                    if final is None:
                        return self._interrupted(running), too_long
                    if too_long is not None:
                        final = replace(final, provenance=_together(too_long, final.provenance))
                    elif size(final.candidates) > DRAFT_CAP[request.stage]:
                        # One shorter try (content model §7); what is too long then is judged by the machine.
                        too_long, request, starts = final.provenance, _shorter(request), starts + 1
                        continue
                    return self._succeeded(running, final), final.provenance
                except GenerationError as error:
                    failure = error
                except Exception as error:
                    log.error("%s %s the provider crashed: %s", request.session_id, request.task_id, _place(error))
                    failure = GenerationError(
                        "The text maker failed; try again or choose another one.", code="internal_error"
                    )
            starts += 1
            pause = FIRST_PAUSE * 2 ** (tries - 1)
            if isinstance(failure, Temporary):
                pause = max(pause, failure.delay)
            if not isinstance(failure, Temporary) or tries >= TRIES or pause >= self._seconds_left(request):
                return self._failed(running, failure.code, str(failure), failure.provenance), failure.provenance
            log.info("%s %s try %d comes in %.1f s", request.session_id, request.task_id, tries + 1, pause)
            await running.until_ended(self._pause(pause), self._seconds_left(request))

    def _unstarted(self, running: Running) -> GenerationFailed | None:
        """Why a generation is not started (any more); it costs nothing."""
        if self._stopped(running.request) or running.ended == "stopped":
            return self._failed(running, "stopped", "The generation was stopped.", None)
        if running.request.is_late(self._now()):
            return self._failed(running, "late", "The generation could not be started in time; try again.", None)
        return None

    def _interrupted(self, running: Running) -> GenerationFailed | None:
        match running.ended:
            case "taken over":
                return None
            case "stopped":
                return self._failed(running, "stopped", "The generation was stopped.", None)
            case _:
                return self._failed(running, "late", "The generation took too long; try again.", None)

    async def _asked(self, request: GenerationRequest, starts: int) -> Final:
        """Asks the provider once. Raises GenerationError, or whatever a bug in the provider raises."""
        attempt = starts + 1
        # aclosing: a generator that is only dropped would go on until the garbage is collected.
        events: Any = self._find(request.provider).generate(request)
        async with aclosing(events):
            async for event in events:
                match event:
                    case AttemptStarted():
                        attempt = starts + event.attempt
                    case Partial():
                        self._progress.offer(request, attempt, event.text)
                    case Final():
                        return event
        raise GenerationError("The text maker ended without a proposal; try again.", code="no_proposal")

    def _succeeded(self, running: Running, final: Final) -> GenerationSucceeded | GenerationFailed:
        try:
            return GenerationSucceeded(
                task_id=running.request.task_id,
                attempt=running.attempt,
                stage=running.request.stage,
                candidates=final.candidates,
                understood=final.understood,
                not_understood=final.not_understood,
                provenance=final.provenance,
            )
        except ValidationError as error:
            log.error(
                "%s %s a proposal is not valid: %s",
                running.request.session_id,
                running.request.task_id,
                _place(error),
            )
            return self._failed(
                running, "invalid_proposal", "The proposal was not usable; try again.", final.provenance
            )

    def _failed(self, running: Running, code: str, sentence: str, provenance: Provenance | None) -> GenerationFailed:
        return GenerationFailed(
            task_id=running.request.task_id,
            attempt=running.attempt,
            stage=running.request.stage,
            code=code[:60],
            message=sentence.replace("\x00", "")[:500],
            provenance=provenance,
        )

    def _message(
        self, request: GenerationRequest, attempt: int, outcome: GenerationSucceeded | GenerationFailed
    ) -> bytes:
        message = dump_envelope(self._envelope(request, attempt, outcome))
        if len(message) > RESULT_BYTES:
            failed = GenerationFailed(
                task_id=request.task_id,
                attempt=attempt,
                stage=request.stage,
                code="too_large",
                message="The proposal is larger than a session may hold; ask for less.",
                provenance=outcome.provenance,
            )
            message = dump_envelope(self._envelope(request, attempt, failed))
        return message

    def _envelope(
        self, request: GenerationRequest, attempt: int, outcome: GenerationSucceeded | GenerationFailed
    ) -> Envelope:
        return Envelope(
            message_id=identity.result_id(request.task_id, attempt),
            session_id=request.session_id,
            user_id=request.user_id,
            correlation_id=request.correlation_id,
            at=self._now(),
            message=outcome,
        )

    def _seconds_left(self, request: GenerationRequest) -> float:
        return (request.deadline - self._now()).total_seconds()


def _shorter(request: GenerationRequest) -> GenerationRequest:
    guidance = f"{request.guidance[:1900]} Write every text at half the length.".strip()
    return request.model_copy(update={"guidance": guidance})


def _together(first: Provenance, last: Provenance) -> Provenance:
    """What made the last text, with what both of them took; what is unknown of one is unknown of both."""

    def total(name: str) -> Any:
        one, other = getattr(first, name), getattr(last, name)
        return None if one is None or other is None else one + other

    known = first.cost is not None and last.cost is not None
    return last.model_copy(
        update={
            "cost": str(Decimal(first.cost or 0) + Decimal(last.cost or 0)) if known else None,
            "attempts": first.attempts + last.attempts,
            **{name: total(name) for name in ("tokens_in", "tokens_out", "duration_ms")},
        }
    )


def _cost(provenance: Provenance | None) -> Decimal | None:
    if provenance is None:
        return Decimal(0)
    return None if provenance.cost is None else Decimal(provenance.cost)


def _place(error: BaseException) -> str:
    """Class and place of an error; its message may quote the person."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}" + (f" at {frames[-1].name}:{frames[-1].lineno}" if frames else "")


async def _patiently(ask: Callable[[], Awaitable[Value]], pause: Callable[[float], Awaitable[None]]) -> Value:
    """Asks PostgreSQL, again while it is away; raises at last what it raised."""
    for tried in range(1, DATABASE_TRIES + 1):
        try:
            return await ask()
        except UNAVAILABLE as error:
            if tried == DATABASE_TRIES:
                raise
            log.warning("PostgreSQL is away (%s), try %d follows", type(error).__name__, tried + 1)
            await pause(min(0.1 * 2 ** (tried - 1), 10.0))
    raise AssertionError("unreachable")
