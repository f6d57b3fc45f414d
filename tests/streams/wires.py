"""Messages of genesis.commands as the door's outbox and the generator bring them."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from genesis import wire
from genesis.envelope import Envelope
from genesis.session import identity
from genesis.session import messages as m
from genesis.topics import COMMANDS
from streams.records import Arrived
from tests import examples

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def command(
    session: UUID, number: int, message: m.Message, *, at: datetime = examples.NOON, owner: str = examples.OWNER
) -> Arrived:
    """A numbered command with the headers that Debezium puts on it."""
    command_id = examples.a_uuid(f"{session}/{number}")
    envelope = Envelope(command_id, session, owner, command_id, at, message, number)
    headers = (
        ("command_id", str(command_id).encode()),
        ("command_no", str(number).encode()),
        ("command_type", message.type.encode()),
        ("created_at", at.isoformat().encode()),
        ("traceparent", TRACE),
    )
    return arrived(session, wire.dump_envelope(envelope), headers)


def result(session: UUID, task: UUID, stage: Any, attempt: int = 1) -> Arrived:
    """A generator's result: no number, no headers."""
    success = examples.success(task, stage, attempt)
    envelope = Envelope(
        identity.result_id(task, attempt), session, examples.OWNER, examples.a_uuid("c"), examples.NOON, success
    )
    return arrived(session, wire.dump_envelope(envelope))


def arrived(session: UUID | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> Arrived:
    key = None if session is None else str(session).encode()
    return Arrived(COMMANDS.name, 0, 7, examples.NOON.timestamp(), key, value, headers)


def broken(message: Arrived, value: bytes = b"{not json") -> Arrived:
    """The same message with a body that can't be read."""
    return replace(message, value=value)


START = m.StartGenesis(idea="a salt ledger")
