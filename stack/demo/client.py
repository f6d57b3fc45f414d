"""The API as the demo uses it: HTTP and SSE, what was cut off sent or read on again."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import stamina
from httpx_sse import EventSource
from pydantic_core import from_json
from rich.console import Console
from rich.text import Text

from genesis.errors import GenesisError
from stack.demo.showing import plain

PATIENCE_SECONDS = 60.0
"""Seconds without an answer after which the demo gives up; a restart of the whole studio takes less."""

SILENCE_SECONDS = 40.0
"""Seconds without a byte after which a stream counts as dead; a comment comes every 15."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Seconds between two tries, doubled each time."""


class NothingAnswers(GenesisError):
    """No Genesis Studio answers. Start it with `make run` in another terminal and try again."""


class Gone(GenesisError):
    """The studio no longer answers. Look at `genesis status`; the session is safe and waits."""


class Refused(GenesisError):
    """The studio refused what was sent."""


class Client:
    """The API as a client uses it: what was cut off is sent or read on again."""

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()

    def must_answer(self) -> None:
        """Raises NothingAnswers unless a Genesis Studio is there."""
        try:
            answer = self._http.get("/health/live", timeout=5.0)
            if answer.status_code == 200 and answer.json() == {"status": "live"}:
                return
            reason = f"Something else than Genesis Studio answers at {self._url}."
        except httpx.TransportError:
            reason = f"Nothing answers at {self._url}."
        except ValueError:
            reason = f"Something else than Genesis Studio answers at {self._url}."
        raise NothingAnswers(f"{reason} Start the studio with `make run` in another terminal and try again.")

    def send(self, command_type: str, payload: dict[str, Any], session: UUID | None = None) -> dict[str, Any]:
        """Have a command accepted; the door's answer. Raises Refused, Gone."""
        body: dict[str, Any] = {"command_type": command_type, "payload": payload}
        if session:
            body["session_id"] = str(session)
        # One key over all tries: a command whose answer was lost is the same command when it is sent again.
        answer = self._tried("POST", "/genesis/commands", json=body, headers={"Idempotency-Key": str(uuid4())})
        accepted: dict[str, Any] = answer.json()
        return accepted

    def get(self, path: str) -> httpx.Response:
        """Read something. Raises Refused, Gone."""
        return self._tried("GET", path)

    def _tried(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, _Later),
                attempts=None,
                timeout=PATIENCE_SECONDS,
                wait_initial=FIRST_PAUSE,
                wait_max=LONGEST_PAUSE,
            ):
                with attempt:
                    answer = self._http.request(method, path, **request)
                    if answer.status_code in (409, 503):
                        raise _Later
        except (httpx.TransportError, _Later):
            raise Gone from None
        if not answer.is_success:
            raise Refused(_detail(answer))
        return answer

    def frames(self, session: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
        """(event type, body) of each event of the session, once and in order, and partial texts in between.

        A stream that is cut is taken up again with Last-Event-ID. Raises Refused, Gone.
        """
        last, heard, pause = 0, time.monotonic(), FIRST_PAUSE
        while time.monotonic() - heard < PATIENCE_SECONDS:
            try:
                headers = {"Last-Event-ID": str(last), "Accept": "text/event-stream"}
                with self._http.stream("GET", f"/genesis/{session}/events/stream", headers=headers) as response:
                    if response.status_code == 200:
                        for frame in EventSource(response).iter_sse():
                            if frame.event != "message":
                                body = from_json(frame.data)
                                if frame.event != "progress":
                                    last = body["sequence"]
                                yield frame.event, body
                            heard, pause = time.monotonic(), FIRST_PAUSE
                    elif response.status_code != 503:
                        response.read()
                        raise Refused(_detail(response))
            except httpx.TransportError:
                pass
            self._console.print(Text(f"  (the stream was cut; it goes on after event {last})", style="dim"))
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise Gone


class _Later(Exception):
    """The same request may succeed in a moment."""


def _detail(answer: httpx.Response) -> str:
    try:
        return plain(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The studio answered with status {answer.status_code}."
