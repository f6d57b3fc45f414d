"""The state of a session: what `decide` needs to know, and nothing that can be derived."""

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator

from genesis.content.catalog import Content
from genesis.content.impact import StaleReason
from genesis.content.novel import Cost
from genesis.content.proposal import Provenance
from genesis.session.brief import Brief
from genesis.session.handles import Handle
from genesis.session.messages import Chip, What, contents_of
from genesis.session.stages import Stage
from genesis.values import Frozen, Text

STOPPED_KEPT = 20
"""How many ended generations are remembered, so that a late result is known for what it is (design §5)."""
VERSIONS_KEPT = 20
"""How many rounds and revisions of a stage are remembered by their hash (content model §4, restore)."""


class Status(StrEnum):
    """Status of a session."""

    IN_PROGRESS = "IN_PROGRESS"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    ABANDONED = "ABANDONED"
    REFUSED = "refused"
    """Its START_GENESIS was refused; nothing can be done with it."""

    @property
    def is_over(self) -> bool:
        """True when nothing more can be granted."""
        return self in (Status.COMPLETED, Status.ABANDONED, Status.REFUSED)


class Task(Frozen):
    """A running generation. Its id is also the id of the proposal it will make (design §5)."""

    task_id: UUID
    stage: Stage
    what: What = "round"
    """What is asked for."""
    candidates: tuple[Text, ...] = ()
    """Ids of the candidates it is about."""
    paths: tuple[Text, ...] = ()
    """Paths it is to write anew."""
    round: int
    """Number of the round in this stage, from 1."""
    guidance: Text = ""
    """What to keep in mind, in the person's words."""
    feedback: Text = ""
    """What the person said about the previous round."""
    chips: tuple[Chip, ...] = ()
    """Feedback at one touch."""
    count: int | None = None
    """Candidates wished for; null takes the stage's own number."""
    seed: int | None = None
    """Seed wished for; null leaves it to the provider."""
    temperature: float | None = None
    """Sampling temperature wished for; null leaves it to the provider."""
    provider: Text = ""
    """Name of the text provider; empty takes the built-in story engine."""
    model: Text = ""
    """Model of the provider; empty takes its own choice."""
    command_id: UUID
    """The command that asked for it."""
    correlation_id: UUID
    requested_at: AwareDatetime
    deadline: AwareDatetime


class StoppedTask(Frozen):
    """A generation that ended without its result, which may still arrive: its cost is then recorded."""

    task_id: UUID
    stage: Stage
    reason: Literal["stopped", "timed_out", "abandoned", "expired", "finished"]


Kind = Literal["round", "feedback", "candidate", "paths", "blend", "stale", "own", "restore", "reopened"]
"""How a draft came about: a generation of this sort, the person's own text, an earlier version, or a confirmed
stage that was opened again."""


class Draft(Frozen):
    """A proposal as the person sees it. Rounds are immutable; an edit makes a new revision (content model §3)."""

    proposal_id: UUID
    stage: Stage
    round: int
    revision: int = 1
    parent: UUID | None = None
    """The proposal this one came from."""
    kind: Kind = "round"
    """How it came about."""
    candidates: tuple[Content, ...]
    chosen: Text = ""
    """Id of the chosen candidate; stages with one candidate have it chosen from the start."""
    merged_from: tuple[Text, ...] = ()
    """Candidates whose fields were taken into the chosen one."""
    locks: tuple[Text, ...] = ()
    """Paths that no regeneration changes."""
    user_paths: tuple[Text, ...] = ()
    """Paths that the person has written."""
    content_hash: Text = ""
    command_id: UUID
    """The command that asked for it."""
    created_at: AwareDatetime
    provenance: Provenance | None = None
    """None where the person wrote it all."""

    @field_validator("candidates", mode="before")
    @classmethod
    def _of_the_stage(cls, candidates: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), candidates)

    def candidate(self, candidate_id: str) -> Content | None:
        """The candidate with this id, if there is one."""
        return next((each for each in self.candidates if each.id == candidate_id), None)


class ConfirmedStage(Frozen):
    """What the person accepted for a stage; it holds until the stage is confirmed again."""

    stage: Stage
    content: Content
    proposal_id: UUID | None
    round: int
    revision: int
    chosen_from: tuple[Text, ...] = ()
    """Ids of the candidates it was chosen from."""
    merged_from: tuple[Text, ...] = ()
    locks: tuple[Text, ...] = ()
    user_paths: tuple[Text, ...] = ()
    accepted_warnings: tuple[Text, ...] = ()
    """Codes of the warnings that stood when it was confirmed."""
    note: Text = ""
    provenance: Provenance | None = None
    version: int
    """Version of the session at which it was confirmed."""
    confirmed_at: AwareDatetime
    confirmed_by: Text

    @field_validator("content", mode="before")
    @classmethod
    def _of_the_stage(cls, content: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), (content,))[0]


class Closed(Frozen):
    """Guided mode: an earlier stage is not confirmed yet."""

    name: Literal["CLOSED"] = "CLOSED"


class Empty(Frozen):
    """Open, and nothing proposed."""

    name: Literal["EMPTY"] = "EMPTY"


class Generating(Frozen):
    """A generation runs; `draft` is what the stage returns to if it fails."""

    name: Literal["GENERATING"] = "GENERATING"
    task: Task
    handle: Handle
    draft: Draft | None = None
    edited: tuple[Text, ...] = ()
    """Paths the person has written since the generation was asked for: they survive its result, locked or not."""


class Review(Frozen):
    """A proposal waits for the person."""

    name: Literal["REVIEW"] = "REVIEW"
    draft: Draft
    handle: Handle


class Confirmed(Frozen):
    """Accepted; the content stands in the slot."""

    name: Literal["CONFIRMED"] = "CONFIRMED"


class Stale(Frozen):
    """Confirmed once, but an earlier stage has changed since; the slot says what no longer agrees."""

    name: Literal["STALE"] = "STALE"


Phase = Annotated[Closed | Empty | Generating | Review | Confirmed | Stale, Field(discriminator="name")]


class Version(Frozen):
    """A round or revision that was shown: what it takes to know it again, and to say who made it."""

    content_hash: Text
    kind: Literal["procedural", "llm"] | None = None
    """What sort of maker; null where the person wrote it all."""
    provider: Text = ""
    model: Text = ""

    def provenance(self) -> Provenance | None:
        """What is still known about its making; the rest stands in the history."""
        return Provenance(kind=self.kind, provider=self.provider, model=self.model) if self.kind else None


class Slot(Frozen):
    """One stage of a session."""

    phase: Phase
    confirmed: ConfirmedStage | None = None
    rounds: int = 0
    """Rounds asked for so far; their numbers are never used again."""
    counters: dict[str, int] = Field(default_factory=dict)
    """Highest number given per id prefix, so that item ids are never used again (content model §1)."""
    stale: tuple[StaleReason, ...] = ()
    """What of the confirmed content no longer agrees with an earlier stage; empty once it is confirmed anew."""
    versions: tuple[Version, ...] = ()
    """The last rounds and revisions, newest last."""


class Session(Frozen):
    """A session after its last event. Only `evolve` makes a new one."""

    session_id: UUID
    user_id: Text
    status: Status
    mode: Literal["guided", "free_form"] = "guided"
    brief: Brief = Brief()
    current_stage: Text = ""
    stages: dict[Stage, Slot] = Field(default_factory=dict)
    stopped: tuple[StoppedTask, ...] = ()
    spent: Cost = Cost()
    """What the generations have cost so far."""
    novel_id: UUID | None = None
    command_no: int = 0
    """Number of the last command handled; a message with this number or a lower one is a repeat."""
    sequence: int = 0
    """Sequence of the last event."""
    version: int = 0
    """Sequence of the last event other than command-rejected: the ETag (design §6)."""
    created_at: AwareDatetime
    last_at: AwareDatetime
    """Time of the last event; no later event is earlier."""
    repairs: int = 0
    """How often this state was folded anew by an operator; stands in a record's prefix, outside the hash."""

    def slot(self, stage: Stage) -> Slot:
        """This stage's slot; CLOSED where the session has never come to it."""
        return self.stages.get(stage) or Slot(phase=Closed())

    def confirmed_contents(self) -> dict[Stage, Content]:
        """The confirmed content of each stage that has one, in the order of the stages."""
        return {
            stage: slot.confirmed.content for stage in Stage if (slot := self.stages.get(stage)) and slot.confirmed
        }

    def running(self) -> dict[UUID, Task]:
        """The running generations by task id."""
        return {
            slot.phase.task.task_id: slot.phase.task
            for slot in self.stages.values()
            if isinstance(slot.phase, Generating)
        }

    def handles(self) -> dict[Stage, Handle]:
        """The handle of each stage that has one."""
        return {
            stage: slot.phase.handle
            for stage, slot in self.stages.items()
            if isinstance(slot.phase, Generating | Review)
        }


def shrink(state: Session) -> Session:
    """What is saved of a session: all of it while it lives; after its end only what late messages still need.

    Deleting the record would make a re-sent command look like a gap (design §8).
    """
    if not state.status.is_over:
        return state
    return state.model_copy(update={"brief": Brief(), "stages": {}, "spent": Cost()})
