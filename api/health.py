"""Health: does the process live, and can it serve what it promises?"""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.studio import studio_of
from connectors.postgres import UNAVAILABLE, Pool

router = APIRouter(prefix="/health", tags=["health"])

CHECK_SECONDS = 2.0
"""Seconds the database may take to answer."""


@router.get("/live")
async def live() -> Response:
    """200 as long as the process answers."""
    return Response(b'{"status":"live"}', media_type="application/json")


@router.get("/ready")
async def ready(request: Request) -> Response:
    """200 if everything a client needs is there, else 503; the body names each part."""
    studio = studio_of(request)
    parts = {
        "database": await _answers(studio.pool),
        "hub": studio.hub.settled,
        "progress": studio.progress.listening,
    }
    body = {
        "status": "ready" if all(parts.values()) else "not ready",
        "parts": parts,
        "streams": studio.hub.streams,
        "accepting": not studio.pressure.closed,
    }
    return json_answer(body, 200 if all(parts.values()) else 503)


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return bool(await pool.fetchval("SELECT true"))
    except UNAVAILABLE:
        return False
