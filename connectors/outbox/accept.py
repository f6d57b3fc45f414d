"""Accepting a command: one call of one SQL function puts it into inbox and outbox, or says why not."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from connectors.postgres import Connection, Pool
from genesis.errors import GenesisError
from genesis.session import identity

MAX_KEY = 200
"""Characters an Idempotency-Key may have."""

MAX_PAYLOAD = 800_000
"""Bytes of a command's payload; with its envelope it stays below the outbox's and Kafka's limits."""

START = "START_GENESIS"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_ACCEPT = "SELECT * FROM door.accept_command($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
_ACCEPT_INTERNAL = "SELECT * FROM door.accept_internal($1, $2, $3, $4, $5, $6, $7)"


class SessionNotFound(GenesisError):
    """There is no such session of yours. Check its id, or begin one with START_GENESIS."""


class KeyReused(GenesisError):
    """This Idempotency-Key belongs to another command of yours. Send this one with a key of its own."""


class CommandAlreadyActive(GenesisError):
    """A command like this one is still being carried out. Wait for its outcome, then send this one again."""

    def __init__(self, active: UUID, command_no: int) -> None:
        super().__init__()
        self.active = active
        """Id of the command that is being carried out."""
        self.command_no = command_no
        """Its number in the session."""


class VersionMismatch(GenesisError):
    """The session has moved on since you last saw it. Read its state again and decide anew."""


class InvalidKey(GenesisError):
    """An Idempotency-Key has 1 to 200 characters, none of them U+0000. Send another one."""


class CommandTooLarge(GenesisError):
    """A command's payload may have 800,000 bytes. Send less text at once."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that is in the inbox, now or from before; it survives whatever happens from here on."""

    command_id: UUID
    session_id: UUID
    command_no: int
    """Number in the session, contiguous from 1 in the order of acceptance."""
    status: str
    """RECEIVED, or how far a repeated command has come meanwhile."""
    at: datetime
    """When it was accepted, UTC."""
    repeated: bool
    """True: it was accepted by an earlier call with the same key, or, if internal, with the same id."""


def active_key(stage: str | None, proposal: UUID | None, stop: bool = False) -> str:
    """What a command is about: two of one type exclude each other only where this is equal (design §4).

    So free-form generations of five stages do not collide, and a kept answer blocks neither a stop nor
    an edit.
    """
    return f"{stage or ''}/{proposal or ''}/{'stop' if stop else ''}"


async def accept_command(
    connection: Connection | Pool,
    *,
    owner: str,
    key: str | None,
    command_type: str,
    session_id: UUID | None,
    payload: Mapping[str, Any],
    active_key: str,
    correlation_id: UUID | None = None,
    expected_version: int | None = None,
    known_version: int | None = None,
    traceparent: str | None = None,
) -> Accepted:
    """Accept a client's command in one transaction and one round trip; afterwards it can't be lost.

    `owner` is the authenticated user, `key` the client's Idempotency-Key (None: the command can't be
    repeated). `session_id` is None exactly for START_GENESIS, whose session's id follows from the command's.
    `payload` was judged by the caller. `known_version` is the version the read side knows (None: no courtesy
    check). A `traceparent` that is none is dropped, as W3C Trace Context asks.

    Raises SessionNotFound, KeyReused, CommandAlreadyActive, VersionMismatch, InvalidKey, CommandTooLarge.
    None of them changes a row or uses a number.
    """
    if (session_id is None) != (command_type == START):
        raise ValueError("START_GENESIS takes no session id, every other command needs one")
    if key is None:
        key = str(uuid4())
    elif not 1 <= len(key) <= MAX_KEY or "\x00" in key:
        raise InvalidKey
    body = _json(payload)
    command_id = identity.command_id(owner, key)
    row = await connection.fetchrow(
        _ACCEPT,
        owner,
        key,
        command_id,
        _fingerprint(session_id, command_type, payload),
        session_id or identity.session_id(command_id),
        command_type,
        body,
        active_key,
        correlation_id,
        expected_version,
        known_version,
        traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
    )
    assert row is not None  # the function has OUT parameters: always one row
    match row["outcome"]:
        case "accepted" | "repeated":
            return _accepted(row)
        case "fingerprint_conflict":
            raise KeyReused
        case "not_found":
            raise SessionNotFound
        case "version_conflict":
            raise VersionMismatch
        case "active_conflict":
            raise CommandAlreadyActive(_plain(row["command_id"]), row["command_no"])
        case outcome:
            raise AssertionError(f"door.accept_command answered {outcome!r}, which nobody expects")


async def accept_internal(
    connection: Connection | Pool,
    *,
    command_id: UUID,
    session_id: UUID,
    command_type: str,
    payload: Mapping[str, Any],
    correlation_id: UUID | None = None,
    traceparent: str | None = None,
) -> Accepted:
    """Accept a numbered command of the machinery (HANDLE_EXPIRED, SESSION_EXPIRED, GENERATION_FAILED).

    `command_id` says what the command is about (`genesis.session.identity`), so that sending it again does
    nothing.
    Raises SessionNotFound, CommandTooLarge.
    """
    row = await connection.fetchrow(
        _ACCEPT_INTERNAL,
        command_id,
        _fingerprint(session_id, command_type, payload),
        session_id,
        command_type,
        _json(payload),
        correlation_id,
        traceparent,
    )
    assert row is not None  # the function has OUT parameters: always one row
    if row["outcome"] == "not_found":
        raise SessionNotFound
    return _accepted(row)


def _accepted(row: asyncpg.Record) -> Accepted:
    return Accepted(
        command_id=_plain(row["command_id"]),
        session_id=_plain(row["session_id"]),
        command_no=row["command_no"],
        status=row["status"],
        at=row["accepted_at"],
        repeated=row["outcome"] == "repeated",
    )


def _plain(id: UUID) -> UUID:
    # asyncpg's own subclass of UUID is unknown to orjson.
    return UUID(int=id.int)


def _json(payload: Mapping[str, Any]) -> str:
    body = orjson.dumps(payload)
    if len(body) > MAX_PAYLOAD:
        raise CommandTooLarge
    return body.decode()


def _fingerprint(session_id: UUID | None, command_type: str, payload: Mapping[str, Any]) -> bytes:
    told = {"session_id": str(session_id or ""), "type": command_type, "payload": payload}
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()
