"""Auth mode `local`: one person at one machine, and nobody in between (design §10).

A loopback address alone keeps no web page out: a page can have its own host name resolve to 127.0.0.1 (DNS
rebinding) and can make the browser send simple requests anywhere (CSRF). So the Host must be a loopback name, a
foreign Origin is refused, and commands must be JSON, which no page may send elsewhere without asking first.
"""

import ipaddress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from genesis.errors import GenesisError

USER = "local"
"""The owner of everything in auth mode `local`."""


def is_loopback(host: str) -> bool:
    """Whether this host name or address, without a port, means this machine and nothing else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


class LocalAuth:
    """ASGI middleware that lets through what comes from this machine and from no foreign page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (refusal := _refusal(scope)) is not None:
            await problems.answer(refusal)(scope, receive, send)
            return
        scope["owner"] = USER
        await self.app(scope, receive, send)


def owner(request: Request) -> str:
    """Whose request this is."""
    return str(request.scope["owner"])


def _refusal(scope: Scope) -> GenesisError | None:
    headers = Headers(scope=scope)
    client = scope.get("client")
    if client is not None and not is_loopback(client[0]):
        return problems.NotLoopback()
    host = headers.get("host", "")
    if not is_loopback(_without_port(host)):
        return problems.NotLoopback()
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        return problems.ForeignOrigin()
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return problems.NotJson()
    return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
