"""The built-in engine as a text provider: the same events as from a model, and no pretended delay."""

import time
from collections.abc import AsyncIterator

from connectors.providers.builtin.engine import VERSION, propose
from connectors.providers.protocol import AttemptStarted, Final, Partial, ProviderEvent
from genesis.content.catalog import Content
from genesis.content.fields import Item, specs
from genesis.content.proposal import Provenance
from genesis.session.messages import GenerationRequest

CHUNK = 20
"""Characters that a model would send at a time; a partial is a whole number of them."""

PARTIALS = 40
"""Most partials per proposal, so that a long outline doesn't flood the progress topic."""


class BuiltinProvider:
    """The default provider: works offline, costs nothing, is no AI model and says so."""

    name = "builtin"

    async def generate(self, request: GenerationRequest) -> AsyncIterator[ProviderEvent]:
        """One attempt; each partial holds the whole text so far."""
        yield AttemptStarted(1)
        started = time.monotonic()
        proposal = propose(request)
        duration = round((time.monotonic() - started) * 1000)
        text = "\n\n".join(readable(each) for each in proposal.candidates)
        for partial in partials(text):
            yield Partial(partial)
        provenance = Provenance(
            kind="procedural",
            provider=self.name,
            model=VERSION,
            seed=proposal.seed,
            cost="0",
            duration_ms=duration,
            finish_reason="stop",
        )
        yield Final(proposal.candidates, proposal.understood, proposal.not_understood, provenance)


def partials(text: str) -> list[str]:
    """The text as it grows, in steps of so many chunks that there are at most PARTIALS of them."""
    chunks = -(-len(text) // CHUNK)
    step = CHUNK * max(1, -(-chunks // PARTIALS))
    return [text[:end] for end in range(step, len(text) + step, step)]


def readable(content: Content) -> str:
    """The content as lines for people, while it is being made: texts only, no ids."""
    lines: list[str] = []

    def walk(item: Item, depth: int) -> None:
        for spec in specs(type(item)):
            value = getattr(item, spec.name)
            if spec.items:
                for each in value:
                    walk(each, depth + 1)
            elif not spec.refers and isinstance(value, str) and value:
                lines.append(value)
            elif not spec.refers and isinstance(value, tuple):
                lines.extend(f"· {each}" for each in value)

    walk(content, 0)
    return "\n".join(lines)
