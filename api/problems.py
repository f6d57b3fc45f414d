"""Errors as HTTP answers (RFC 9457): the only place that knows which error is which status."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from connectors.outbox.accept import (
    CommandAlreadyActive,
    CommandTooLarge,
    InvalidKey,
    KeyReused,
    SessionNotFound,
    VersionMismatch,
)
from connectors.postgres import UNAVAILABLE, DatabaseUnavailable
from genesis.errors import GenesisError
from genesis.session.actions import Action

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

TYPE = "urn:genesis-studio:problem:"
"""Begin of a problem's `type`; what follows is a stable word for programs."""


class Malformed(GenesisError):
    """The request can't be read. Look at the field that is named and send it again."""

    def __init__(self, sentence: str, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(sentence)
        self.errors = errors
        """Each field that is wrong, and what is wrong with it."""


class NotFound(GenesisError):
    """There is no such thing of yours. Check its id."""


class NotLoopback(GenesisError):
    """This studio serves this machine only. Open it as http://localhost or http://127.0.0.1 with its port."""


class ForeignOrigin(GenesisError):
    """A page of another origin may not use this studio. Open the studio under its own address."""


class NotJson(GenesisError):
    """Commands are JSON. Send the header Content-Type: application/json."""


class BodyTooLarge(GenesisError):
    """The body of a request may have 1,000,000 bytes. Send less text at once."""


class Behind(GenesisError):
    """The read side is catching up with what was already shown. Ask again in a second."""


class MachineBehind(GenesisError):
    """The studio has more to do than it can keep up with, so it takes no commands now. Send this one again in a
    few seconds, with the same Idempotency-Key."""


class TooManyStreams(GenesisError):
    """As many event streams as this server carries are open. Close one, or try again in a moment."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How an error is answered."""

    status: int
    word: str
    """Last part of the problem's `type`."""
    title: str
    retry_after: int | None = None
    """Seconds."""


_AWAY = Kind(503, "unavailable", "The database can't be reached", retry_after=1)

KINDS: dict[type[BaseException], Kind] = {
    Malformed: Kind(400, "malformed", "The request can't be read"),
    InvalidKey: Kind(400, "invalid-key", "The Idempotency-Key can't be used"),
    NotLoopback: Kind(403, "not-loopback", "Not an address of this machine"),
    ForeignOrigin: Kind(403, "foreign-origin", "A page of another origin asked"),
    NotFound: Kind(404, "not-found", "Not found"),
    SessionNotFound: Kind(404, "session-not-found", "No such session"),
    CommandAlreadyActive: Kind(409, "command-already-active", "Such a command is being carried out", retry_after=1),
    VersionMismatch: Kind(412, "version-mismatch", "The session has moved on"),
    CommandTooLarge: Kind(413, "too-large", "Too large"),
    BodyTooLarge: Kind(413, "too-large", "Too large"),
    NotJson: Kind(415, "not-json", "Not JSON"),
    KeyReused: Kind(422, "key-reused", "The Idempotency-Key belongs to another command"),
    Behind: Kind(503, "behind", "The read side is catching up", retry_after=1),
    MachineBehind: Kind(503, "machine-behind", "The machine has fallen behind", retry_after=5),
    TooManyStreams: Kind(503, "too-many-streams", "Too many open streams", retry_after=5),
    DatabaseUnavailable: _AWAY,
    # A statement that took too long, by the server's own limit: as little answered as by a server that is away.
    asyncpg.QueryCanceledError: _AWAY,
    **dict.fromkeys(UNAVAILABLE, _AWAY),
}


def answer(error: BaseException, actions: Sequence[Action] | None = None, **members: Any) -> Response:
    """The answer to this error; `actions` are what may be done instead, `members` further facts for programs.

    Raises StopIteration for an error that nobody foresaw: that one is a bug, see `crash`.
    """
    kind = next(KINDS[each] for each in type(error).__mro__ if each in KINDS)
    sentence = str(error) if isinstance(error, GenesisError) else str(DatabaseUnavailable())
    if isinstance(error, Malformed) and error.errors:
        members["errors"] = error.errors
    if actions is not None:
        members["available_actions"] = [action.model_dump(mode="json", exclude_none=True) for action in actions]
    headers = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    return _problem(kind.status, TYPE + kind.word, kind.title, sentence, headers, members)


def crash(error: BaseException) -> Response:
    """The answer to a bug. What is logged is where it happened, not what it said: that may hold a person's words."""
    log.error(
        "a request crashed with %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
    )
    sentence = "An internal error. The log of the API says where; please report it."
    return _problem(500, TYPE + "internal-error", "Internal error", sentence)


def malformed(error: ValidationError | RequestValidationError, under: str = "") -> Malformed:
    """What pydantic found, as fields with sentences; the person's input is not repeated."""
    found: list[dict[str, str]] = []
    for each in error.errors():
        place = ".".join(str(part) for part in each["loc"] if part not in ("body", "path", "query"))
        field = ".".join(part for part in (under, place) if part) or "the body"
        found.append({"field": field, "problem": _remedy(each["type"], each["msg"])})
    first = found[0]
    rest = "" if len(found) == 1 else f" And {len(found) - 1} more, see `errors`."
    return Malformed(f"{first['field']}: {first['problem']}.{rest}", found)


def _remedy(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return "is not known here; leave it out"
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return message[:1].lower() + message[1:]


def _problem(
    status: int,
    type: str,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    members: dict[str, Any] | None = None,
) -> Response:
    body = {"type": type, "title": title, "status": status, "detail": detail, **(members or {})}
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every foreseen error of this app answered as a problem."""

    async def foreseen(request: Request, error: Exception) -> Response:
        return answer(error)

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(malformed(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = HTTPStatus(error.status_code).phrase
        headers = dict(error.headers or {})
        return _problem(error.status_code, "about:blank", title, _DETAILS.get(error.status_code, title), headers)

    for kind in KINDS:
        if issubclass(kind, Exception):
            app.add_exception_handler(kind, foreseen)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, http)


_DETAILS = {
    404: "There is nothing under this address. /openapi.json lists every address there is.",
    405: "This address doesn't know this method. /openapi.json lists what it knows.",
}
