"""A client of load W: one session through HTTP and SSE, timed where a person would wait (design §12)."""

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import stamina

STAGES = ("CONCEPT_SELECTION", "STORY_CONCEPTION", "WORLDVIEW", "CHARACTERS", "PLOT_OUTLINE")


@dataclass
class Measured:
    """What all clients of a run saw."""

    waits: list[float] = field(default_factory=list)
    """Seconds from an answer to the next pause seen over SSE."""
    accepts: list[float] = field(default_factory=list)
    """Seconds from a POST to its 202."""
    commands: int = 0
    sessions: int = 0
    events: int = 0


class _Later(Exception):
    """The machine has fallen behind; the same command may be accepted in a moment."""


class Client:
    """Sends the commands of a session and reads its stream."""

    def __init__(self, http: aiohttp.ClientSession, url: str, measured: Measured) -> None:
        self.http, self.url, self.measured = http, url, measured
        self.last = ""
        """The last session and what was last heard of it, for a failure's report."""

    async def post(self, body: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        async for attempt in stamina.retry_context(
            on=(aiohttp.ClientConnectionError, _Later), timeout=120, attempts=None
        ):
            # With one key over all tries: a server may close a resting connection while it is taken up again.
            with attempt:
                text = await self._posted(body, headers)
        self.measured.accepts.append(time.perf_counter() - started)
        self.measured.commands += 1
        return dict(orjson.loads(text))

    async def _posted(self, body: dict[str, Any], headers: dict[str, str]) -> bytes:
        async with self.http.post(f"{self.url}/genesis/commands", data=orjson.dumps(body), headers=headers) as answer:
            text = await answer.read()
            if answer.status == 503:
                raise _Later
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {text[:300]!r}")
            return text

    async def session(self, up_to: int = len(STAGES), provider: str = "bench") -> tuple[str, dict[str, Any]]:
        """Start a session and answer its first `up_to` pauses; finish it if that is all of them.

        Returns the session's id and the last proposal.
        """
        brief = {"idea": "a clerk who sells the sea", "provider": provider}
        started = await self.post({"command_type": "START_GENESIS", "payload": brief})
        session = str(started["session_id"])
        answered: float | None = None
        proposal: dict[str, Any] = {}
        async with self.http.get(f"{self.url}/genesis/{session}/events/stream") as stream:
            async for event, data in frames(stream):
                self.measured.events += 1
                self.last = f"{session} {event}"
                if event == "proposal-made":
                    proposal = orjson.loads(data)["payload"]["proposal"]
                elif event == "input-requested":
                    now = time.perf_counter()
                    if answered is not None:
                        self.measured.waits.append(now - answered)
                    stage = proposal["stage"]
                    if STAGES.index(stage) >= up_to:
                        return session, proposal
                    answered = time.perf_counter()
                    await self.post(
                        {
                            "command_type": "CONFIRM_STAGE",
                            "session_id": session,
                            "payload": {
                                "stage": stage,
                                "proposal_id": proposal["proposal_id"],
                                "candidate": proposal["candidates"][0]["id"],
                            },
                        }
                    )
                elif event == "stage-confirmed" and proposal["stage"] == STAGES[-1]:
                    await self.post({"command_type": "FINISH_GENESIS", "session_id": session, "payload": {}})
                elif event == "command-rejected":
                    raise RuntimeError(f"refused: {orjson.loads(data)['payload']['message'][:200]}")
                elif event == "session-finished":
                    break
            else:
                raise RuntimeError("the stream ended before the session")
        self.measured.sessions += 1
        return session, proposal


async def frames(stream: aiohttp.ClientResponse) -> Any:
    """(event, data) of each frame that has an id."""
    event, data, has_id = "", b"", False
    async for line in stream.content:
        if line.startswith(b"data:"):
            data += line[5:].strip()
        elif line.startswith(b"event:"):
            event = line[6:].strip().decode()
        elif line.startswith(b"id:"):
            has_id = True
        elif line in (b"\n", b"\r\n"):
            if has_id:
                yield event, data
            event, data, has_id = "", b"", False
