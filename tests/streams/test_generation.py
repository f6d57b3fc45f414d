"""One request from its claim to its result, with the claims in a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from connectors.claims import Claims, Owner, Standing
from connectors.postgres import Pool, open_pool
from connectors.providers.protocol import (
    AttemptStarted,
    Declined,
    Final,
    GenerationError,
    Partial,
    ProviderEvent,
    Temporary,
)
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.rules import Rules
from streams.advance import advance
from streams.generation import LEASE, Generations
from tests import examples
from tests.streams.wires import START, command

pytestmark = pytest.mark.postgres


class Provider:
    """A provider that does what the test says, try by try; then it brings the example."""

    name = "example"

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.tries = 0
        self.guidance: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.started = asyncio.Event()
        self.closed = asyncio.Event()

    async def generate(self, request: m.GenerationRequest) -> AsyncIterator[ProviderEvent]:
        self.tries += 1
        self.guidance.append(request.guidance)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield AttemptStarted(1)
            yield Partial("so far")
            self.started.set()
            todo = self.script.pop(0) if self.script else None
            if isinstance(todo, Exception):
                raise todo
            if isinstance(todo, asyncio.Event):
                await todo.wait()
            if todo != "nothing":
                yield todo or Final(examples.CANDIDATES[request.stage], (), (), examples.PROVENANCE)
        finally:
            self.at_once -= 1
            self.closed.set()


@dataclass
class Works:
    """A generator process as far as one request goes."""

    claims: Claims
    provider: Provider = field(default_factory=Provider)
    shown: list[tuple[int, str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    stopped: bool = False
    now: Any = examples.NOON
    in_pause: Callable[[], Any] = lambda: None
    concurrency: int = 2

    def __post_init__(self) -> None:
        self.generations = Generations(
            claims=self.claims,
            find=self.find,
            progress=self,
            stopped=lambda _: self.stopped,
            concurrency=self.concurrency,
            now=lambda: self.now,
            pause=self.pause,
        )

    def find(self, name: str) -> Provider:
        if name == "nobody":
            raise GenerationError("There is no such provider.", code="unknown_provider")
        return self.provider

    def offer(self, request: m.GenerationRequest, attempt: int, text: str) -> None:
        self.shown.append((attempt, text))

    def end(self, task_id: Any) -> None:
        pass

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        result = self.in_pause()
        if asyncio.iscoroutine(result):
            await result
        await asyncio.sleep(0)

    async def result(self, request: m.GenerationRequest) -> Envelope:
        found = await self.generations.result(request)
        assert found is not None
        return wire.load_envelope(found)


@pytest.fixture
async def pool(database: Any) -> AsyncIterator[Pool]:
    async with await open_pool(database.role("genesis_generator"), application_name="test generator") as pool:
        yield pool


@pytest.fixture
def works(pool: Pool) -> Works:
    return Works(Claims(pool, Owner.start("generator-1")))


@pytest.fixture
def request_(request: pytest.FixtureRequest) -> m.GenerationRequest:
    done = advance(command(examples.a_uuid(request.node.name), 1, START), None, Rules())
    return wire.load_request(done.requests[0].value or b"")


def failure(envelope: Envelope) -> m.GenerationFailed:
    assert isinstance(envelope.message, m.GenerationFailed)
    return envelope.message


async def test_a_proposal_comes_as_a_message_without_a_number(works: Works, request_: m.GenerationRequest):
    brought = await works.result(request_)

    assert isinstance(brought.message, m.GenerationSucceeded)
    assert brought.message.candidates == examples.CANDIDATES[request_.stage]
    assert brought.message_id == identity.result_id(request_.task_id, 1)
    assert (brought.session_id, brought.user_id) == (request_.session_id, request_.user_id)
    assert (brought.correlation_id, brought.command_no) == (request_.correlation_id, None)
    assert works.shown == [(1, "so far")]


async def test_a_request_read_again_gets_the_stored_result_again(works: Works, request_: m.GenerationRequest):
    first = await works.generations.result(request_)
    works.now += timedelta(minutes=3)

    assert await works.generations.result(request_) == first
    assert works.provider.tries == 1


async def test_the_successor_of_a_dead_process_makes_a_new_attempt_at_once(
    works: Works, pool: Pool, request_: m.GenerationRequest
):
    dead = Claims(pool, Owner.start("generator-1"))
    await dead.claim(request_.task_id, request_.session_id, LEASE)

    brought = await works.result(request_)

    assert brought.message.attempt == 2  # type: ignore[union-attr]
    assert works.pauses == []
    assert works.shown == [(2, "so far")]


async def test_what_runs_in_another_living_process_is_waited_for_not_made_twice(
    works: Works, pool: Pool, request_: m.GenerationRequest
):
    other = Works(Claims(pool, Owner.start("generator-2")))
    elsewhere = await other.claims.claim(request_.task_id, request_.session_id, LEASE)
    assert elsewhere.standing is Standing.CLAIMED
    works.in_pause = lambda: other.claims.store(request_.task_id, 1, wire.dump_envelope(_result(request_)), None)

    brought = await works.result(request_)

    assert brought == _result(request_)
    assert works.provider.tries == 0
    assert len(works.pauses) == 1


def _result(request: m.GenerationRequest) -> Envelope:
    success = examples.success(request.task_id, request.stage)
    return Envelope(
        identity.result_id(request.task_id, 1),
        request.session_id,
        examples.OWNER,
        request.correlation_id,
        examples.NOON,
        success,
    )


async def test_waiting_for_another_process_takes_no_place_in_the_pool(
    pool: Pool, request_: m.GenerationRequest, works: Works
):
    works = Works(works.claims, concurrency=1)
    other = Claims(pool, Owner.start("generator-2"))
    await other.claim(request_.task_id, request_.session_id, LEASE)
    waiting, release = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await release.wait()
        await other.store(request_.task_id, 1, wire.dump_envelope(_result(request_)), None)

    works.in_pause = wait
    first = asyncio.ensure_future(works.generations.result(request_))
    await waiting.wait()
    assert works.generations.elsewhere == 1

    done = advance(command(examples.a_uuid("beside"), 1, START), None, Rules())
    await works.result(wire.load_request(done.requests[0].value or b""))

    release.set()
    await first
    assert works.generations.elsewhere == 0


async def test_a_lease_that_is_over_is_taken_over(works: Works, pool: Pool, request_: m.GenerationRequest):
    silent = Claims(pool, Owner.start("generator-2"))
    await silent.claim(request_.task_id, request_.session_id, timedelta(seconds=-1))

    assert (await works.result(request_)).message.attempt == 2  # type: ignore[union-attr]


async def test_a_process_that_was_taken_over_sends_nothing(works: Works, pool: Pool, request_: m.GenerationRequest):
    works.provider.script = [release := asyncio.Event()]
    frozen = asyncio.ensure_future(works.generations.result(request_))
    await works.provider.started.wait()

    successor = Works(Claims(pool, Owner.start("generator-1")))
    brought = await successor.result(request_)
    release.set()

    assert await frozen is None
    assert brought.message.attempt == 2  # type: ignore[union-attr]


async def test_renewing_tells_a_process_that_it_was_taken_over(
    works: Works, pool: Pool, request_: m.GenerationRequest
):
    works.provider.script = [asyncio.Event()]
    frozen = asyncio.ensure_future(works.generations.result(request_))
    await works.provider.started.wait()
    await works.generations.renew()
    assert not frozen.done()

    await Works(Claims(pool, Owner.start("generator-1"))).result(request_)
    await works.generations.renew()

    assert await frozen is None
    assert works.provider.closed.is_set()


async def test_renewing_keeps_a_claim_alive(works: Works, pool: Pool, request_: m.GenerationRequest):
    works.provider.script = [release := asyncio.Event()]
    running = asyncio.ensure_future(works.generations.result(request_))
    await works.provider.started.wait()
    before = await works.claims.fetch(request_.task_id)

    await works.generations.renew()

    after = await works.claims.fetch(request_.task_id)
    assert before is not None
    assert after is not None
    assert after.lease_until > before.lease_until
    release.set()
    await running


# -- stops and deadlines


async def test_a_stop_cancels_what_runs(works: Works, request_: m.GenerationRequest):
    works.provider.script = [asyncio.Event()]
    running = asyncio.ensure_future(works.result(request_))
    await works.provider.started.wait()

    works.generations.stop(request_.task_id)

    assert failure(await running).code == "stopped"
    assert works.provider.closed.is_set()


async def test_the_end_of_a_session_cancels_what_runs_for_it(works: Works, request_: m.GenerationRequest):
    works.provider.script = [asyncio.Event()]
    running = asyncio.ensure_future(works.result(request_))
    await works.provider.started.wait()

    works.generations.stop(request_.session_id)

    assert failure(await running).code == "stopped"


async def test_what_was_stopped_before_its_start_is_not_started(works: Works, request_: m.GenerationRequest):
    works.stopped = True

    stopped = failure(await works.result(request_))

    assert (stopped.code, stopped.provenance) == ("stopped", None)
    assert works.provider.tries == 0


async def test_what_is_past_its_deadline_is_not_started(works: Works, pool: Pool, request_: m.GenerationRequest):
    works.now = request_.deadline

    late = failure(await works.result(request_))

    assert (late.code, late.timed_out, late.provenance) == ("late", False, None)
    assert works.provider.tries == 0


async def test_what_runs_past_its_deadline_is_ended(works: Works, request_: m.GenerationRequest):
    works.provider.script = [asyncio.Event()]
    works.now = request_.deadline - timedelta(milliseconds=50)

    assert failure(await works.result(request_)).code == "late"
    assert works.provider.closed.is_set()


# -- what providers do


async def test_a_provider_that_cannot_answer_now_is_asked_again_with_growing_pauses(
    works: Works, request_: m.GenerationRequest
):
    works.provider.script = [Temporary("busy", delay=0), Temporary("busy", delay=9), Temporary("busy", delay=0)]

    brought = await works.result(request_)

    assert isinstance(brought.message, m.GenerationSucceeded)
    assert works.pauses == [1.0, 9, 4.0]
    assert [attempt for attempt, _ in works.shown] == [1, 2, 3, 4]


async def test_after_five_tries_the_person_is_told(works: Works, request_: m.GenerationRequest):
    works.provider.script = [Temporary("The provider is busy.", delay=0)] * 9

    told = failure(await works.result(request_))

    assert (told.code, told.message) == ("provider_unavailable", "The provider is busy.")
    assert works.provider.tries == 5


async def test_no_pause_goes_past_the_deadline(works: Works, request_: m.GenerationRequest):
    works.provider.script = [Temporary(delay=3600)]

    assert failure(await works.result(request_)).code == "provider_unavailable"
    assert works.pauses == []


async def test_a_stop_ends_the_pause_too(works: Works, request_: m.GenerationRequest):
    works.provider.script = [Temporary(delay=1)] * 2
    works.in_pause = lambda: works.generations.stop(request_.task_id)

    assert failure(await works.result(request_)).code == "stopped"
    assert works.provider.tries == 1


@pytest.mark.parametrize(
    ("todo", "code"),
    [
        (Declined(), "provider_declined"),
        (GenerationError("No.", code="odd", provenance=examples.PROVENANCE), "odd"),
        (ZeroDivisionError("words of a person"), "internal_error"),
        ("nothing", "no_proposal"),
        (Final((), (), (), examples.PROVENANCE), "invalid_proposal"),
    ],
)
async def test_what_goes_wrong_for_good_is_told_once(
    works: Works, request_: m.GenerationRequest, todo: object, code: str
):
    works.provider.script = [todo]

    told = failure(await works.result(request_))

    assert told.code == code
    assert told.message
    assert "words" not in told.message
    assert works.provider.tries == 1
    assert (await works.result(request_)).message == told


async def test_an_unknown_provider_is_told(works: Works, request_: m.GenerationRequest):
    assert failure(await works.result(request_.model_copy(update={"provider": "nobody"}))).code == "unknown_provider"


async def test_no_more_run_at_once_than_the_pool_has_places(works: Works):
    works.provider.script = [release := asyncio.Event()] * 5
    requests = []
    for name in "abcde":
        done = advance(command(examples.a_uuid(f"pool {name}"), 1, START), None, Rules())
        requests.append(wire.load_request(done.requests[0].value or b""))
    running = [asyncio.ensure_future(works.result(each)) for each in requests]
    await works.provider.started.wait()
    release.set()

    await asyncio.gather(*running)

    assert works.provider.most_at_once <= 2
    assert works.provider.tries == 5


async def test_a_database_that_is_away_for_a_moment_is_asked_again(works: Works, request_: m.GenerationRequest):
    stock, away = works.claims.store, [OSError("away"), OSError("away")]

    async def store(*args: Any) -> bool:
        if away:
            raise away.pop()
        return await stock(*args)

    works.claims.store = store  # type: ignore[method-assign]

    assert isinstance((await works.result(request_)).message, m.GenerationSucceeded)
    assert works.pauses == [0.1, 0.2]


async def test_what_is_too_long_for_its_stage_is_asked_for_once_more_and_shorter(
    works: Works, request_: m.GenerationRequest
):
    wave = "\U0001f30a"  # four bytes: five such candidates are more than the stage may hold
    long = examples.CONCEPTS[0].model_copy(update={"premise": wave * 1200, "hook": wave * 240, "lead": wave * 240})
    priced = examples.PROVENANCE.model_copy(update={"cost": "0.25", "tokens_out": 400})
    works.provider.script = [Final((long,) * 5, (), (), priced), Final(examples.CONCEPTS, (), (), priced)]

    brought = (await works.result(request_)).message

    assert isinstance(brought, m.GenerationSucceeded)
    assert brought.candidates == examples.CONCEPTS
    assert (brought.provenance.cost, brought.provenance.tokens_out, brought.provenance.attempts) == ("0.50", 800, 2)
    assert works.shown == [(1, "so far"), (2, "so far")]
    assert works.provider.guidance[1].endswith("half the length.")


async def test_what_is_too_long_twice_goes_to_the_machine_which_judges_it(
    works: Works, request_: m.GenerationRequest
):
    wave = "\U0001f30a"
    long = examples.CONCEPTS[0].model_copy(update={"premise": wave * 1200, "hook": wave * 240, "lead": wave * 240})
    works.provider.script = [Final((long,) * 5, (), (), examples.PROVENANCE)] * 2

    brought = (await works.result(request_)).message

    assert isinstance(brought, m.GenerationSucceeded)
    assert (len(brought.candidates), works.provider.tries) == (5, 2)
