"""The instruments of a chaos run: the history on disk, the waits, the junk, the proxy."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from chaos import outages
from chaos.faults.all import FAULTS
from chaos.faults.poison import junk
from chaos.history import Answered, Entry, Fault, Framed, HistoryUnreadable, Invoked, Recorder, digest, read
from chaos.proxy import Proxy
from genesis import wire
from genesis.session import identity
from tests import examples
from tests.chaos.clean import played

SESSIONS = [examples.a_uuid("one"), examples.a_uuid("two")]


def test_a_history_on_disk_is_read_back_as_it_was(tmp_path: Path):
    entries = played(random.Random(1)).history
    with (tmp_path / "history.jsonl").open("w") as file:
        recorder = Recorder(file)
        for entry in entries:
            recorder.add(entry)
    assert read(tmp_path / "history.jsonl") == list(entries) == recorder.entries


def test_a_file_that_is_no_history_says_which_line(tmp_path: Path):
    (tmp_path / "history.jsonl").write_text('{"kind": "dream", "at": 1}\n')
    with pytest.raises(HistoryUnreadable, match="Line 1"):
        read(tmp_path / "history.jsonl")


def test_a_digest_looks_at_content_and_not_at_the_order_of_keys():
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def a_command(client: str, call: int, at: float, answered: float, seen: float, reader: str = "") -> list[Entry]:
    key = f"{client}/{call}"
    command = identity.command_id(examples.OWNER, key)
    place = {"session": SESSIONS[0], "connection": 1, "sequence": call, "event_type": "any", "digest": ""}
    return [
        Invoked(at=at, call=call, client=client, key=key, command_type="FINISH_GENESIS"),
        Answered(at=answered, call=call, outcome="ok", status=202, command=command, session=SESSIONS[0]),
        Framed(at=seen, reader=reader or client, cause=command, **place),
    ]


def test_a_wait_lasts_from_the_first_try_to_the_first_event_that_its_own_client_sees():
    lost_answer = Invoked(at=1.0, call=7, client="ann", key="ann/1", command_type="FINISH_GENESIS")
    history = [
        lost_answer,
        *a_command("ann", 1, at=4.0, answered=4.1, seen=4.5),
        *a_command("bob", 2, at=5.0, answered=5.1, seen=9.0, reader="ann"),
    ]
    assert [wait.seconds for wait in outages.waits(history)] == [3.5]


def test_a_wait_for_a_proposal_lasts_from_asked_to_made():
    def framed(at: float, event_type: str, session: UUID) -> Framed:
        place = {"session": session, "connection": 1, "sequence": 1, "cause": None, "digest": ""}
        return Framed(at=at, reader="ann", event_type=event_type, **place)

    one, two = SESSIONS
    history = [
        framed(1.0, "generation-requested", one),
        framed(2.0, "generation-requested", two),
        framed(2.5, "proposal-made", two),
        framed(6.0, "generation-failed", one),
        framed(7.0, "proposal-made", one),
    ]
    assert [wait.seconds for wait in outages.waits(history)] == [0.5, 5.0]


def test_a_fault_is_charged_with_the_longest_wait_that_it_touched():
    history: list[Entry] = [
        *a_command("ann", 1, at=1.0, answered=1.1, seen=1.2),
        Fault(at=10.0, fault="worker killed", phase="begin"),
        *a_command("ann", 2, at=9.5, answered=9.6, seen=14.0),
        Fault(at=12.0, fault="worker killed", phase="end"),
        *a_command("bob", 3, at=30.0, answered=30.1, seen=90.0),
        Fault(at=100.0, fault="api killed", phase="begin"),
    ]
    assert outages.by_fault(history) == {"worker killed": [4.5], "api killed": [0.0]}


def test_junk_is_never_a_message():
    """Else the poison would be a forged command, and the checker right to complain."""
    kinds = set()
    for seed in range(3000):
        value = junk(random.Random(seed), SESSIONS)
        with pytest.raises((wire.Unreadable, RecursionError)):
            wire.load_envelope(value)
        kinds.add(value)
    assert len(kinds) > 1000


def test_every_fault_is_of_a_known_kind():
    assert len(FAULTS) > 20
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.kind in ("kill", "freeze", "link", "loss", "poison", "whole")


@pytest.fixture
async def proxied() -> AsyncIterator[Proxy]:
    """A proxy before a server that sends back what it is sent."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        async with Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
            yield proxy
        server.close()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """What came; nothing where the link was broken, be it by an end or by a reset."""
    try:
        return await reader.read(100)
    except ConnectionError:
        return b""


async def said(proxy: Proxy, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(text)
        return await heard(reader)
    finally:
        writer.close()


async def test_a_proxy_carries_both_ways(proxied: Proxy):
    assert await said(proxied, json.dumps({"a": 1}).encode()) == b'{"a": 1}'


async def test_a_cut_link_breaks_what_is_open_and_refuses_what_comes(proxied: Proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied.port)
    writer.write(b"before")
    assert await reader.read(100) == b"before"
    cut = asyncio.create_task(proxied.cut(0.3))
    assert await heard(reader) == b""
    assert await said(proxied, b"during") == b""
    await cut
    assert await said(proxied, b"after") == b"after"
    writer.close()


async def test_a_link_that_is_held_up_delivers_late_and_whole(proxied: Proxy):
    held = asyncio.create_task(proxied.hold(0.3))
    await asyncio.sleep(0)
    answer = asyncio.create_task(said(proxied, b"patience"))
    done, _ = await asyncio.wait({held, answer}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {held}
    assert await answer == b"patience"
