"""JSON answers without a second validation: what is answered was made by our own code."""

from typing import Any

import orjson
from starlette.responses import Response


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """This value as JSON; times are UTC with `Z`."""
    # default: asyncpg's ids are a subclass of UUID that orjson doesn't know.
    body = orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, "application/json")
