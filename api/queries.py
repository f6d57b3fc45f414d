"""What can be asked about sessions: which there are, how one stands, its history. Answered by the read side."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from api.answers import json_answer
from api.local_auth import owner
from api.studio import Studio, studio_of
from connectors.outbox import inbox
from connectors.outbox.accept import SessionNotFound
from genesis.content import document
from genesis.session.actions import available_actions
from genesis.session.moving import preview
from genesis.session.stages import FINISHED, Stage
from genesis.session.state import Draft, Generating, Review, Session, Slot
from genesis.values import Frozen
from projections.domain_events import queries as domain_events
from projections.session_view import queries as session_view

router = APIRouter(tags=["queries"])

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/genesis", response_class=Response)
async def own_sessions(request: Request, limit: Limit = 50) -> Response:
    """Your sessions, newest first."""
    studio = settled(request)
    return json_answer({"sessions": await session_view.sessions(studio.pool, owner(request), limit)})


@router.get("/genesis/{session_id}/state", response_class=Response)
async def state(
    request: Request, session_id: UUID, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """How a session stands: stages with drafts, what is confirmed, what may be done next, what it has cost.

    The ETag is the session's version; with `If-None-Match` an unchanged state is a 304. Right after the 202 of a
    start the status is `starting` at version 0.
    """
    studio, person = settled(request), owner(request)
    if if_none_match is not None:
        version = await session_view.version(studio.pool, session_id, person)
        if version and _etag(version) in if_none_match:
            return Response(status_code=304, headers=_versioned(version))
    found = await session_view.state(studio.pool, session_id, person)
    if found is None:
        return await _without_events(studio, session_id, person)
    session, facts = found
    body = {
        **told(session),
        "title": facts.title,
        "inconsistent": facts.inconsistent,
        "updated_at": facts.updated_at,
    }
    # A state that may be behind its history has no version to rely on.
    return json_answer(body, headers=None if facts.inconsistent else _versioned(session.version))


@router.get("/genesis/{session_id}/events", response_class=Response)
async def events(
    request: Request, session_id: UUID, after: Annotated[int, Query(ge=0)] = 0, limit: Limit = 100
) -> Response:
    """The session's history after this sequence, oldest first; `next_after` is where the next page begins."""
    studio = settled(request)
    await studio.require_session(session_id, owner(request))
    rows = await domain_events.after(studio.pool, session_id, after, limit)
    return json_answer(
        {
            "events": [orjson.Fragment(row.body) for row in rows],
            "next_after": rows[-1].sequence if len(rows) == limit else None,
        }
    )


def settled(request: Request) -> Studio:
    """The studio, if its reads are no older than what streams have shown. Raises Behind."""
    studio = studio_of(request)
    studio.hub.require_settled()
    return studio


def _etag(version: int) -> str:
    return f'"{version}"'


def _versioned(version: int) -> dict[str, str]:
    # no-cache: keep it, but ask each time; then a 304 is enough.
    return {"ETag": _etag(version), "Cache-Control": "private, no-cache"}


async def _without_events(studio: Studio, session_id: UUID, person: str) -> Response:
    """A session whose first event has not come through the pipe yet, or could not be read."""
    accepted_at = await inbox.session_accepted_at(studio.pool, session_id, person)
    if accepted_at is None:
        raise SessionNotFound
    unreadable = await session_view.version(studio.pool, session_id, person) is not None
    body: dict[str, Any] = {
        "session_id": session_id,
        "status": "unreadable" if unreadable else "starting",
        "mode": None,
        "current_stage": None,
        "is_pending": not unreadable,
        "version": 0,
        "stages": {},
        "confirmed_data": {},
        "handles": {},
        "available_actions": [],
        "spent": None,
        "novel_id": None,
        "created_at": accepted_at,
        "title": "",
        "inconsistent": unreadable,
        "updated_at": accepted_at,
    }
    return json_answer(body, headers=None if unreadable else _versioned(0))


def told(session: Session) -> dict[str, Any]:
    """What a client is told of a session, from its state alone."""
    return {
        "session_id": session.session_id,
        "status": session.status,
        "mode": session.mode,
        "current_stage": session.current_stage,
        "is_pending": session.current_stage not in ("", FINISHED)
        and isinstance(session.slot(Stage(session.current_stage)).phase, Generating),
        "version": session.version,
        "brief": _json(session.brief),
        "stages": {stage.value: _slot(session, slot) for stage, slot in session.stages.items()},
        "confirmed_data": {stage.value: _json(content) for stage, content in session.confirmed_contents().items()},
        "handles": {stage.value: _json(handle) for stage, handle in session.handles().items()},
        "available_actions": [_json(action) for action in available_actions(session)],
        "spent": _json(session.spent),
        "novel_id": session.novel_id,
        "created_at": session.created_at,
    }


def _slot(session: Session, slot: Slot) -> dict[str, Any]:
    """A stage. The confirmed content itself stands in `confirmed_data`, once.

    `impact`: what confirming the draft of a stage that was opened again would make stale in later stages.
    """
    phase = slot.phase
    told: dict[str, Any] = {"phase": phase.name, "rounds": slot.rounds}
    if isinstance(phase, Generating):
        told["task"] = _json(phase.task)
    if isinstance(phase, Generating | Review):
        told["handle"] = _json(phase.handle)
        told["draft"] = _draft(phase.draft)
        if phase.draft and slot.confirmed:
            told["impact"] = {
                stage.value: [_json(reason) for reason in reasons]
                for stage, reasons in preview(session, phase.draft).items()
            }
    if slot.stale:
        told["stale"] = [_json(reason) for reason in slot.stale]
    if slot.confirmed:
        told["confirmed"] = {
            **slot.confirmed.model_dump(mode="json", exclude={"content"}),
            "badge": document.badge([slot.confirmed.provenance]),
        }
    return told


def _draft(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None:
        return None
    return {**draft.model_dump(mode="json"), "badge": document.badge([draft.provenance])}


def _json(value: Frozen) -> orjson.Fragment:
    return orjson.Fragment(value.model_dump_json())
