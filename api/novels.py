"""The finished novels: which there are, one whole, and as a file."""

import re
import unicodedata
from typing import Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import json_answer
from api.local_auth import owner
from api.problems import NotFound
from api.queries import Limit, settled
from genesis.content import document
from genesis.content.novel import Novel
from projections.novels import queries as novel_queries

router = APIRouter(tags=["novels"])

NOVEL_FORMAT = "genesis-novel/1"


@router.get("/novels", response_class=Response)
async def novels(request: Request, limit: Limit = 50) -> Response:
    """Your finished novels, newest first."""
    studio = settled(request)
    return json_answer({"novels": await novel_queries.novels(studio.pool, owner(request), limit)})


@router.get("/novels/{novel_id}", response_class=Response)
async def novel(request: Request, novel_id: UUID) -> Response:
    """A finished novel, whole."""
    found = await _novel(request, novel_id)
    return json_answer(
        {
            **found.model_dump(mode="json"),
            "badge": document.badge(each.provenance for each in found.provenance.values()),
        }
    )


@router.get("/novels/{novel_id}/export", response_class=Response)
async def export(request: Request, novel_id: UUID, format: Literal["md", "json"] = "md") -> Response:
    """A finished novel as a file: `md` to read, `json` without loss."""
    found = await _novel(request, novel_id)
    headers = {"Content-Disposition": f'attachment; filename="{slug(found.title)}.{format}"'}
    if format == "json":
        body = orjson.dumps({"format": NOVEL_FORMAT, **found.model_dump(mode="json")}, option=orjson.OPT_INDENT_2)
        return Response(body, headers=headers, media_type="application/json")
    return Response(document.markdown(found), headers=headers, media_type="text/markdown; charset=utf-8")


def slug(title: str) -> str:
    """A title as a file name: lower case ASCII letters, digits and dashes; `novel` where nothing is left."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", ""))[:60].strip("-") or "novel"


async def _novel(request: Request, novel_id: UUID) -> Novel:
    found = await novel_queries.novel(settled(request).pool, novel_id, owner(request))
    if found is None:
        raise NotFound("There is no such novel of yours. GET /novels lists those there are.")
    return found
