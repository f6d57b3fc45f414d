"""The largest session there may be, through a worker on a real broker: taken, saved, recovered, finished."""

import signal
from typing import Any

import pytest

from connectors.settings import Settings
from genesis import wire
from genesis.envelope import Envelope
from genesis.session import messages as m
from genesis.session.rules import STATE_CAP
from genesis.session.stages import Stage
from genesis.topics import SESSIONS_CHANGELOG
from streams.records import Arrived
from tests.at_all_caps import the_largest_session
from tests.spec import SESSION
from tests.streams.conftest import History, Pipe, Process
from tests.streams.test_machine_on_kafka import records_of
from tests.streams.wires import arrived

pytestmark = [pytest.mark.stack]


def message(envelope: Envelope) -> Arrived:
    """As Debezium brings it, or, without a number, as the generator does."""
    headers: tuple[tuple[str, bytes], ...] = ()
    if envelope.command_no is not None:
        headers = (
            ("command_id", str(envelope.message_id).encode()),
            ("command_no", str(envelope.command_no).encode()),
            ("command_type", envelope.message.type.encode()),
            ("created_at", envelope.at.isoformat().encode()),
        )
    return arrived(SESSION, wire.dump_envelope(envelope), headers)


async def test_a_session_at_all_caps_passes_through_the_worker(
    process: Any, pipe: Pipe, history: History, broker: Settings
):
    """All messages that make it as large as it may be; the worker's disk is lost; the session is ended."""
    story = the_largest_session()
    grown = len(story.history)
    assert story.last is not None
    assert len(story.last.record or b"") > 0.9 * STATE_CAP
    worker: Process = process("streams", "largest").start()
    await pipe.send(*map(message, story.envelopes))
    await history.until(lambda: len(history.of(SESSION)) >= grown)

    await worker.end(signal.SIGKILL)
    worker.lose_its_disk()
    worker.start()
    rest = len(story.envelopes)
    for stage in Stage:
        story.given(m.ProvideFeedback(stage=stage, stop=True))
    story.given(m.AbandonGenesis())
    await pipe.send(*map(message, story.envelopes[rest:]))
    await history.until(lambda: len(history.of(SESSION)) >= len(story.history))

    history.assert_whole([SESSION])
    assert [body["event_type"] for body in history.of(SESSION)] == [each.event.type for each in story.history]
    assert await worker.end(signal.SIGTERM) == 0
    records = [each.value for each in await records_of(broker, SESSIONS_CHANGELOG.name)]
    saved = wire.load_state(next(each for each in reversed(records) if str(SESSION).encode() in each))
    assert wire.state_hash(saved) == wire.state_hash(story.session)
