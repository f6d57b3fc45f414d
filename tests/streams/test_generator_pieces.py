"""The generator's small parts: what may be committed, which stops are heard, which partial texts leave."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from aiokafka.structs import TopicPartition

from genesis import wire
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from streams import progress, stops
from streams.advance import advance
from streams.low_water import LowWater
from tests import examples
from tests.streams.wires import START, command

ZERO, ONE = TopicPartition("genesis.generation.requests", 0), TopicPartition("genesis.generation.requests", 1)


def request_of(name: str) -> m.GenerationRequest:
    done = advance(command(examples.a_uuid(name), 1, START), None, Rules())
    return wire.load_request(done.requests[0].value or b"")


# -- commits


def test_nothing_is_committed_past_a_message_in_work():
    water = LowWater()
    for offset in (5, 6, 7):
        water.take(ZERO, offset)
    water.finish(ZERO, 6)
    water.finish(ZERO, 7)
    assert water.committable() == {ZERO: 5}

    water.finish(ZERO, 5)

    assert water.committable() == {ZERO: 8}


def test_each_partition_has_its_own_mark():
    water = LowWater()
    water.take(ZERO, 5)
    water.take(ONE, 9)
    water.finish(ONE, 9)

    assert water.committable() == {ZERO: 5, ONE: 10}


def test_what_was_committed_is_not_committed_again():
    water = LowWater()
    water.take(ZERO, 5)
    water.finish(ZERO, 5)
    water.committed(water.committable())

    assert water.committable() == {}


def test_a_partition_given_away_is_forgotten_with_all_that_runs():
    water = LowWater()
    water.take(ZERO, 5)
    water.forget({ZERO, ONE})
    water.finish(ZERO, 5)

    assert (water.committable(), water.open()) == ({}, 0)


# -- stops


def event(body: e.Event, session: UUID) -> tuple[list[tuple[str, bytes]], bytes]:
    recorded = e.Recorded(
        event_id=examples.a_uuid("event"),
        event=body,
        session_id=session,
        sequence=1,
        correlation_id=session,
        causation_id=session,
        created_at=examples.NOON,
        user_id=examples.OWNER,
        command_no=1,
        part=1,
        of=1,
    )
    return wire.event_headers(recorded), wire.dump_event(recorded)


def failed(task: UUID, timed_out: bool) -> e.GenerationFailed:
    return e.GenerationFailed(
        stage=Stage.WORLDVIEW, task_id=task, handle_id=task, attempt=None, code="c", message="", timed_out=timed_out
    )


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (lambda r: failed(r.task_id, timed_out=True), True),
        (lambda r: failed(r.task_id, timed_out=False), False),
        (lambda r: e.SessionAbandoned(cause="person", reason=""), True),
        (lambda r: e.SessionPaused(), False),
        (
            lambda r: e.GenerationStopped(
                stage=Stage.WORLDVIEW,
                stopped={"task_id": r.task_id, "stage": Stage.WORLDVIEW, "reason": "stopped"},  # type: ignore[arg-type]
                handle_id=r.task_id,
            ),
            True,
        ),
    ],
)
def test_which_events_end_a_generation(told: Callable[[m.GenerationRequest], e.Event], ends: bool):
    request, ended = request_of("stops"), []
    heard = stops.Stops(ended.append)

    heard.hear(*event(told(request), request.session_id))

    assert heard.stopped(request) is ends
    assert bool(ended) is ends


def test_a_stop_ends_no_other_session_s_generation():
    request, other = request_of("stops"), request_of("other")
    heard = stops.Stops(lambda _: None)

    heard.hear(*event(e.SessionAbandoned(cause="person", reason=""), other.session_id))

    assert not heard.stopped(request)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"payload":{}}', b'{"aggregate_id":"no id"}'])
def test_an_event_that_cannot_be_read_stops_nothing(value: bytes | None):
    heard = stops.Stops(lambda _: pytest.fail("nothing was stopped"))

    heard.hear([("ce_type", b"session-abandoned")], value)


def test_only_so_many_stops_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stops, "REMEMBERED", 2)
    heard = stops.Stops(lambda _: None)
    requests = [request_of(name) for name in "abc"]

    for each in requests:
        heard.hear(*event(e.SessionAbandoned(cause="person", reason=""), each.session_id))

    assert [heard.stopped(each) for each in requests] == [False, True, True]


# -- partial texts


class Broker:
    """A producer whose acknowledgements are given by hand."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.keys: list[bytes | None] = []
        self.futures: list[asyncio.Future[Any]] = []

    async def send(self, topic: str, value: bytes | None = None, key: bytes | None = None) -> asyncio.Future[Any]:
        assert topic == "genesis.progress"
        self.sent.append(json.loads(value or b""))
        self.keys.append(key)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0)


async def test_of_the_texts_that_have_not_left_the_newest_wins(unhurried: None):
    broker, request = Broker(), request_of("progress")
    shown = progress.Progress(broker)

    shown.offer(request, 1, "a")
    await settled()
    shown.offer(request, 1, "ab")
    shown.offer(request, 1, "abc")
    await settled()
    assert [each["text"] for each in broker.sent] == ["a"]
    broker.futures[0].set_result(None)
    await settled()

    assert broker.sent[-1] == {
        "session_id": str(request.session_id),
        "task_id": str(request.task_id),
        "stage": "CONCEPT_SELECTION",
        "attempt": 1,
        "text": "abc",
    }
    assert [each["text"] for each in broker.sent] == ["a", "abc"]
    assert broker.keys == [str(request.session_id).encode()] * 2
    await shown.close()


async def test_what_has_not_left_at_the_end_is_void(unhurried: None):
    broker, request = Broker(), request_of("progress")
    shown = progress.Progress(broker)
    shown.offer(request, 1, "a")
    await settled()
    shown.offer(request, 1, "ab")

    shown.end(request.task_id)
    broker.futures[0].set_result(None)
    await settled()

    assert len(broker.sent) == 1
    await shown.close()


async def test_a_broker_that_refuses_partial_texts_harms_nothing(unhurried: None):
    broker, request = Broker(), request_of("progress")
    shown = progress.Progress(broker)
    shown.offer(request, 1, "a")
    await settled()
    broker.futures[0].set_exception(OSError("away"))
    await settled()

    shown.offer(request, 1, "ab")
    await settled()

    assert [each["text"] for each in broker.sent] == ["a", "ab"]
    await shown.close()
