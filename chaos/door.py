"""The calls of a client, each try recorded with what came of it."""

import asyncio
import itertools
import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import orjson

from chaos.history import Answered, Invoked, Looked, Recorder, StateRead

PAUSE_SECONDS = 0.1
"""Between two tries of a command."""

TRY_SECONDS = 10.0
"""After so long a try counts as unanswered."""

_FAILURES = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a client sends it, again and again under one key until the door has answered."""

    key: str
    command_type: str
    payload: dict[str, Any]
    session: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door said at last; `command` and `session` only with status 202."""

    status: int
    command: UUID | None = None
    session: UUID | None = None


class Door:
    """The API as one client uses it."""

    def __init__(
        self, http: aiohttp.ClientSession, url: str, recorder: Recorder, calls: "itertools.count[int]"
    ) -> None:
        """`calls` numbers the tries of all clients of a run."""
        self.http, self.url, self.recorder = http, url, recorder
        self._calls = calls

    async def send(self, client: str, command: Command, chance: random.Random) -> Answer:
        """Send until there is a definite answer; once in a while also twice at the same time."""
        if chance.random() < 0.05:
            twins = await asyncio.gather(self._send(client, command), self._send(client, command))
            return twins[0]
        return await self._send(client, command)

    async def _send(self, client: str, command: Command) -> Answer:
        while True:
            answer = await self.attempt(client, command)
            if answer.status not in (0, 429) and answer.status < 500:
                return answer
            await asyncio.sleep(PAUSE_SECONDS)

    async def attempt(self, client: str, command: Command) -> Answer:
        """One try; status 0 where no answer came."""
        call = next(self._calls)
        named = command.payload
        self.recorder.add(
            Invoked(
                at=time.monotonic(),
                call=call,
                client=client,
                key=command.key,
                command_type=command.command_type,
                session=command.session,
                stage=str(named.get("stage", "")),
                proposal=named.get("proposal_id"),
                revision=named.get("revision"),
            )
        )
        body: dict[str, Any] = {"command_type": command.command_type, "payload": named}
        if command.session is not None:
            body["session_id"] = str(command.session)
        headers = {"Idempotency-Key": command.key, "Content-Type": "application/json"}
        try:
            timeout = aiohttp.ClientTimeout(total=TRY_SECONDS)
            async with self.http.post(
                f"{self.url}/genesis/commands", data=orjson.dumps(body), headers=headers, timeout=timeout
            ) as answered:
                text = await answered.read()
                status = answered.status
        except _FAILURES:
            self.recorder.add(Answered(at=time.monotonic(), call=call, outcome="unknown"))
            return Answer(0)
        if status != 202:
            self.recorder.add(Answered(at=time.monotonic(), call=call, outcome="fail", status=status))
            return Answer(status)
        told = orjson.loads(text)
        answer = Answer(status, UUID(told["command_id"]), UUID(told["session_id"]))
        self.recorder.add(
            Answered(
                at=time.monotonic(),
                call=call,
                outcome="ok",
                status=status,
                command=answer.command,
                session=answer.session,
                command_no=told["command_no"],
            )
        )
        return answer

    async def look(self, client: str, command: UUID) -> str | None:
        """How far a command has come; None while nobody answers."""
        told = await self._get(f"/genesis/commands/{command}")
        if told is None:
            return None
        self.recorder.add(Looked(at=time.monotonic(), client=client, command=command, status=told["status"]))
        return str(told["status"])

    async def read_state(self, reader: str, session: UUID, seen: int) -> None:
        """Read the state as a client that has seen its stream up to `seen`."""
        if (told := await self._get(f"/genesis/{session}/state")) is not None:
            version = told["version"]
            self.recorder.add(
                StateRead(at=time.monotonic(), reader=reader, session=session, seen=seen, version=version)
            )

    async def _get(self, path: str) -> dict[str, Any] | None:
        try:
            async with self.http.get(
                f"{self.url}{path}", timeout=aiohttp.ClientTimeout(total=TRY_SECONDS)
            ) as answered:
                text = await answered.read()
                return dict(orjson.loads(text)) if answered.status == 200 else None
        except _FAILURES:
            return None
