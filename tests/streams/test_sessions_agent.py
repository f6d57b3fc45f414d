"""The sessions agent over a batch: outputs, then the state, then the acknowledgement; and nothing after a failure."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.settings import Settings
from genesis import wire
from genesis.session import messages as m
from genesis.session.rules import Rules
from genesis.session.stages import Stage
from streams import app, sessions
from streams.advance import advance
from streams.records import Arrived, Record
from tests import examples
from tests.streams.wires import START, arrived, broken, command, result


class Died(Exception):
    """Stands for the end of the process."""


class World:
    """Everything around the agent, with what happened in the order in which it happened."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.records: dict[str, list[Record]] = {}
        self.held_back: asyncio.Event | None = None
        """While it is not set no output is acknowledged."""
        self.refused: Exception | None = None

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[asyncio.Future[Any]]:
        self.told.append(f"send {topic}")
        self.records.setdefault(topic, []).extend(records)
        return [asyncio.ensure_future(self._acknowledge(topic))]

    async def _acknowledge(self, topic: str) -> None:
        if self.held_back is not None:
            await self.held_back.wait()
        if self.refused is not None:
            raise self.refused
        self.told.append(f"acknowledged {topic}")

    def events(self, session: Any) -> list[dict[str, Any]]:
        key = str(session).encode()
        return [json.loads(each.value or b"") for each in self.records.get("genesis.events", []) if each.key == key]


class Bench:
    """The agent under test and its surroundings."""

    def __init__(self, machine: app.Machine, agent: Any, world: World, counters: sessions.Counters) -> None:
        self.machine, self.agent, self.world, self.counters = machine, agent, world, counters
        self.events: list[Any] = []

    async def send(self, *messages: Arrived) -> None:
        """Puts messages into the agent's queue at once, so that they make one batch."""
        for message in messages:
            event = await self.agent.put(message.value, key=message.key, headers=list(message.headers), wait=False)
            told, offset, stock = self.world.told, len(self.events), event.ack
            event.ack = lambda told=told, offset=offset, stock=stock: (told.append(f"ack {offset}"), stock())
            self.events.append(event)

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(10):
            while not done():  # noqa: ASYNC110 what is waited for is in Faust's hands
                await asyncio.sleep(0.005)

    async def until_acked(self) -> None:
        await self.until(lambda: self.world.told.count(f"ack {len(self.events) - 1}"))

    def saved(self, session: Any) -> Any:
        return wire.load_state(self.machine.sessions.data[str(session).encode()])


@asynccontextmanager
async def bench(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    machine = app.declare(Settings(data=tmp_path, instance="bench"), store="memory://")
    machine.finalize()
    machine.lease.heard(machine.lease.now())
    world, counters = World(), sessions.Counters()
    # A real one would start a thread with a loop of its own.
    machine.consumer = SimpleNamespace(
        unacked=set(), _unacked_messages=set(), track_message=lambda message: None, ack=lambda message: True
    )
    agent = sessions.attach(machine, Settings(data=tmp_path), counters)
    machine.producer = world
    table = machine.sessions

    # No broker: what a put sends to the changelog is told instead.
    monkeypatch.setattr(table, "on_key_set", lambda key, value: world.told.append("put"))

    async def durable(partition: int) -> None:
        world.told.append(f"durable {partition}")

    monkeypatch.setattr(table, "durable", durable)

    def die(reason: str, code: int = 70) -> None:
        world.told.append(f"died: {code} {reason}")
        raise asyncio.CancelledError

    monkeypatch.setattr(sessions, "die", die)
    async with agent.test_context() as running:
        yield Bench(machine, running, world, counters)


@pytest.fixture
async def at_work(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with bench(tmp_path, monkeypatch) as ready:
        yield ready


ONE, TWO = examples.a_uuid("one"), examples.a_uuid("two")


async def test_outputs_then_the_state_then_the_acknowledgement(at_work: Bench):
    await at_work.send(command(ONE, 1, START))
    await at_work.until_acked()

    assert at_work.world.told == [
        "send genesis.events",
        "send genesis.generation.requests",
        "acknowledged genesis.events",
        "acknowledged genesis.generation.requests",
        "put",
        "durable 0",
        "ack 0",
    ]
    assert at_work.saved(ONE).command_no == 1


async def test_nothing_is_put_while_an_output_is_not_acknowledged(at_work: Bench):
    at_work.world.held_back = asyncio.Event()
    await at_work.send(command(ONE, 1, START))

    await at_work.until(lambda: "send genesis.generation.requests" in at_work.world.told)
    assert "put" not in at_work.world.told

    at_work.world.held_back.set()
    await at_work.until_acked()


async def test_a_refused_output_ends_the_process_and_acknowledges_nothing(at_work: Bench):
    at_work.world.refused = OSError("no broker")
    await at_work.send(command(ONE, 1, START))

    await at_work.until(lambda: any(each.startswith("died") for each in at_work.world.told))

    assert not {"put", "ack 0"} & set(at_work.world.told)
    assert "OSError" in at_work.world.told[-1]


@pytest.mark.parametrize("newer", ["message", "state"])
async def test_what_a_newer_release_wrote_ends_the_process_and_comes_again_to_that_release(
    at_work: Bench, newer: str
):
    """Nothing of its batch is sent or acknowledged, and the log names the remedy."""
    second = command(ONE, 2, m.AbandonGenesis())
    if newer == "message":
        second = replace(second, value=(second.value or b"").replace(b"ABANDON_GENESIS", b"DREAM_ON"))
        await at_work.send(command(TWO, 1, START), second)
    else:
        held = advance(command(ONE, 1, START), None, Rules()).after
        assert held is not None
        record = held.record.replace(b"%d " % wire.STATE_SCHEMA, b"%d " % (wire.STATE_SCHEMA + 1), 1)
        at_work.machine.sessions.data[str(ONE).encode()] = record
        await at_work.send(second)

    await at_work.until(lambda: any(each.startswith("died") for each in at_work.world.told))

    assert at_work.world.records == {} or newer == "message"
    assert not any(each == "ack 1" for each in at_work.world.told)
    assert at_work.world.told[-1].startswith("died: 78 genesis.commands/0: A newer release has written")
    assert "Install the" in at_work.world.told[-1]


async def test_a_lost_lease_ends_the_process_before_anything_is_sent(at_work: Bench):
    at_work.machine.lease._heard = at_work.machine.lease.now() - 60
    await at_work.send(command(ONE, 1, START))

    await at_work.until(lambda: any(each.startswith("died") for each in at_work.world.told))

    assert at_work.world.records == {}
    assert "LeaseLost" in at_work.world.told[-1]


async def test_a_batch_puts_each_session_once_and_acknowledges_in_order(at_work: Bench):
    await at_work.send(
        command(ONE, 1, START),
        command(TWO, 1, START),
        command(ONE, 2, m.AbandonGenesis()),
        command(ONE, 2, m.AbandonGenesis()),
    )
    await at_work.until_acked()

    told = at_work.world.told
    assert told.count("put") == 2
    assert told.count("durable 0") == 1
    assert [each for each in told if each.startswith("ack ")] == ["ack 0", "ack 1", "ack 2", "ack 3"]
    assert at_work.counters.outcomes == {"granted": 3, "repeat": 1}
    sequences = [event["sequence"] for event in at_work.world.events(ONE)]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_repeat_puts_the_state_again(at_work: Bench):
    await at_work.send(command(ONE, 1, START))
    await at_work.until_acked()
    at_work.world.told.clear()

    await at_work.send(command(ONE, 1, START))
    await at_work.until_acked()

    assert at_work.world.told == ["put", "durable 0", "ack 1"]


async def test_a_command_ahead_of_its_turn_is_acknowledged_and_counted(at_work: Bench):
    await at_work.send(command(ONE, 3, START))
    await at_work.until_acked()

    assert "put" not in at_work.world.told
    assert at_work.counters.outcomes == {"ahead": 1}


async def test_poison_beside_a_healthy_session_harms_nobody(at_work: Bench):
    await at_work.send(
        command(ONE, 1, START),
        arrived(TWO, b"\xff\xfe"),
        broken(command(ONE, 2, m.AbandonGenesis())),
        command(ONE, 3, m.AbandonGenesis()),
    )
    await at_work.until_acked()

    assert len(at_work.world.records["genesis.dead-letters"]) == 2
    assert [event["event_type"] for event in at_work.world.events(ONE)][-2:] == [
        "generation-stopped",
        "session-abandoned",
    ] or at_work.saved(ONE).status == "ABANDONED"
    assert at_work.saved(ONE).command_no == 3
    assert str(TWO).encode() not in at_work.machine.sessions.data


async def test_a_session_that_cannot_be_read_from_the_table_stays_as_it_is(at_work: Bench):
    at_work.machine.sessions.data[str(ONE).encode()] = b"garbage"

    await at_work.send(command(ONE, 1, START), command(TWO, 1, START))
    await at_work.until_acked()

    assert at_work.machine.sessions.data[str(ONE).encode()] == b"garbage"
    assert at_work.world.events(ONE) == []
    assert at_work.saved(TWO).command_no == 1
    assert len(at_work.world.records["genesis.dead-letters"]) == 1


async def test_a_result_finds_the_session_of_the_batch_before(at_work: Bench):
    await at_work.send(command(ONE, 1, START))
    await at_work.until_acked()
    request = wire.load_request(at_work.world.records["genesis.generation.requests"][0].value or b"")

    await at_work.send(result(ONE, request.task_id, Stage.CONCEPT_SELECTION))
    await at_work.until_acked()

    assert at_work.world.events(ONE)[-1]["event_type"] == "input-requested"


async def test_a_new_generation_of_the_group_reads_the_table_again(at_work: Bench):
    await at_work.send(command(ONE, 1, START))
    await at_work.until_acked()
    key = str(ONE).encode()
    # As if another worker had gone on with the session meanwhile.
    at_work.machine.sessions.data[key] = elsewhere = _abandoned(at_work.machine.sessions.data[key])
    at_work.machine.consumer_generation_id += 1

    await at_work.send(command(ONE, 3, START))
    await at_work.until_acked()

    assert at_work.saved(ONE).command_no == 3
    assert wire.load_state(elsewhere).command_no == 2
    assert at_work.world.events(ONE)[-1]["payload"]["reason"] == "already_started"


def _abandoned(record: bytes) -> bytes:
    from genesis.session.rules import Rules
    from streams.advance import Held, advance

    done = advance(command(ONE, 2, m.AbandonGenesis()), Held(wire.load_state(record), record), Rules())
    assert done.after is not None
    return done.after.record


async def test_no_words_of_the_person_reach_the_log(at_work: Bench, caplog: pytest.LogCaptureFixture):
    secret = "the-person's-own-words"
    with caplog.at_level("INFO"):
        await at_work.send(
            command(ONE, 1, m.StartGenesis(idea=secret)), arrived(TWO, b'{"type":"%s"}' % secret.encode())
        )
        await at_work.until_acked()

    lines = [each.getMessage() for each in caplog.records if each.name == "streams.sessions"]
    assert len(lines) == 2
    assert "START_GENESIS granted" in lines[0]
    assert not [line for line in lines if secret in line]
