"""What of a message of genesis.events becomes a row of the history, read or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

import orjson

from genesis.session.events import AGGREGATE_TYPE

UNREADABLE = "unreadable"
"""Event type under which a message is streamed that could not be projected as what it was."""

_UNREADABLE_IDS = UUID("f2a0b1f6-30d8-5f5e-8a39-5b2f7f0f7c55")


class Message(Protocol):
    """A message as aiokafka brings it."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Remains:
    """What can still be told of a message whose body can't be taken: from its key, its headers, its JSON if any."""

    session_id: UUID | None
    sequence: int | None
    event_id: UUID | None
    event_type: str
    user_id: str | None
    causation_id: UUID | None
    payload: Mapping[str, Any]
    at: datetime


def remains(message: Message) -> Remains:
    """Whatever is left to be known of this message; never raises."""
    headers = {name: value.decode("utf-8", "replace") for name, value in message.headers}
    body = _json_object(message.value)
    metadata = body.get("metadata")
    owner = metadata.get("user_id") if isinstance(metadata, dict) else None
    payload = body.get("payload")
    return Remains(
        session_id=_uuid(message.key.decode("utf-8", "replace") if message.key else None)
        or _uuid(body.get("aggregate_id")),
        sequence=_sequence(headers.get("sequence")) or _sequence(body.get("sequence")),
        event_id=_uuid(headers.get("ce_id")) or _uuid(body.get("event_id")),
        event_type=_storable(headers.get("ce_type") or body.get("event_type")),
        user_id=_storable(owner) or None,
        causation_id=_uuid(body.get("causation_id")),
        payload=payload if isinstance(payload, dict) else {},
        at=datetime.fromtimestamp(max(message.timestamp, 0) / 1000, UTC),
    )


def unreadable_body(
    message: Message,
    left: Remains,
    session_id: UUID,
    sequence: int,
    user_id: str | None,
    reason: str,
    *,
    own_id: bool,
) -> bytes:
    """The body under which this message is streamed at this place of the history.

    `own_id`: under its own event id. Where the database refused it, the id itself may be what it refused.
    """
    return orjson.dumps(
        {
            "event_id": (left.event_id if own_id else None)
            or uuid5(_UNREADABLE_IDS, f"{message.partition}/{message.offset}"),
            "event_type": UNREADABLE,
            "event_version": 1,
            "aggregate_type": AGGREGATE_TYPE,
            "aggregate_id": session_id,
            "sequence": sequence,
            "correlation_id": None,
            "causation_id": left.causation_id,
            "created_at": left.at,
            "payload": {"event_type": left.event_type, "reason": reason},
            "metadata": {"user_id": user_id, "part": 1, "of": 1},
        }
    )


def _json_object(value: bytes | None) -> dict[str, Any]:
    try:
        body = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _sequence(value: Any) -> int | None:
    try:
        number = int(value) if isinstance(value, str | int) else 0
    except ValueError:
        return None
    return number if 1 <= number < 2**63 else None


def _storable(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:200]
