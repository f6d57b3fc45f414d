"""The door: a command is judged by its form, put into inbox and outbox in one transaction, and answered 202."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from api import problems
from api.answers import json_answer
from api.local_auth import owner
from api.problems import BodyTooLarge, Malformed, NotFound, malformed
from api.studio import Studio, studio_of
from connectors.outbox import inbox
from connectors.outbox.accept import (
    START,
    CommandAlreadyActive,
    VersionMismatch,
    accept_command,
    active_key,
)
from genesis import wire
from genesis.session.actions import Action, available_actions
from genesis.session.messages import INTERNALS, PersonCommand
from projections.domain_events import queries as domain_events
from projections.session_view import queries as session_view

router = APIRouter(prefix="/genesis/commands", tags=["commands"])

MAX_BODY = 1_000_000
"""Bytes a request's body may have: the largest payload, its envelope, and white space."""

INTERNAL_TYPES = frozenset(str(model.model_fields["type"].default) for model in INTERNALS) | {"SESSION_EXPIRED"}
"""What only the machinery sends."""


class CommandBody(BaseModel):
    """The body of POST /genesis/commands."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    command_type: str
    """One of the eight commands of a person, such as START_GENESIS."""
    session_id: UUID | None = None
    """Session the command is for; left out with START_GENESIS, which makes one."""
    payload: dict[str, Any] = {}
    """The command's own fields."""
    correlation_id: UUID | None = None
    """Id under which a client finds everything that follows; made by the server where absent."""


@router.post(
    "",
    status_code=202,
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": CommandBody.model_json_schema()}},
        }
    },
)
async def post(
    request: Request,
    idempotency_key: Annotated[str | None, Header()] = None,
    if_match: Annotated[str | None, Header()] = None,
    traceparent: Annotated[str | None, Header()] = None,
) -> Response:
    """Accept a command. After the 202 it survives any crash; its outcome is at the address in `Location`.

    Sent again with the same `Idempotency-Key` (any text of at most 200 characters) it is the same command and gets
    the same answer, with the status it has by then.
    """
    body = _read(await _body(request))
    message = _parsed(body)
    if (body.session_id is None) != (body.command_type == START):
        raise Malformed(
            "session_id: is made by START_GENESIS, so leave it out there."
            if body.session_id
            else f"session_id: is missing; {body.command_type} needs the session it is for."
        )
    expected_version = _version(if_match)
    studio, person = studio_of(request), owner(request)
    studio.pressure.require_room()
    stage, proposal = getattr(message, "stage", None), getattr(message, "proposal_id", None)
    try:
        accepted = await accept_command(
            studio.pool,
            owner=person,
            key=idempotency_key,
            command_type=body.command_type,
            session_id=body.session_id,
            payload=body.payload,
            active_key=active_key(stage, proposal, getattr(message, "stop", False)),
            correlation_id=body.correlation_id,
            expected_version=expected_version,
            traceparent=traceparent,
        )
    except CommandAlreadyActive as refusal:
        actions = await _actions(studio, body.session_id, person)
        return problems.answer(refusal, actions, active_command=str(refusal.active))
    except VersionMismatch as refusal:
        return problems.answer(refusal, await _actions(studio, body.session_id, person))
    request.app.state.measures.accepted.labels(body.command_type).inc()
    return json_answer(
        {
            "command_id": accepted.command_id,
            "session_id": accepted.session_id,
            "command_no": accepted.command_no,
            "status": accepted.status,
        },
        202,
        {"Location": f"/genesis/commands/{accepted.command_id}"},
    )


@router.get("/{command_id}", response_class=Response)
async def get(request: Request, command_id: UUID) -> Response:
    """How far a command has come: RECEIVED, PROCESSING (a kept answer), COMPLETED or FAILED.

    `events` are those it caused; `refusal` says why it was refused and what may be done instead.
    """
    studio = studio_of(request)
    studio.hub.require_settled()
    command = await inbox.command(studio.pool, command_id, owner(request))
    if command is None:
        raise NotFound("There is no such command of yours. Its id is in the answer it was accepted with.")
    caused = await domain_events.of_command(studio.pool, command.session_id, command_id)
    refusal = next((row for row in caused if row.event_type == "command-rejected"), None)
    return json_answer(
        {
            **asdict(command),
            "refusal": orjson.loads(refusal.body)["payload"] if refusal else None,
            "events": [{"sequence": row.sequence, "event_type": row.event_type} for row in caused],
        }
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BodyTooLarge
    return bytes(body)


def _read(body: bytes) -> CommandBody:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from None
    try:
        return CommandBody.model_validate(value)
    except ValidationError as error:
        raise malformed(error) from None


def _parsed(body: CommandBody) -> PersonCommand:
    try:
        return wire.parse_command(body.command_type, body.payload)
    except KeyError:
        if body.command_type in INTERNAL_TYPES:
            raise Malformed(f"command_type: {body.command_type} is sent by the machinery only.") from None
        known = ", ".join(wire.COMMAND_TYPES)
        raise Malformed(f"command_type: is not known; send one of {known}.") from None
    except ValidationError as error:
        raise malformed(error, under="payload") from None


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match == "*":
        return None
    tag = if_match.strip('"')
    if not tag.isdecimal() or len(tag) > 18:
        raise Malformed("If-Match: is the ETag of the session's state, a whole number in quotes.")
    return int(tag)


async def _actions(studio: Studio, session_id: UUID | None, person: str) -> tuple[Action, ...] | None:
    """What may be done instead, as far as the read side knows."""
    if session_id is None or not studio.hub.settled:
        return None
    found = await session_view.state(studio.pool, session_id, person)
    return available_actions(found[0]) if found else ()
