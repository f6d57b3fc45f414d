"""What every text provider is: a request goes in, typed events come out while it works."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from genesis.content.catalog import Content
from genesis.content.proposal import Provenance, Understood
from genesis.errors import GenesisError
from genesis.session.messages import GenerationRequest


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """The provider begins (again); what was shown of an earlier attempt is void."""

    attempt: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What is there so far, whole, as the person may read it; for display only, never stored."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The finished proposal: contents of the request's stage, valid against their models."""

    candidates: tuple[Content, ...]
    """Ids are the provider's own; the machine gives the real ones on arrival."""
    understood: tuple[Understood, ...]
    """Wishes that were obeyed; at most 20."""
    not_understood: tuple[str, ...]
    """What of the person's words was not used, as sentences of at most 200 characters; at most 20."""
    provenance: Provenance


ProviderEvent = AttemptStarted | Partial | Final


class TextProvider(Protocol):
    """Makes proposals. One instance serves all requests of a process, several at once."""

    @property
    def name(self) -> str:
        """Name under which a request asks for it."""

    def generate(self, request: GenerationRequest) -> AsyncIterator[ProviderEvent]:
        """Work on one request: at least one AttemptStarted, partials, and a Final as the last event.

        Closing the iterator stops the work.

        Raises Temporary where another try later may succeed, Declined where the provider refuses the text,
        and another GenerationError where trying again is useless.
        """


class GenerationError(GenesisError):
    """The provider could not make a proposal; try again or choose another provider."""

    code = "generation_failed"
    """Stable word for programs, carried by GENERATION_FAILED."""

    def __init__(self, message: str = "", *, code: str | None = None, provenance: Provenance | None = None):
        super().__init__(*([message] if message else []))
        if code:
            self.code = code
        self.provenance = provenance
        """What the failed attempts cost, where that is known."""


class Temporary(GenerationError):
    """The provider cannot answer just now; it will be asked again after a pause."""

    code = "provider_unavailable"

    def __init__(self, message: str = "", *, delay: float, provenance: Provenance | None = None):
        super().__init__(message, provenance=provenance)
        self.delay = delay
        """Seconds to wait at least before the next try."""


class Declined(GenerationError):
    """The provider declined to write this; change the idea or the feedback, or choose another provider."""

    code = "provider_declined"


class UnknownProvider(GenerationError):
    """There is no such provider; leave the provider empty for the built-in story engine."""

    code = "unknown_provider"
