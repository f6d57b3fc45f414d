"""A client that writes one session after the other, as an impatient person with a bad line would."""

import asyncio
import contextlib
import random
from typing import Any
from uuid import UUID, uuid4

from chaos import choices
from chaos.door import Command, Door
from chaos.reader import Reader

MOST_TURNS = 30
"""Commands a novelist sends of their own choice before they only want the novel."""

PATIENCE_TURNS = 60
"""Commands after which they give a session up: some mix of edits may leave an error that only thought would mend."""

THINKING_SECONDS = 1.0
"""How long a novelist with nothing to say waits for news."""

OUTCOME_SECONDS = 30.0
"""How long a novelist waits for what came of a command before they look it up and go on."""


class Novelist:
    """One client; all its readers are kept open until `rest`, so that each can be asked what it has missed."""

    def __init__(self, door: Door, name: str, chance: random.Random, provider: str, cuts: float = 0.01) -> None:
        """`provider`: the text maker of the sessions; `cuts`: see Reader."""
        self.door, self.name = door, name
        self.readers: list[Reader] = []
        self._chance, self._provider, self._cuts = chance, provider, cuts
        self._sent: list[Command] = []
        self._stack = contextlib.AsyncExitStack()

    async def write(self, enough: asyncio.Event) -> None:
        """Write until told that it is enough; the session begun is written to its end."""
        while not enough.is_set():
            await self.session(enough)

    async def session(self, enough: asyncio.Event) -> None:
        """One session from START_GENESIS to its end."""
        mode = self._chance.choice(["guided", "guided", "free_form"])
        brief = {"mode": mode, "idea": "a clerk who sells the sea", "provider": self._provider}
        started = await self._say(None, "START_GENESIS", {**brief, "seed": self._chance.randrange(1000)})
        assert started is not None  # a START is refused by no other command
        session = started[0]
        reader = await self.follow(session, self.name)
        if self._chance.random() < 0.3:
            await self.follow(session, f"{self.name}, onlooker")
        turns = 0
        while reader.state is None or not reader.state.status.is_over:
            seen = reader.last
            said = self._next(reader, hurry=enough.is_set() or turns > MOST_TURNS)
            if turns > PATIENCE_TURNS:
                said = "ABANDON_GENESIS", {}
            if said is None:
                await self._news(reader, seen)
                continue
            turns += 1
            sent = await self._say(session, *said)
            if sent is not None:
                await self._outcome(reader, sent[1])
            elif reader.last == seen:
                # The door refused it as one too many: what is under way brings the next event.
                await self._news(reader, seen)
            await self._ask_around(reader)

    async def follow(self, session: UUID, name: str) -> Reader:
        """A reader of this session, to be kept until the end of the run."""
        door = self.door
        reader = Reader(door.http, door.url, door.recorder, name, session, self._chance, self._cuts)
        self.readers.append(reader)
        return await self._stack.enter_async_context(reader)

    async def rest(self) -> None:
        """Close all streams."""
        await self._stack.aclose()

    def _next(self, reader: Reader, hurry: bool) -> choices.Said | None:
        chance = self._chance
        if reader.state is None:
            return None
        if not hurry and chance.random() < 0.06:
            return choices.stale(reader.state, [*reader.proposals], chance)
        if not hurry and chance.random() < 0.1 and (answer := choices.early(reader.state, chance)):
            return answer
        return choices.choose(reader.state, chance, hurry)

    async def _say(
        self, session: UUID | None, command_type: str, payload: dict[str, Any]
    ) -> tuple[UUID, UUID] | None:
        """Send a command, now and then an old one once more; (session, command), or None where it was refused."""
        command = Command(str(uuid4()), command_type, payload, session)
        answer = await self.door.send(self.name, command, self._chance)
        if self._sent and self._chance.random() < 0.05:
            await self.door.send(self.name, self._chance.choice(self._sent), self._chance)
        if answer.session is None or answer.command is None:
            return None
        self._sent.append(command)
        return answer.session, answer.command

    async def _outcome(self, reader: Reader, command: UUID) -> None:
        """Wait until the reader has seen what came of it."""
        try:
            async with asyncio.timeout(OUTCOME_SECONDS):
                while command not in reader.causes:
                    await reader.moved(reader.last)
        except TimeoutError:
            await self.door.look(self.name, command)

    async def _news(self, reader: Reader, seen: int) -> None:
        """Wait a moment for the next event; then they may think of something else to say."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.moved(seen), THINKING_SECONDS)

    async def _ask_around(self, reader: Reader) -> None:
        if self._chance.random() < 0.1:
            await self.door.read_state(reader.name, reader.session, reader.last)
        if self._chance.random() < 0.05 and reader.causes:
            command = self._chance.choice(sorted(reader.causes, key=str))
            await self.door.look(self.name, command)
