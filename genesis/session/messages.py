"""What a session is told: commands of a person, and internal messages of the generator and the sweeper."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator, model_validator

from genesis.content.catalog import CONTENT, Content
from genesis.content.proposal import Provenance, Understood
from genesis.session.brief import Brief
from genesis.session.stages import Stage
from genesis.values import Frozen, Text

Chip = Literal["darker", "lighter", "shorter", "stranger", "less_cliche", "more_stakes"]
"""Feedback at one touch (content model §4)."""

Guidance = Annotated[Text, Field(max_length=2000)]
Name = Annotated[Text, Field(max_length=80)]


class StartGenesis(Brief):
    """Open a session with this brief; the machine asks for the first proposal by itself."""

    type: Literal["START_GENESIS"] = "START_GENESIS"

    def brief(self) -> Brief:
        """The brief alone, without the tag."""
        return Brief.model_construct(**{name: getattr(self, name) for name in Brief.model_fields})


class GenerateInspiration(Frozen):
    """Ask for a (new) round of proposals for a stage."""

    type: Literal["GENERATE_INSPIRATION"] = "GENERATE_INSPIRATION"
    stage: Stage
    what: Literal["round"] = "round"
    guidance: Guidance = ""
    """What to keep in mind, in the person's words."""
    provider: Annotated[Text, Field(max_length=40)] = ""
    """Name of the text provider; empty takes the brief's."""
    model: Name = ""
    """Model of the provider; empty takes the brief's."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sampling temperature, where the provider has one."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Seed, where the provider is deterministic by seed."""
    count: Annotated[int, Field(ge=1, le=5)] | None = None
    """Candidates wished for, where the stage has several."""


class SelectConcept(Frozen):
    """Choose one candidate of a proposal; only the first two stages have several."""

    type: Literal["SELECT_CONCEPT"] = "SELECT_CONCEPT"
    stage: Stage = Stage.CONCEPT_SELECTION
    proposal_id: UUID
    revision: Annotated[int, Field(ge=1)] = 1
    base: Annotated[Text, Field(min_length=1, max_length=8)]
    """Id of the candidate, such as `k2`."""


class ProvideFeedback(Frozen):
    """Say what should be different; text or chips start a new round."""

    type: Literal["PROVIDE_FEEDBACK"] = "PROVIDE_FEEDBACK"
    stage: Stage
    proposal_id: UUID
    revision: Annotated[int, Field(ge=1)] = 1
    text: Guidance = ""
    chips: Annotated[tuple[Chip, ...], Field(max_length=6)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip() and not self.chips:
            raise ValueError("feedback needs `text` or `chips`: say what should be different")
        return self


class ConfirmStage(Frozen):
    """Accept a stage as it is; `candidate` chooses and confirms at once."""

    type: Literal["CONFIRM_STAGE"] = "CONFIRM_STAGE"
    stage: Stage
    proposal_id: UUID
    revision: Annotated[int, Field(ge=1)] = 1
    candidate: Annotated[Text, Field(max_length=8)] = ""
    note: Annotated[Text, Field(max_length=500)] = ""


class NavigateToStage(Frozen):
    """Go to another stage. Refused in guided mode, which goes forward only."""

    type: Literal["NAVIGATE_TO_STAGE"] = "NAVIGATE_TO_STAGE"
    stage: Stage


class FinishGenesis(Frozen):
    """Make the novel of the five confirmed stages and end the session."""

    type: Literal["FINISH_GENESIS"] = "FINISH_GENESIS"
    title: Name = ""
    """Another title than the confirmed one."""


class AbandonGenesis(Frozen):
    """End the session without a novel."""

    type: Literal["ABANDON_GENESIS"] = "ABANDON_GENESIS"
    reason: Annotated[Text, Field(max_length=500)] = ""


class HandleExpired(Frozen):
    """The sweeper found this handle past its time."""

    type: Literal["HANDLE_EXPIRED"] = "HANDLE_EXPIRED"
    stage: Stage
    handle_id: UUID
    expires_at: AwareDatetime
    """The time it was to expire at; a renewed handle has another, and then this message is overtaken."""


class GenerationSucceeded(Frozen):
    """The generator brings a proposal."""

    type: Literal["GENERATION_SUCCEEDED"] = "GENERATION_SUCCEEDED"
    task_id: UUID
    attempt: Annotated[int, Field(ge=1)]
    stage: Stage
    candidates: Annotated[tuple[Content, ...], Field(min_length=1, max_length=5)]
    understood: Annotated[tuple[Understood, ...], Field(max_length=20)] = ()
    not_understood: Annotated[tuple[Annotated[Text, Field(max_length=200)], ...], Field(max_length=20)] = ()
    provenance: Provenance

    @field_validator("candidates", mode="before")
    @classmethod
    def _of_the_stage(cls, candidates: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), candidates)


class GenerationFailed(Frozen):
    """The generator gave up, or the sweeper found the generation past its deadline (`timed_out`)."""

    type: Literal["GENERATION_FAILED"] = "GENERATION_FAILED"
    task_id: UUID
    attempt: Annotated[int, Field(ge=1)] | None = None
    """Attempt that failed; None when the sweeper speaks."""
    stage: Stage
    code: Annotated[Text, Field(max_length=60)]
    message: Annotated[Text, Field(max_length=500)] = ""
    """One sentence for the person."""
    timed_out: bool = False
    provenance: Provenance | None = None
    """What the failed attempts cost, where that is known."""


Answer = Annotated[SelectConcept | ProvideFeedback | ConfirmStage, Field(discriminator="type")]
"""Commands that name a proposal: they answer an open resume handle."""

PersonCommand = (
    StartGenesis
    | GenerateInspiration
    | SelectConcept
    | ProvideFeedback
    | ConfirmStage
    | NavigateToStage
    | FinishGenesis
    | AbandonGenesis
)
Internal = HandleExpired | GenerationSucceeded | GenerationFailed
Message = PersonCommand | Internal

PERSON_COMMANDS: tuple[type[PersonCommand], ...] = (
    StartGenesis,
    GenerateInspiration,
    SelectConcept,
    ProvideFeedback,
    ConfirmStage,
    NavigateToStage,
    FinishGenesis,
    AbandonGenesis,
)
INTERNALS: tuple[type[Internal], ...] = (HandleExpired, GenerationSucceeded, GenerationFailed)


class GenerationRequest(Frozen):
    """What a provider needs for one proposal, all of it: the generator reads no database for it."""

    task_id: UUID
    session_id: UUID
    user_id: Text
    correlation_id: UUID
    stage: Stage
    what: Literal["round"] = "round"
    round: int
    """Number of the round in this stage, from 1."""
    brief: Brief
    guidance: Guidance = ""
    feedback: Guidance = ""
    """Words of the person about the previous round."""
    chips: tuple[Chip, ...] = ()
    count: int | None = None
    seed: int | None = None
    temperature: float | None = None
    provider: Annotated[Text, Field(max_length=40)] = ""
    model: Name = ""
    confirmed: dict[Stage, Content] = Field(default_factory=dict)
    """Confirmed contents of the other stages."""
    previous: tuple[Content, ...] = ()
    """Candidates of the round that the feedback is about."""
    requested_at: AwareDatetime
    deadline: AwareDatetime

    @field_validator("confirmed", mode="before")
    @classmethod
    def _each_of_its_stage(cls, confirmed: Any) -> Any:
        if not isinstance(confirmed, dict):
            return confirmed
        return {stage: contents_of(stage, (content,))[0] for stage, content in confirmed.items()}

    @field_validator("previous", mode="before")
    @classmethod
    def _of_the_stage(cls, previous: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), previous)

    def is_late(self, now: datetime) -> bool:
        """True when a generation must no longer be started for it."""
        return now >= self.deadline


def contents_of(stage: Any, values: Any) -> Any:
    """These values as contents of this stage.

    A plain union can't tell the stages' contents apart, since every field of theirs has a default; the stage
    that stands beside them does.

    Raises pydantic.ValidationError where a value is no content of the stage.
    """
    if stage is None or not isinstance(values, list | tuple):
        return values
    model = CONTENT[Stage(stage)]
    return tuple(value if isinstance(value, model) else model.model_validate(value) for value in values)
