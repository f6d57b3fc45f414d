"""The log folded into the state of every session: what repeats, what is cut off, what is junk."""

from pathlib import Path

import pytest

from genesis import wire
from genesis.session import messages as m
from genesis.session.stages import Stage
from stack.replay import Replay, key_of
from tests.projections.log import Log, Tale


def told(name: str) -> Tale:
    tale = Tale(name=name)
    tale.confirmed_up_to(Stage.WORLDVIEW)
    return tale


def hashes(replay: Replay) -> dict[bytes, str]:
    return {key: wire.state_hash(state) for key, _, state in replay.states()}


@pytest.mark.parametrize("in_memory", [1, 1000])
def test_every_session_comes_out_as_the_kernel_left_it(tmp_path: Path, in_memory: int):
    """With room for one session in memory the others are read back at each of their events."""
    tales = [told(f"tale {number}") for number in range(3)]
    tales[2].given(m.AbandonGenesis())
    log = Log()
    for number in range(max(len(tale.history) for tale in tales)):
        for tale in tales:
            if number < len(tale.history):
                log.append(tale.history[number])
    with Replay(tmp_path, in_memory) as replay:
        for record in log.records:
            replay.feed(record)
        assert hashes(replay) == {key_of(tale.id): wire.state_hash(tale.session) for tale in tales}
        assert replay.seen == {"taken": len(log.records)}
    assert list(tmp_path.iterdir()) == []


def test_repeats_forks_and_junk_change_nothing(tmp_path: Path):
    tale = told("repeated")
    log = Log()
    log.extend(tale.history[:5])
    log.extend(tale.history[2:5])
    log.append(tale.history[0], value=b"junk")
    log.append(tale.history[0], key=b"another session")
    log.extend(tale.history[5:])
    with Replay(tmp_path) as replay:
        for record in log.records:
            replay.feed(record)
        assert hashes(replay) == {key_of(tale.id): wire.state_hash(tale.session)}
        assert replay.seen == {"taken": len(tale.history), "repeated": 3, "unreadable": 2}


def test_a_last_message_that_is_not_complete_is_left_out(tmp_path: Path):
    tale = Tale(name="cut off")
    tale.started().proposed(Stage.CONCEPT_SELECTION)
    before = tale.session
    tale.confirm(Stage.CONCEPT_SELECTION)
    assert tale.history[-1].of > 1
    log = Log()
    log.extend(tale.history[:-1])
    with Replay(tmp_path) as replay:
        for record in log.records:
            replay.feed(record)
        assert hashes(replay) == {key_of(tale.id): wire.state_hash(before)}


def test_a_history_with_a_hole_is_named_and_left_out(tmp_path: Path):
    whole, holed = told("whole"), told("holed")
    log = Log()
    log.extend(whole.history)
    log.extend(holed.history[:3] + holed.history[4:])
    with Replay(tmp_path) as replay:
        for record in log.records:
            replay.feed(record)
        assert set(hashes(replay)) == {key_of(whole.id)}
        assert "can't follow event 3" in replay.broken[key_of(holed.id)]


def test_a_newer_release_s_event_stops_it(tmp_path: Path):
    """States without that event would be older than what is saved, and would replace it."""
    tale = told("newer")
    log = Log()
    newer = wire.dump_event(tale.history[0]).replace(b'"event_version":', b'"event_version":9')
    log.append(tale.history[0], value=newer, key=b"another session")
    log.append(tale.history[0], value=newer)
    with Replay(tmp_path) as replay:
        replay.feed(log.records[0])
        with pytest.raises(wire.Newer):
            replay.feed(log.records[1])
