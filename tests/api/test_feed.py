"""Streams: each event once and in order, over cuts, gaps, slow clients and a hub that loses its connection."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from pydantic_core import from_json

from api import feed as feed_module
from api import hub as hub_module
from tests.api.door import DEADLINE, Door, until

pytestmark = pytest.mark.postgres


class Listener:
    """A client that reads frames one after the other."""

    def __init__(self, frames: AsyncIterator[ServerSentEvent]) -> None:
        self.frames = frames
        self.seen: list[int] = []

    async def next(self) -> ServerSentEvent:
        async with asyncio.timeout(DEADLINE):
            while True:
                frame = await anext(self.frames)
                if frame.event != "message":
                    return frame

    async def read(self, count: int) -> list[int]:
        """The sequences of the next so many events."""
        new = []
        for _ in range(count):
            frame = await self.next()
            body = from_json(frame.data)
            assert (frame.id, frame.event) == (str(body["sequence"]), body["event_type"])
            new.append(int(frame.id))
        self.seen += new
        return new

    async def ends(self) -> None:
        """The stream ends cleanly, and nothing more comes."""
        async with asyncio.timeout(DEADLINE):
            assert [frame async for frame in self.frames if frame.event != "message"] == []


@asynccontextmanager
async def listening(door: Door, session: UUID, after: int | None = None, query: str = "") -> AsyncIterator[Listener]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    async with door.client.stream("GET", f"/genesis/{session}/events/stream{query}", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Listener(EventSource(response).aiter_sse())


async def test_history_first_and_then_what_happens(door: Door):
    session = await door.session()
    await door.write(session, range(1, 4))
    async with listening(door, session) as client:
        assert await client.read(3) == [1, 2, 3]
        await door.write(session, [4])
        await door.write(session, [5, 6])
        assert await client.read(3) == [4, 5, 6]


async def test_a_stream_can_be_opened_before_the_first_event(door: Door):
    session = await door.session()
    async with listening(door, session) as client:
        await door.work()
        assert await client.read(3) == [1, 2, 3]


async def test_the_body_is_the_event_as_it_stands_in_the_log(door: Door):
    session = await door.session()
    await door.work()
    async with listening(door, session) as client:
        body = from_json((await client.next()).data)
    assert body["aggregate_id"] == str(session)
    assert set(body) == {
        "event_id",
        "event_type",
        "event_version",
        "aggregate_type",
        "aggregate_id",
        "sequence",
        "correlation_id",
        "causation_id",
        "created_at",
        "payload",
        "metadata",
    }
    assert (body["event_type"], body["metadata"]["user_id"], body["metadata"]["command_no"]) == (
        "session-started",
        "local",
        1,
    )


@pytest.mark.parametrize(("after", "query"), [(4, ""), (None, "?after=4"), (4, "?after=1")])
async def test_a_stream_is_taken_up_where_it_was_cut(door: Door, after: int | None, query: str):
    session = await door.session()
    await door.write(session, range(1, 7))
    async with listening(door, session, after, query) as client:
        assert await client.read(2) == [5, 6]
        await door.write(session, [7])
        assert await client.read(1) == [7]


async def test_nobody_gets_another_sessions_events(door: Door):
    mine, other = await door.session(), await door.session()
    async with listening(door, mine) as client:
        await door.write(other, [1, 2])
        await door.write(mine, [1])
        assert await client.read(1) == [1]


async def test_partitions_do_not_disturb_each_other(door: Door):
    sessions = [await door.session() for _ in range(4)]
    async with (
        listening(door, sessions[0]) as a,
        listening(door, sessions[1]) as b,
        listening(door, sessions[2]) as c,
        listening(door, sessions[3]) as d,
    ):
        for sequence in range(1, 6):
            for partition, session in enumerate(sessions):
                await door.write(session, [sequence], partition)
        for client in (a, b, c, d):
            assert await client.read(5) == [1, 2, 3, 4, 5]


async def test_everybody_who_follows_a_session_gets_everything(door: Door):
    session = await door.session()
    async with listening(door, session) as one, listening(door, session) as two, listening(door, session) as three:
        await door.write(session, range(1, 11))
        for client in (one, two, three):
            assert await client.read(10) == list(range(1, 11))


async def test_many_clients_join_while_events_come(door: Door):
    """Joining falls at every possible moment between a commit and its notification."""
    session = await door.session()
    written = 120

    async def one(start: int) -> list[int]:
        await until(lambda: door.hub.handed_out[0] >= start, "its turn")
        async with listening(door, session) as client:
            return await client.read(written)

    clients = [asyncio.create_task(one(place * 6 - 1)) for place in range(18)]
    for sequence in range(1, written + 1):
        await door.write(session, [sequence])
    for client in clients:
        assert await client == list(range(1, written + 1))


async def test_a_client_that_joins_while_the_hub_looks_misses_nothing(door: Door, monkeypatch: pytest.MonkeyPatch):
    """Nobody was there when the hub began to look; somebody is there, with an older past, when it has looked."""
    session = await door.session()
    looking, look = asyncio.Event(), asyncio.Event()
    positions = hub_module.domain_events.positions

    async def slow(connection: Any) -> dict[int, int]:
        looking.set()
        await look.wait()
        return await positions(connection)

    monkeypatch.setattr(hub_module.domain_events, "positions", slow)
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 10 * DEADLINE)
    await door.write(session, [1])
    async with asyncio.timeout(DEADLINE):
        await looking.wait()
    async with listening(door, session) as client:
        assert await client.read(1) == [1]
        await door.write(session, [2], notify=False)
        look.set()
        assert await client.read(1) == [2]


async def test_what_comes_while_the_past_is_read_is_not_forgotten(door: Door, monkeypatch: pytest.MonkeyPatch):
    """The last event of a session falls between the reading of its past and the first look at what is new."""
    session = await door.session()
    await door.write(session, [1])
    read, go_on = asyncio.Event(), asyncio.Event()
    after = feed_module.domain_events.after

    async def slow(*asked: Any) -> list[Any]:
        rows = await after(*asked)
        read.set()
        await go_on.wait()
        return rows

    monkeypatch.setattr(feed_module.domain_events, "after", slow)
    async with listening(door, session) as client:
        async with asyncio.timeout(DEADLINE):
            await read.wait()
        await door.write(session, [2])
        await until(lambda: door.hub.handed_out[0] == 1, "the hub to hand it out")
        go_on.set()
        assert await client.read(2) == [1, 2]


async def test_a_gap_is_filled_from_the_history(door: Door):
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1])
        assert await client.read(1) == [1]
        # Rows 2 and 3 lie where the hub has been already, as after positions that went back.
        await door.write(session, [2, 3], partition=9, notify=False)
        await door.write(session, [4])
        assert await client.read(3) == [2, 3, 4]


async def test_a_history_with_a_hole_ends_the_stream(door: Door, caplog: pytest.LogCaptureFixture):
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1])
        await door.write(session, [3])
        assert await client.read(1) == [1]
        await client.ends()
    assert "event 2 is missing" in caplog.text


async def test_a_lost_listen_connection_loses_nothing(door: Door):
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1])
        assert await client.read(1) == [1]
        for sequence in range(2, 8, 2):
            await door.kill_hub_connection()
            # One while nobody listens, and one after.
            await door.write(session, [sequence])
            await until(lambda: door.hub.settled, "a new connection")
            await door.write(session, [sequence + 1])
            assert await client.read(2) == [sequence, sequence + 1]
        # A killed one is noticed, too: reads come back by themselves.
        assert (await door.client.get("/genesis")).status_code == 200


async def test_a_swapped_schema_makes_the_hub_read_its_positions_anew(door: Door, monkeypatch: pytest.MonkeyPatch):
    # Nothing but the notification shall bring it to look.
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 10 * DEADLINE)
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1, 2])
        assert await client.read(2) == [1, 2]
        await door.put_position(0, 1)
        await door.notify("swapped")
        await until(lambda: not door.hub.settled, "the hub to see that it went back")
        await door.put_position(0, 2)
        await door.notify("swapped")
        await until(lambda: door.hub.settled, "the hub to see that it is back")
        await door.write(session, [3])
        assert await client.read(1) == [3]


async def test_a_slow_client_is_cut_off_and_resumes(door: Door, caplog: pytest.LogCaptureFixture):
    session = await door.session()
    count, size = 60, 200_000
    host, port = "127.0.0.1", door.settings.port
    reader, writer = await small_window(host, port)
    writer.write(f"GET /genesis/{session}/events/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    await until(lambda: door.hub.streams == 1, "the stream")
    with caplog.at_level(logging.INFO):
        for sequence in range(1, count + 1):
            await door.write(session, [sequence], size=size)
        await until(lambda: door.hub.streams == 0, "the slow client to be cut off")
    assert "too slow and was cut off" in caplog.text

    # What had been sent still arrives, whole frames among it; the last whole one is where the client goes on.
    async with asyncio.timeout(DEADLINE):
        got = await reader.read(-1)
    writer.close()
    whole = got[: got.rfind(b"\n\n") + 2]
    last = max((int(line[4:]) for line in whole.split(b"\n") if line.startswith(b"id: ")), default=0)
    if not whole.endswith(b"}\n\n"):
        last -= 1
    assert last < count
    async with listening(door, session, last) as client:
        assert await client.read(count - last) == list(range(last + 1, count + 1))


async def small_window(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that takes in next to nothing until it is read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, port))
    return await asyncio.open_connection(sock=sock, limit=4096)


async def test_a_subscription_is_bounded():
    subscription = hub_module.Subscription()
    for sequence in range(hub_module.MAX_FRAMES):
        subscription.push(hub_module.Frame(sequence, b"x"))
    assert not subscription.cut.is_set()
    subscription.push(hub_module.Frame(hub_module.MAX_FRAMES, b"x"))
    assert subscription.cut.is_set()
    assert subscription.take() == ([], [])

    large = hub_module.Subscription()
    half = b"x" * (hub_module.MAX_BYTES // 2 + 1)
    large.push(hub_module.Frame(1, half))
    large.push(hub_module.Frame(2, half))
    assert large.cut.is_set()


async def test_partial_text_waits_as_its_newest_only():
    subscription = hub_module.Subscription()
    for text in (b"The", b"The salt", b"The salt ledger"):
        subscription.push_progress("task", text)
    assert subscription.take() == ([], [b"The salt ledger"])
    for number in range(hub_module.MAX_PROGRESS * 2):
        subscription.push_progress(str(number), b"x")
    assert len(subscription.take()[1]) == hub_module.MAX_PROGRESS


async def test_partial_text_comes_without_an_id(door: Door):
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1])
        assert await client.read(1) == [1]
        door.studio.progress.hand_out(
            str(session).encode(), b'{"session_id":"s","task_id":"t","stage":"WORLDVIEW","attempt":1,"text":"A salt"}'
        )
        frame = await client.next()
        assert (frame.event, from_json(frame.data)["text"]) == ("progress", "A salt")
        await door.write(session, [2])
        assert await client.read(1) == [2]
        # The position of the client was not moved by it: id stays that of the last event.
        for unreadable in (b"", b"{", b"[]", b'{"task_id":1,\n"text":""}'):
            door.studio.progress.hand_out(str(session).encode(), unreadable)
        door.studio.progress.hand_out(b"no session", b"{}")
        await door.write(session, [3])
        assert await client.read(1) == [3]


async def test_a_silent_stream_carries_comments(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.feed.COMMENT_SECONDS", 0.05)
    session = await door.session()
    async with door.client.stream("GET", f"/genesis/{session}/events/stream") as response:
        lines = response.aiter_lines()
        async with asyncio.timeout(DEADLINE):
            assert await anext(lines) == "retry: 1000"
            assert [await anext(lines) for _ in range(3)] == ["", ":", ""]


async def test_streams_end_when_the_server_stops(door: Door):
    session = await door.session()
    async with listening(door, session) as client:
        await door.write(session, [1])
        assert await client.read(1) == [1]
        door.server.should_exit = True
        await client.ends()


async def test_a_client_that_leaves_is_forgotten(door: Door):
    session = await door.session()
    for sequence in range(1, 4):
        async with listening(door, session, sequence - 1) as client:
            await door.write(session, [sequence])
            assert await client.read(1) == [sequence]
    await until(lambda: door.hub.streams == 0, "the streams to be closed")
    assert not door.hub.has(session)


async def test_there_are_only_so_many_streams(door: Door):
    session = await door.session()
    async with httpx.AsyncClient(base_url=door.client.base_url, trust_env=False) as others:
        streams = [
            await others.send(others.build_request("GET", f"/genesis/{session}/events/stream"), stream=True)
            for _ in range(door.settings.stream_limit)
        ]
        refused = await door.client.get(f"/genesis/{session}/events/stream")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        for stream in streams:
            assert stream.status_code == 200
            await stream.aclose()


@pytest.mark.parametrize("position", ["-1", "x", "1.5", "9" * 30])
async def test_a_position_that_was_never_ours_is_malformed(door: Door, position: str):
    session = await door.session()
    answer = await door.client.get(f"/genesis/{session}/events/stream", headers={"Last-Event-ID": position})
    assert answer.status_code == 400
