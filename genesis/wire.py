"""Bytes to messages and back: one adapter per tag, old forms upcast on reading.

Names on the wire are promises: a class may be renamed, a tag or a field may not. A body that has to change gets
a higher EVENT_VERSION and an entry in UPCASTERS; `tests/genesis/golden` keeps one file per version ever written.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json, to_json

from genesis.envelope import Envelope
from genesis.errors import GenesisError
from genesis.session.events import AGGREGATE_TYPE, EVENTS, Event, Recorded
from genesis.session.messages import (
    INTERNALS,
    PERSON_COMMANDS,
    GenerationRequest,
    Internal,
    Message,
    PersonCommand,
    StateRepaired,
)
from genesis.session.state import Session, shrink

STATE_SCHEMA = 2
"""Schema version of a saved state; a record of an older one is upcast on reading."""

Json = dict[str, Any]


class Unreadable(GenesisError):
    """These bytes are no message of this wire format; the whole message belongs into the dead letters."""


class Newer(Unreadable):
    """A newer release has written this message, and this one must not go on without understanding it. Install the
    release that wrote it (or a later one) and start again: nothing is lost, and nothing was put aside."""

    def __init__(self, message: str = "", session_id: UUID | None = None) -> None:
        super().__init__(message)
        self.session_id = session_id
        """Of a message: the session it names."""


def _tag(model: type[Any]) -> str:
    return str(model.model_fields["type"].default)


_COMMANDS: dict[str, type[PersonCommand]] = {_tag(model): model for model in PERSON_COMMANDS}
_INTERNALS: dict[str, type[Internal | StateRepaired]] = {_tag(model): model for model in INTERNALS}
_EVENTS: dict[str, type[Event]] = {_tag(model): model for model in EVENTS}
_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


def _unchanged(payload: Json) -> Json:
    """The next version only knows more: what it added has a default that means what was meant before."""
    return payload


def _abandoned_by_the_person(payload: Json) -> Json:
    """Version 1 knew no other cause than the person."""
    return {**payload, "cause": "person"}


UPCASTERS: dict[tuple[str, int], Callable[[Json], Json]] = {
    ("generation-requested", 1): _unchanged,
    ("proposal-made", 1): _unchanged,
    ("command-rejected", 1): _unchanged,
    ("input-received", 1): _unchanged,
    ("stages-marked-stale", 1): _unchanged,
    ("novel-created", 1): _unchanged,
    ("session-abandoned", 1): _abandoned_by_the_person,
}
"""(event type, version) -> payload of that version to payload of the next one."""


def _with_versions(body: Json) -> Json:
    """Schema 1 remembered hashes of rounds without who made them, and no stage could be stale."""
    for slot in body["stages"].values():
        slot["versions"] = [{"content_hash": each, "kind": "procedural"} for each in slot.pop("hashes", ())]
    return body


STATE_UPCASTERS: dict[int, Callable[[Json], Json]] = {1: _with_versions}
"""Schema version -> body of that version to body of the next one."""

_COMMAND_TAG = re.compile(r"[A-Z]+(_[A-Z]+)*")
_EVENT_TAG = re.compile(r"[a-z]+(-[a-z]+)*")
"""What tags of any release look like."""

COMMAND_TYPES = tuple(_COMMANDS)
"""Tags a client may send; internal ones are refused at the door."""


# -- commands and results: genesis.commands


def parse_command(command_type: str, payload: Json) -> PersonCommand:
    """A client's command. Raises KeyError for an unknown type, pydantic.ValidationError for a bad payload."""
    return _COMMANDS[command_type].model_validate({**payload, "type": command_type})


def load_envelope(value: bytes) -> Envelope:
    """A message of genesis.commands. Raises Unreadable; Newer where all is in order but its type is unknown."""
    try:
        body = from_json(value)
        envelope: dict[str, Any] = {
            "message_id": UUID(body["id"]),
            "session_id": UUID(body["session_id"]),
            "user_id": str(body["user_id"]),
            "correlation_id": UUID(body["correlation_id"]),
            "at": _TIME.validate_python(body["at"]).astimezone(UTC),
            "command_no": _optional_int(body.get("command_no")),
            "expected_version": _optional_int(body.get("expected_version")),
        }
        tag, payload = body["type"], {**body["payload"]}
        model = _COMMANDS.get(tag) or _INTERNALS.get(tag)
        if model is None:
            # Last, so that junk is never taken for it.
            raise Newer(session_id=envelope["session_id"]) if _COMMAND_TAG.fullmatch(tag) else KeyError(tag)
        return Envelope(message=model.model_validate({**payload, "type": tag}), **envelope)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not a message of genesis.commands: {_described(error)}") from error


def dump_envelope(envelope: Envelope) -> bytes:
    """A message for genesis.commands."""
    return to_json(
        {
            "id": envelope.message_id,
            "session_id": envelope.session_id,
            "user_id": envelope.user_id,
            "command_no": envelope.command_no,
            "correlation_id": envelope.correlation_id,
            "at": envelope.at,
            "expected_version": envelope.expected_version,
            "type": envelope.message.type,
            "payload": payload_of(envelope.message),
        }
    )


def payload_of(message: Message) -> Json:
    """The payload of a command or internal message as JSON values."""
    return message.model_dump(mode="json", exclude={"type"})


def _optional_int(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("expected a whole number")
    return value


def _described(error: Exception) -> str:
    # Never the input itself: it holds the person's words, and this sentence goes into logs.
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['type']}"
    return type(error).__name__


# -- events: genesis.events


def dump_event(recorded: Recorded) -> bytes:
    """The body of an event, with the names of the columns of `domain_events` (design §6)."""
    return to_json(event_body(recorded))


def event_body(recorded: Recorded) -> Json:
    """The body of an event as JSON values; `payload` keeps its own types until it is dumped."""
    metadata: Json = {"user_id": recorded.user_id, "part": recorded.part, "of": recorded.of}
    if recorded.command_no is not None:
        metadata["command_no"] = recorded.command_no
    return {
        "event_id": recorded.event_id,
        "event_type": recorded.event.type,
        "event_version": recorded.event.EVENT_VERSION,
        "aggregate_type": AGGREGATE_TYPE,
        "aggregate_id": recorded.session_id,
        "sequence": recorded.sequence,
        "correlation_id": recorded.correlation_id,
        "causation_id": recorded.causation_id,
        "created_at": recorded.created_at,
        "payload": recorded.event.model_dump(mode="json", exclude={"type"}),
        "metadata": metadata,
    }


class _Metadata(BaseModel):
    user_id: str
    command_no: Annotated[int, Field(ge=0)] | None = None
    part: int
    of: int


class _Body(BaseModel):
    event_id: UUID
    aggregate_id: UUID
    sequence: int
    correlation_id: UUID
    causation_id: UUID
    created_at: AwareDatetime
    metadata: _Metadata


_HEAD = re.compile(rb'\{"event_id":"[^"]*","event_type":"([a-z-]+)","event_version":([0-9]+),')
"""How every body begins that `dump_event` has written."""

_BODIES: dict[tuple[bytes, bytes], type[Any]] = {
    (tag.encode(), b"%d" % model.EVENT_VERSION): create_model(f"{model.__name__}Body", __base__=_Body, payload=model)
    for tag, model in _EVENTS.items()
}
"""(event type, version) of today's bodies -> the whole body as one model: read in one pass, half the time."""


def load_event(value: bytes) -> Recorded:
    """A message of genesis.events. Raises Unreadable, and Newer as `event_from_body` does."""
    head = _HEAD.match(value)
    model = _BODIES.get((head[1], head[2])) if head else None
    if model is not None:
        try:
            return _recorded(model.model_validate_json(value))
        except ValidationError:
            pass  # the other way is more lenient and finds better words
    try:
        return event_from_body(from_json(value))
    except ValueError as error:
        raise Unreadable(f"not a message of genesis.events: {_described(error)}") from error


def _recorded(body: Any) -> Recorded:
    metadata = body.metadata
    return Recorded(
        event_id=body.event_id,
        event=body.payload,
        session_id=body.aggregate_id,
        sequence=body.sequence,
        correlation_id=body.correlation_id,
        causation_id=body.causation_id,
        created_at=body.created_at.astimezone(UTC),
        user_id=metadata.user_id,
        command_no=metadata.command_no,
        part=metadata.part,
        of=metadata.of,
    )


def event_from_body(body: Json) -> Recorded:
    """An event from its body, whichever version wrote it.

    Raises Unreadable; Newer where all is in order but the event's type or version is beyond what is known here.
    """
    try:
        metadata = body["metadata"]
        place: dict[str, Any] = {
            "event_id": _uuid(body["event_id"]),
            "session_id": _uuid(body["aggregate_id"]),
            "sequence": int(body["sequence"]),
            "correlation_id": _uuid(body["correlation_id"]),
            "causation_id": _uuid(body["causation_id"]),
            "created_at": _TIME.validate_python(body["created_at"]).astimezone(UTC),
            "user_id": str(metadata["user_id"]),
            "command_no": _optional_int(metadata.get("command_no")),
            "part": int(metadata["part"]),
            "of": int(metadata["of"]),
        }
        tag, version, payload = body["event_type"], body["event_version"], {**body["payload"]}
        # Last, so that junk is never taken for it.
        if body.get("aggregate_type") == AGGREGATE_TYPE and _is_newer(tag, version):
            raise Newer(session_id=place["session_id"])
        return Recorded(event=_event(tag, version, payload), **place)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not an event body: {_described(error)}") from error


def _uuid(value: str | UUID) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _is_newer(tag: str, version: Any) -> bool:
    model = _EVENTS.get(tag)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return False
    return version > model.EVENT_VERSION if model else _EVENT_TAG.fullmatch(tag) is not None


def _event(tag: str, version: int, payload: Json) -> Event:
    model = _EVENTS[tag]
    while version < model.EVENT_VERSION:
        payload = UPCASTERS[tag, version](payload)
        version += 1
    if version > model.EVENT_VERSION:
        raise ValueError("the event was written by a newer release")
    return model.model_validate({**payload, "type": tag})


def event_headers(recorded: Recorded, traceparent: str | None = None) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 binary-mode headers of an event, and its sequence (design §6)."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(recorded.event_id),
        "ce_type": recorded.event.type,
        "ce_source": "/genesis/sessions",
        "ce_subject": str(recorded.session_id),
        "ce_time": recorded.created_at.isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
        "sequence": str(recorded.sequence),
    }
    if traceparent:
        headers["traceparent"] = traceparent
    return [(name, value.encode()) for name, value in headers.items()]


# -- generation requests: genesis.generation.requests


def dump_request(request: GenerationRequest) -> bytes:
    """A message for genesis.generation.requests."""
    return request.model_dump_json().encode()


def load_request(value: bytes) -> GenerationRequest:
    """A message of genesis.generation.requests. Raises Unreadable."""
    try:
        return GenerationRequest.model_validate_json(value)
    except ValueError as error:
        raise Unreadable(f"not a generation request: {_described(error)}") from error


# -- state: the sessions table and its changelog


def dump_state(state: Session) -> bytes:
    """What is saved of a session: a prefix (schema version, repairs, sequence), a line feed, compact JSON.

    The prefix can be read without the body, so that a recovery keeps the newer of two records (design §8).
    """
    body = shrink(state).model_dump_json(exclude={"repairs"}).encode()
    return b"%d %d %d\n%s" % (STATE_SCHEMA, state.repairs, state.sequence, body)


def load_state(record: bytes) -> Session:
    """A saved session. Raises Unreadable; Newer where a newer release has saved it."""
    try:
        schema, repairs, _ = state_prefix(record)
        if schema > STATE_SCHEMA:
            raise Newer
        body = record[record.index(b"\n") + 1 :]
        state = Session.model_validate_json(body) if schema == STATE_SCHEMA else _older_state(schema, body)
        return state.model_copy(update={"repairs": repairs}) if repairs else state
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not a saved session: {_described(error)}") from error


def _older_state(schema: int, record: bytes) -> Session:
    body = from_json(record)
    while schema < STATE_SCHEMA:
        body = STATE_UPCASTERS[schema](body)
        schema += 1
    return Session.model_validate_json(to_json(body))


def state_prefix(record: bytes) -> tuple[int, int, int]:
    """Schema version, repairs and sequence of a record, without reading its body. Raises ValueError.

    The prefix is the same in every release: so a recovery keeps a newer release's record, which an older one can't
    read, from being displaced by an older record.
    """
    schema, repairs, sequence = record[: record.index(b"\n")].split(b" ")
    return int(schema), int(repairs), int(sequence)


def state_hash(state: Session) -> str:
    """SHA-256 of what is saved of a session, its prefix left out: equal for a state and its rebuild.

    Over canonical JSON: a history that was kept in jsonb comes back with the keys of its maps in another order.
    """
    record = dump_state(state)
    return hashlib.sha256(canonical_json(from_json(record[record.index(b"\n") + 1 :]))).hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no white space: equal bytes for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
