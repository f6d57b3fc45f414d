"""The story engine: a request in, a proposal out, by rule and seed alone; never a model."""

from dataclasses import dataclass

from connectors.providers.builtin import bank, feedback, reporting
from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.rounds import made
from connectors.providers.builtin.work import Work
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.proposal import Understood
from genesis.session.messages import GenerationRequest

VERSION = f"builtin/2.1+bank.{bank.VERSION}"
"""Engine and bank, as provenance records them."""


@dataclass(frozen=True)
class Proposal:
    """What the engine has to say to a request."""

    candidates: tuple[Content, ...]
    understood: tuple[Understood, ...]
    not_understood: tuple[str, ...]
    seed: int


def seed_of(request: GenerationRequest) -> int:
    """The seed in use: the request's, the brief's, or one that the session's id gives."""
    for seed in (request.seed, request.brief.seed):
        if seed is not None:
            return seed
    return request.session_id.int % 2**53


def _lead(request: GenerationRequest) -> str:
    """What the idea and the former or confirmed stages say of the lead."""
    told = [request.brief.idea]
    for content in (*request.previous, *request.confirmed.values()):
        if isinstance(content, Concept):
            told.append(content.lead)
        elif isinstance(content, Cast) and content.characters:
            told.append(content.characters[0].profile)
    return "\n".join(told)


def propose(request: GenerationRequest) -> Proposal:
    """Make the proposal; the same request gives the same proposal, byte for byte.

    Raises BankError where a file of the bank can't be used.
    """
    wishes = feedback.read([request.feedback, request.guidance], request.chips, _lead(request))
    wishes.keep(request.stage)
    seed = seed_of(request)
    avoid = tuple([*request.brief.avoid, *wishes.avoid])
    work = Work(request, ideas.read(request.brief.idea), wishes, seed, avoid)
    candidates = made(work)
    unmet = reporting.unmet(work, candidates)
    understood = [*wishes.understood, *reporting.understood(work, candidates)]
    not_understood = [
        *wishes.not_understood,
        *unmet,
        *reporting.not_used(work, candidates),
        *reporting.still_there(candidates, avoid),
    ]
    return Proposal(
        candidates=candidates,
        understood=tuple(understood[:20]),
        not_understood=tuple(text[:200] for text in not_understood[:20]),
        seed=seed,
    )
