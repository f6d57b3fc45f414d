"""What a session is told: commands of a person, and internal messages of the generator and the sweeper."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator, model_validator

from genesis.content.catalog import CONTENT, Content
from genesis.content.fields import Id
from genesis.content.impact import StaleReason
from genesis.content.operations import MAX_OPERATIONS, Operation
from genesis.content.proposal import Provenance, Understood
from genesis.content.versions import Take
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


What = Literal["round", "candidate", "paths", "blend", "stale"]
"""What is asked for: a round of fresh candidates; one candidate anew; some paths anew; a blend of two or three
candidates; the paths that no longer agree with an earlier stage (content model §4)."""

Path = Annotated[Text, Field(min_length=1, max_length=160)]
"""JSON Pointer with list items named by id; in the first two stages it begins with the candidate's id."""


class GenerateInspiration(Frozen):
    """Ask for proposals: a new round, one candidate or some paths anew, a blend, or a mending of stale paths."""

    type: Literal["GENERATE_INSPIRATION"] = "GENERATE_INSPIRATION"
    stage: Stage
    what: What = "round"
    candidates: Annotated[tuple[Id, ...], Field(max_length=3)] = ()
    """`candidate`: the one to make anew. `blend`: the two or three to blend."""
    paths: Annotated[tuple[Path, ...], Field(max_length=50)] = ()
    """`paths`: what to write anew."""
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

    @model_validator(mode="after")
    def _names_what_it_is_about(self) -> Self:
        wanted = {"candidate": (1, 1), "blend": (2, 3)}.get(self.what, (0, 0))
        if not wanted[0] <= len(set(self.candidates)) == len(self.candidates) <= wanted[1]:
            raise ValueError("name one of `candidates` for `candidate`, two or three for `blend`, else none")
        if bool(self.paths) != (self.what == "paths"):
            raise ValueError("`paths` belong to `paths`: name at least one there, and none elsewhere")
        return self


class SelectConcept(Frozen):
    """Choose one of several candidates, and take fields of others into it; only the first two stages have several."""

    type: Literal["SELECT_CONCEPT"] = "SELECT_CONCEPT"
    stage: Stage = Stage.CONCEPT_SELECTION
    proposal_id: UUID
    revision: Annotated[int, Field(ge=1)] = 1
    base: Annotated[Text, Field(min_length=1, max_length=8)]
    """Id of the candidate, such as `k2`."""
    take: Annotated[tuple[Take, ...], Field(max_length=14)] = ()
    """Fields of at most two other candidates that replace the chosen one's own."""


class ProvideFeedback(Frozen):
    """Say what should be different, or make it so: text or chips start a new round, all else is done by code."""

    type: Literal["PROVIDE_FEEDBACK"] = "PROVIDE_FEEDBACK"
    stage: Stage
    proposal_id: UUID | None = None
    """The proposal that is meant; null for one's own text in an empty stage, and for a stop of whatever runs."""
    revision: Annotated[int, Field(ge=0)] = 1
    """The revision that is meant; 0 with a null proposal."""
    text: Guidance = ""
    chips: Annotated[tuple[Chip, ...], Field(max_length=6)] = ()
    patch: Annotated[tuple[Operation, ...], Field(max_length=MAX_OPERATIONS)] = ()
    """Changes of the text by the person's own hand (RFC 6902); all of them are applied, or none."""
    lock: Annotated[tuple[Path, ...], Field(max_length=200)] = ()
    """Paths that no regeneration may change from now on."""
    unlock: Annotated[tuple[Path, ...], Field(max_length=200)] = ()
    """Paths that regeneration may change again, with everything under them."""
    keep_unlocked: bool = False
    """True: what the patch touches is not locked."""
    restore: Annotated[tuple[Content, ...], Field(max_length=5)] = ()
    """Candidates of an earlier round or revision, whole: one of the stage's last 20."""
    stop: bool = False
    """True: end the running generation."""

    @field_validator("restore", mode="before")
    @classmethod
    def _of_the_stage(cls, restore: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), restore)

    @property
    def asks_for_a_round(self) -> bool:
        """True where somebody has to write something new."""
        return bool(self.text.strip() or self.chips)

    @property
    def edits(self) -> bool:
        """True where code changes the draft or its locks at once."""
        return bool(self.patch or self.lock or self.unlock)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        wishes = sum((self.stop, bool(self.restore), self.edits or self.asks_for_a_round))
        if wishes == 0:
            raise ValueError("say what should be different: `text`, `chips`, `patch`, `lock`, `restore` or `stop`")
        if wishes > 1:
            raise ValueError("`stop` and `restore` come alone; send the rest in a command of its own")
        if self.proposal_id is None and not self.stop and self.revision != 0:
            raise ValueError("own text in an empty stage names no proposal and has `revision` 0")
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
    """Go to another stage; a confirmed one is opened as a copy, and holds until that is confirmed."""

    type: Literal["NAVIGATE_TO_STAGE"] = "NAVIGATE_TO_STAGE"
    stage: Stage


class FinishGenesis(Frozen):
    """Make the novel of the five confirmed stages and end the session."""

    type: Literal["FINISH_GENESIS"] = "FINISH_GENESIS"
    title: Name = ""
    """Another title than the confirmed one."""
    accept_stale: bool = False
    """True: finish although stages no longer agree with an earlier one."""


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


class SessionExpired(Frozen):
    """The sweeper found this session untouched for too long."""

    type: Literal["SESSION_EXPIRED"] = "SESSION_EXPIRED"
    last_sequence: Annotated[int, Field(ge=1)]
    """Sequence of the session's last event; if another has come since, this message is overtaken."""


class StateRepaired(Frozen):
    """An operator's state, folded anew from the session's events (design §8)."""

    type: Literal["STATE_REPAIRED"] = "STATE_REPAIRED"
    record: Text
    """What `genesis.wire.dump_state` makes, as text."""
    force: bool = False
    """True: taken even where the session's own sequence is higher."""


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
Internal = HandleExpired | SessionExpired | GenerationSucceeded | GenerationFailed
Message = PersonCommand | Internal | StateRepaired

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
INTERNALS: tuple[type[Internal | StateRepaired], ...] = (
    HandleExpired,
    SessionExpired,
    GenerationSucceeded,
    GenerationFailed,
    StateRepaired,
)


class GenerationRequest(Frozen):
    """What a provider needs for one proposal, all of it: the generator reads no database for it."""

    task_id: UUID
    session_id: UUID
    user_id: Text
    correlation_id: UUID
    stage: Stage
    what: What = "round"
    candidates: tuple[Id, ...] = ()
    """`candidate`: the one to make anew, with the id it keeps. `blend`: those to blend."""
    paths: tuple[Path, ...] = ()
    """`paths` and `stale`: what to write anew; all else is kept by code, whatever comes back."""
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
    """What is to be changed, as the person sees it: the draft's candidates; for `stale` the confirmed content."""
    locks: tuple[Path, ...] = ()
    """Paths of `previous` that stay as they are: code puts them back over the result."""
    stale: tuple[StaleReason, ...] = ()
    """`stale`: what no longer agrees with an earlier stage, and with what of it."""
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
