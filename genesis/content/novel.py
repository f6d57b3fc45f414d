"""The finished novel: the five confirmed contents and what is told about them (content model §9)."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.fields import S20, S35, S60, S80, S240, S2400
from genesis.content.outline import Outline
from genesis.content.proposal import Provenance
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.stages import Stage
from genesis.values import Frozen, Text


class Contents(Frozen):
    """The confirmed contents of all five stages."""

    concept: Concept
    story: Story
    world: World
    cast: Cast
    outline: Outline

    @classmethod
    def of(cls, confirmed: Mapping[Stage, Content]) -> Self:
        """Put the confirmed contents together.

        Raises KeyError where a stage is missing and pydantic.ValidationError where one is of another stage.
        """
        return cls.model_validate(
            {
                "concept": confirmed[Stage.CONCEPT_SELECTION],
                "story": confirmed[Stage.STORY_CONCEPTION],
                "world": confirmed[Stage.WORLDVIEW],
                "cast": confirmed[Stage.CHARACTERS],
                "outline": confirmed[Stage.PLOT_OUTLINE],
            }
        )

    def by_stage(self) -> dict[Stage, Content]:
        """The contents under their stages, in the order of the stages."""
        return {
            Stage.CONCEPT_SELECTION: self.concept,
            Stage.STORY_CONCEPTION: self.story,
            Stage.WORLDVIEW: self.world,
            Stage.CHARACTERS: self.cast,
            Stage.PLOT_OUTLINE: self.outline,
        }


class StageOrigin(Frozen):
    """Where the confirmed content of a stage came from."""

    provenance: Provenance | None = None
    """None where the person wrote it all."""
    round: Annotated[int, Field(ge=0)] = 0
    """Number of the round it came from; 0 for the person's own text."""
    rounds: Annotated[int, Field(ge=0)] = 0
    """How many rounds the stage took."""
    accepted_warnings: tuple[Text, ...] = ()
    """Codes of the warnings that stood when it was confirmed."""
    accepted_stale: tuple[Text, ...] = ()
    """Paths that no longer agreed with an earlier stage when the session was finished."""


class Cost(Frozen):
    """What all generations of the session cost together."""

    amount: S20 = "0"
    """Sum of the known costs, as decimal text."""
    currency: Annotated[Text, Field(max_length=3)] = "USD"
    unpriced: Annotated[int, Field(ge=0)] = 0
    """Generations whose price is not known; never counted as 0."""
    tokens_in: Annotated[int, Field(ge=0)] = 0
    tokens_out: Annotated[int, Field(ge=0)] = 0


class Novel(Frozen):
    """The result of a session: what one row of the `novels` read model holds."""

    id: UUID
    session_id: UUID
    user_id: Text
    title: S80
    logline: S240
    """The concept's hook."""
    genre: S60
    language: S35
    """BCP 47 tag."""
    audience: S20
    synopsis: S2400
    target_words: int
    chapter_count: int
    content: Contents
    provenance: dict[Stage, StageOrigin] = Field(default_factory=dict)
    cost: Cost = Cost()
    content_hash: Text
    """`content_hash` of the five contents in the order of the stages."""
    created_at: AwareDatetime


def content_hash(contents: Iterable[Content]) -> str:
    """SHA-256, hexadecimal, over the canonical JSON of these contents in this order.

    Canonical: keys sorted, no spaces, UTF-8 unescaped; equal contents have equal hashes in every process.
    """
    document = [content.model_dump(mode="json") for content in contents]
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
