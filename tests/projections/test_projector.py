"""The read models told as stories: what is in the log is in the tables, once, whatever happens in between."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from genesis import wire
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.evolve import fold
from genesis.session.stages import Stage
from projections.domain_events import queries as history
from projections.handles import queries as handles
from projections.novels import queries as novels
from projections.projector import Cache, Overtaken, Projector
from projections.runner import open_connection
from projections.session_view import queries as sessions
from projections.tasks import queries as tasks
from tests import examples
from tests.conftest import Database
from tests.projections.log import Desk, Log, Tale, hash_of

pytestmark = pytest.mark.postgres

CONCEPT = Stage.CONCEPT_SELECTION


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    desk = await Desk.at(database, Log())
    yield desk
    await desk.close()


def whole(name: str = "whole") -> Tale:
    tale = Tale(name=name)
    tale.confirmed_up_to(Stage.PLOT_OUTLINE)
    tale.given(m.FinishGenesis(title="The Book of Tides"))
    return tale


async def state_of(desk: Desk, tale: Tale) -> Any:
    found = await sessions.state(desk.connection, tale.id, tale.owner)
    assert found is not None
    return found[0]


# -- what the tables hold


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_a_whole_session_stands_as_the_kernel_left_it(desk: Desk, size: int):
    tale = whole()
    desk.log.extend(tale.history)
    await desk.project(size)
    state, facts = await sessions.state(desk.connection, tale.id, tale.owner) or (None, None)
    assert state == fold(tale.history)
    assert facts is not None
    assert (facts.title, facts.idea, facts.inconsistent) == ("The Book of Tides", "a clerk who sells the sea", False)
    assert [event.sequence for event in await history.after(desk.connection, tale.id, 0, 1000)] == list(
        range(1, len(tale.history) + 1)
    )
    assert await desk.value("SELECT count(*) FROM quarantine") == 0


async def test_after_every_event_the_stored_state_has_the_hash_of_the_kernels(desk: Desk):
    tale = whole()
    for place, recorded in enumerate(tale.history, start=1):
        desk.log.append(recorded)
        await desk.project()
        assert hash_of(await state_of(desk, tale)) == hash_of(fold(tale.history[:place]))


async def test_the_history_gives_back_the_bodies_that_the_log_holds(desk: Desk):
    tale = whole()
    desk.log.extend(tale.history)
    await desk.project()
    stored = await history.after(desk.connection, tale.id, 0, 1000)
    assert [orjson.loads(event.body) for event in stored] == [
        orjson.loads(wire.dump_event(recorded)) for recorded in tale.history
    ]
    assert hash_of(fold(wire.load_event(event.body) for event in stored)) == hash_of(tale.state)


async def test_a_session_in_the_middle_can_be_rebuilt_from_its_history(desk: Desk):
    tale = Tale()
    tale.confirmed_up_to(Stage.CHARACTERS)
    desk.log.extend(tale.history)
    await desk.project()
    stored = await history.after(desk.connection, tale.id, 0, 1000)
    assert hash_of(fold(wire.load_event(event.body) for event in stored)) == hash_of(tale.state)


async def test_the_finished_novel_can_be_read_whole_by_its_owner_alone(desk: Desk):
    tale = whole()
    desk.log.extend(tale.history)
    await desk.project()
    [summary] = await novels.novels(desk.connection, tale.owner, 10)
    novel = await novels.novel(desk.connection, summary.id, tale.owner)
    assert novel == tale.event(e.NovelCreated).novel
    assert await novels.novel(desk.connection, summary.id, "somebody else") is None
    assert await sessions.state(desk.connection, tale.id, "somebody else") is None


async def test_a_handle_waits_is_answered_and_is_kept_as_history(desk: Desk):
    tale = Tale()
    tale.started()
    desk.log.extend(tale.history)
    await desk.project()
    [handle] = await handles.of_session(desk.connection, tale.id, 10)
    assert (handle.status, handle.expires_at, handle.proposal_id) == ("PENDING_PAUSE", None, handle.task_id)

    tale.proposed(CONCEPT)
    desk.log.extend(tale.history[-2:])
    await desk.project()
    [handle] = await handles.of_session(desk.connection, tale.id, 10)
    assert (handle.status, handle.expires_at) == ("WAITING", examples.NOON + examples.minutes(30))

    tale.after(examples.minutes(10)).given(
        m.SelectConcept(stage=CONCEPT, proposal_id=tale.draft(CONCEPT).proposal_id, base="k2")
    )
    desk.log.extend(tale.last.events)
    await desk.project()
    [handle] = await handles.of_session(desk.connection, tale.id, 10)
    assert (handle.status, handle.expires_at) == ("WAITING", examples.NOON + examples.minutes(40))

    tale.confirm(CONCEPT)
    desk.log.extend(tale.last.events)
    await desk.project()
    opened, answered = await handles.of_session(desk.connection, tale.id, 10)
    assert (answered.status, answered.answer_command_id) == ("RESUMED", tale.last_envelope.message_id)
    assert (opened.status, opened.stage) == ("PENDING_PAUSE", Stage.STORY_CONCEPTION)


async def test_an_early_answer_is_kept_in_its_handle_and_then_applied(desk: Desk):
    tale = Tale()
    tale.started()
    task = tale.generating(CONCEPT).task
    tale.given(m.ConfirmStage(stage=CONCEPT, proposal_id=task.task_id, candidate="k1"))
    answer = tale.last_envelope.message_id
    desk.log.extend(tale.history)
    await desk.project()
    [handle] = await handles.of_session(desk.connection, tale.id, 10)
    assert (handle.status, handle.answer_command_id) == ("PENDING_PAUSE", answer)

    tale.proposed(CONCEPT)
    desk.log.extend(tale.last.events)
    await desk.project()
    _, handle = await handles.of_session(desk.connection, tale.id, 10)
    assert (handle.status, handle.answer_command_id) == ("RESUMED", answer)
    told = await history.of_command(desk.connection, tale.id, answer)
    assert told[0].event_type == "input-received"
    assert {"stage-confirmed", "stage-entered"} <= {event.event_type for event in told}
    assert {orjson.loads(event.body)["causation_id"] for event in told} == {str(answer)}


@pytest.mark.parametrize("one_batch", [True, False])
async def test_handles_and_generations_of_an_abandoned_session_are_over(desk: Desk, one_batch: bool):
    tale = Tale()
    tale.confirmed_up_to(CONCEPT).given(m.AbandonGenesis(reason="enough"))
    desk.log.extend(tale.history)
    await desk.project(None if one_batch else 1)
    assert {each.status for each in await handles.of_session(desk.connection, tale.id, 10)} == {
        "RESUMED",
        "CANCELLED",
    }
    stopped, made = await tasks.of_session(desk.connection, tale.id, 10)
    assert (stopped.status, stopped.error, made.status) == ("STOPPED", {"code": "abandoned"}, "SUCCEEDED")
    assert (made.cost, made.currency, made.attempt) == (0, "USD", 1)

    tale.given(examples.success(stopped.id, Stage.STORY_CONCEPTION))
    desk.log.extend(tale.last.events)
    await desk.project()
    late = (await tasks.of_session(desk.connection, tale.id, 10))[0]
    assert (late.status, late.discarded, late.cost) == ("STOPPED", True, 0)


async def test_a_failed_generation_says_why(desk: Desk):
    tale = Tale()
    tale.started()
    task = tale.generating(CONCEPT).task
    tale.given(
        m.GenerationFailed(task_id=task.task_id, attempt=2, stage=CONCEPT, code="no_answer", message="Nothing came."),
        numbered=False,
    )
    desk.log.extend(tale.history)
    await desk.project()
    [failed] = await tasks.of_session(desk.connection, tale.id, 10)
    assert (failed.status, failed.attempt, failed.error) == (
        "FAILED",
        2,
        {"code": "no_answer", "message": "Nothing came.", "timed_out": False},
    )
    assert [each.status for each in await handles.of_session(desk.connection, tale.id, 10)] == ["CANCELLED"]


async def test_sessions_are_listed_newest_first_page_by_page(desk: Desk):
    for number in range(5):
        tale = Tale(name=f"listed {number}", at=examples.NOON + examples.minutes(number))
        tale.started()
        desk.log.extend(tale.history)
    await desk.project()
    first = await sessions.sessions(desk.connection, examples.OWNER, 3)
    rest = await sessions.sessions(desk.connection, examples.OWNER, 3, (first[-1].created_at, first[-1].session_id))
    assert [each.session_id for each in (*first, *rest)] == [
        examples.a_uuid(f"listed {number}") for number in (4, 3, 2, 1, 0)
    ]
    assert await sessions.sessions(desk.connection, "somebody else", 3) == []


async def test_a_refused_start_is_a_session_with_one_version(desk: Desk):
    tale = Tale()
    tale.given(m.FinishGenesis())
    desk.log.extend(tale.history)
    await desk.project()
    assert await sessions.version(desk.connection, tale.id, tale.owner) == 1
    assert (await state_of(desk, tale)).status == "refused"


# -- twice is once


async def test_the_same_events_again_change_nothing(desk: Desk):
    tale = whole()
    desk.log.extend(tale.history)
    await desk.project()
    before = await desk.everything()
    desk.log.extend(tale.history)
    await desk.project(7)
    assert await desk.everything() == before
    assert desk.projector.quarantined == 0
    assert await history.positions(desk.connection) == {0: len(desk.log.records), 1: 0}


async def test_a_repeat_within_its_own_batch_changes_nothing(desk: Desk):
    tale = whole()
    for recorded in tale.history:
        desk.log.append(recorded)
        desk.log.append(recorded)
    await desk.project()
    assert (await state_of(desk, tale)) == fold(tale.history)
    assert len(await history.after(desk.connection, tale.id, 0, 1000)) == len(tale.history)
    assert desk.projector.quarantined == 0


async def test_a_projector_that_begins_anew_goes_on_where_the_tables_stand(desk: Desk, database: Database):
    tale = whole()
    desk.log.extend(tale.history)
    for batch in range(0, len(tale.history), 4):
        fresh = await Desk.at(database, desk.log)
        await fresh.projector.project(desk.log.after(fresh.projector.positions)[:4])
        await fresh.close()
        assert await desk.value("SELECT max(sequence) FROM domain_events") == min(batch + 4, len(tale.history))
    assert (await state_of(desk, tale)) == fold(tale.history)


async def test_of_two_projectors_on_a_partition_one_wins_and_the_other_reads_anew(desk: Desk, database: Database):
    tale = whole()
    desk.log.extend(tale.history)
    other = await Desk.at(database, desk.log)
    await desk.project(5)
    with pytest.raises(Overtaken):
        await other.project(3)
    await other.projector.open(2)
    assert other.projector.positions == desk.projector.positions
    desk.log.extend(whole("another").history, partition=1)
    await other.project()
    with pytest.raises(Overtaken):
        await desk.project()
    await desk.projector.open(2)
    assert desk.log.after(desk.projector.positions) == []
    assert await desk.value("SELECT count(*) FROM domain_events") == len(desk.log.records)
    await other.close()


async def test_a_session_that_is_no_longer_in_memory_is_read_from_the_tables(database: Database):
    tales = [Tale(name=f"beside {number}") for number in range(3)]
    for tale in tales:
        tale.confirmed_up_to(Stage.WORLDVIEW)
    log = Log()
    for turn in zip(*(tale.history for tale in tales), strict=True):
        log.extend(turn)
    connection = await open_connection(database.role("genesis_projector"))
    projector = Projector(connection, cache=Cache(limit=1))
    await projector.open(1)
    for record in log.records:
        await projector.project([record])
    for tale in tales:
        found = await sessions.state(connection, tale.id, tale.owner)
        assert found is not None
        assert hash_of(found[0]) == hash_of(tale.state)
    await connection.close()


# -- poison


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("no JSON", {"value": b"\xff\xfe not JSON"}),
        ("no value", {"value": None}),
        ("another shape", {"value": b'{"event_type":"stage-entered","payload":3}'}),
        ("no body of ours", {"value": b"[]"}),
    ],
)
async def test_poison_is_put_aside_and_streamed_as_unreadable(desk: Desk, how: str, change: dict[str, Any]):
    ill, healthy = whole("ill"), whole("healthy")
    for number, (poison, fine) in enumerate(zip(ill.history, healthy.history, strict=True)):
        desk.log.append(poison, **(change if number == 5 else {}))
        desk.log.append(fine)
    await desk.project()
    assert (await state_of(desk, healthy)) == fold(healthy.history)
    told = await history.after(desk.connection, ill.id, 0, 1000)
    assert [event.sequence for event in told] == list(range(1, len(ill.history) + 1))
    assert [event.sequence for event in told if event.event_type == "unreadable"] == [6]
    state, facts = await sessions.state(desk.connection, ill.id, ill.owner) or (None, None)
    assert state == fold(ill.history[:5])
    assert facts is not None
    assert facts.inconsistent
    [(kind, value, session_id)] = await desk.rows("SELECT kind, value, session_id FROM quarantine")
    assert (kind, value, session_id) == ("unreadable", change["value"], ill.id)
    assert desk.projector.quarantined == 1


async def test_poison_without_a_place_is_put_aside_alone(desk: Desk):
    tale = whole()
    desk.log.append(tale.history[0], key=b"nobody", value=b"{}", headers=())
    desk.log.extend(tale.history)
    await desk.project()
    assert (await state_of(desk, tale)) == fold(tale.history)
    assert await desk.value("SELECT count(*) FROM quarantine") == 1


@pytest.mark.parametrize("sequence", [2, 9])
async def test_junk_takes_no_place_but_the_next(desk: Desk, sequence: int):
    """Neither one that is taken nor one that an event is yet going to come to."""
    tale = whole()
    desk.log.extend(tale.history[:5])
    junk = dict(wire.event_headers(tale.history[0])) | {"sequence": str(sequence).encode()}
    desk.log.append(tale.history[0], value=b"junk", headers=tuple(junk.items()))
    desk.log.extend(tale.history[5:])
    await desk.project(3)
    state, facts = await sessions.state(desk.connection, tale.id, tale.owner) or (None, None)
    assert state == fold(tale.history)
    assert facts is not None
    assert facts.inconsistent == (sequence > 5)
    told = await history.after(desk.connection, tale.id, 0, 1000)
    assert [event.sequence for event in told] == list(range(1, len(tale.history) + 1))
    assert "unreadable" not in {event.event_type for event in told}
    assert await desk.value("SELECT count(*) FROM quarantine") == 1


async def test_two_poisoned_events_leave_no_hole_either(desk: Desk, database: Database):
    tale = whole()
    for number, recorded in enumerate(tale.history):
        desk.log.append(recorded, **({"value": b"poison"} if number in (3, 4, 9) else {}))
    for _ in desk.log.records:
        fresh = await Desk.at(database, desk.log)
        await fresh.projector.project(desk.log.after(fresh.projector.positions)[:1])
        await fresh.close()
    told = await history.after(desk.connection, tale.id, 0, 1000)
    assert [event.sequence for event in told] == list(range(1, len(tale.history) + 1))
    assert [event.sequence for event in told if event.event_type == "unreadable"] == [4, 5, 10]
    assert (await state_of(desk, tale)) == fold(tale.history[:3])


async def test_a_session_whose_first_event_is_poison_is_there_and_says_so(desk: Desk):
    tale = Tale()
    tale.started()
    desk.log.append(tale.history[0], value=b"poison")
    desk.log.extend(tale.history[1:])
    await desk.project()
    assert await sessions.state(desk.connection, tale.id, tale.owner) is None
    assert await desk.rows("SELECT status, inconsistent FROM session_view") == [("unreadable", True)]
    assert [event.sequence for event in await history.after(desk.connection, tale.id, 0, 10)] == [1, 2, 3]


async def test_an_event_that_the_fold_refuses_is_put_aside(desk: Desk):
    """A message that never was sent: a confirmation of what is not in review."""
    ill, healthy = whole("ill"), whole("healthy")
    forged = replace(ill.history[3], event=e.InputExpired(stage=Stage.WORLDVIEW, handle_id=examples.a_uuid("handle")))
    desk.log.extend([*ill.history[:3], forged])
    desk.log.extend(healthy.history)
    await desk.project()
    assert (await state_of(desk, healthy)) == fold(healthy.history)
    assert [each.event_type for each in await history.after(desk.connection, ill.id, 3, 10)] == ["unreadable"]
    assert await desk.rows("SELECT kind, sequence FROM quarantine") == [("refused", 4)]


async def test_an_event_that_the_database_refuses_is_put_aside_and_the_rest_of_its_batch_goes_on(desk: Desk):
    """NaN is a number to the reader of the body, and none to jsonb."""
    ill, healthy = whole("ill"), whole("healthy")
    poison = desk.log.append(ill.history[0])
    desk.log.records[-1] = replace(
        poison, value=(poison.value or b"").replace(b'"metadata":{', b'"metadata":{"weight":NaN,')
    )
    desk.log.extend(healthy.history)
    desk.log.extend(ill.history[1:3])
    await desk.project()
    assert (await state_of(desk, healthy)) == fold(healthy.history)
    assert [each.event_type for each in await history.after(desk.connection, ill.id, 0, 10)] == [
        "unreadable",
        "stage-entered",
        "generation-requested",
    ]
    assert await desk.rows("SELECT kind, value FROM quarantine") == [("refused", desk.log.records[0].value)]


class OlderRelease:
    """As if proposals were news: their event is not known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(wire, "_EVENTS", {k: v for k, v in wire._EVENTS.items() if k != "proposal-made"})
        monkeypatch.setattr(wire, "_BODIES", {k: v for k, v in wire._BODIES.items() if k[0] != b"proposal-made"})

    def upgraded(self) -> None:
        self._monkeypatch.undo()


async def test_a_newer_release_s_event_stops_its_partition_and_nothing_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    older = OlderRelease(monkeypatch)
    newer, beside = whole("newer"), Tale(name="beside")
    beside.started()
    desk.log.extend(newer.history, partition=0)
    desk.log.extend(beside.history, partition=1)
    first = next(n for n, each in enumerate(newer.history) if each.event.type == "proposal-made")
    for _ in range(2):  # however often it is started again
        with pytest.raises(wire.Newer, match=rf"0/{first} what this release does not know \(proposal-made\)"):
            await desk.project()
        assert desk.projector.positions == {0: first, 1: len(beside.history)}
        await desk.projector.open(2)
    assert await desk.rows("SELECT kind FROM quarantine") == []
    assert hash_of(await state_of(desk, newer)) == hash_of(fold(newer.history[:first]))
    assert hash_of(await state_of(desk, beside)) == hash_of(beside.state)

    older.upgraded()
    await desk.project()
    assert hash_of(await state_of(desk, newer)) == hash_of(newer.state)
    assert await desk.rows("SELECT kind FROM quarantine") == []


async def test_what_only_looks_newer_is_put_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Under another key it is nobody's event, and must stop nobody."""
    older = OlderRelease(monkeypatch)
    tale = whole("forged")
    forged = next(each for each in tale.history if each.event.type == "proposal-made")
    desk.log.append(forged, key=str(examples.a_uuid("somebody else")).encode())
    await desk.project()
    older.upgraded()
    assert await desk.rows("SELECT kind, reason FROM quarantine") == [
        ("unreadable", "its key is not the id of its session")
    ]


async def test_another_event_at_a_place_that_is_taken_is_a_fork(desk: Desk):
    tale = Tale()
    tale.started()
    desk.log.extend(tale.history)
    await desk.project()
    before = await desk.everything()
    forked = replace(tale.history[1], event_id=examples.a_uuid("fork"), event=e.StageEntered(stage=Stage.CHARACTERS))
    desk.log.append(forked)
    tale.proposed(CONCEPT)
    desk.log.extend(tale.last.events)
    await desk.project()
    assert desk.projector.quarantined == 1
    [(kind, sequence, value)] = await desk.rows("SELECT kind, sequence, value FROM quarantine")
    assert (kind, sequence, orjson.loads(value)["event_id"]) == ("fork", 2, str(forked.event_id))
    state, facts = await sessions.state(desk.connection, tale.id, tale.owner) or (None, None)
    assert facts is not None
    assert facts.inconsistent
    assert hash_of(state) == hash_of(tale.state)
    after = await desk.everything()
    assert [row for row in before["domain_events"] if row not in after["domain_events"]] == []


async def test_an_id_that_comes_again_at_a_later_place_is_no_event(desk: Desk):
    tale = Tale()
    tale.started()
    again = replace(tale.history[2], event_id=tale.history[0].event_id)
    desk.log.extend([*tale.history[:2], again])
    await desk.project()
    assert [(each.sequence, each.event_type) for each in await history.after(desk.connection, tale.id, 1, 10)] == [
        (2, "stage-entered"),
        (3, "unreadable"),
    ]
    assert await desk.rows("SELECT kind FROM quarantine") == [("refused",)]


# -- the hub's question, and the door's


async def test_the_hub_reads_on_partition_by_partition(desk: Desk):
    left, right = whole("left"), whole("right")
    desk.log.extend(left.history, partition=0)
    desk.log.extend(right.history, partition=1)
    await desk.project()
    news = await history.since(desk.connection, {0: 3, 1: -1}, 5)
    assert [(event.partition, event.offset) for event in news] == [
        *((0, offset) for offset in range(4, 9)),
        *((1, offset) for offset in range(5)),
    ]


async def test_each_batch_tells_the_hub_how_far_it_came(desk: Desk, database: Database):
    heard: list[Any] = []
    listener = await open_connection(database.role("genesis_door"))
    await listener.add_listener("genesis_events", lambda *said: heard.append(orjson.loads(said[-1])))
    tale = Tale()
    tale.started()
    desk.log.extend(tale.history, partition=1)
    await desk.project()
    await listener.fetchval("SELECT 1")
    assert heard == [[{"partition": 1, "offset": 2}]]
    await listener.close()
