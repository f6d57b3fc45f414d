"""What happened in a session: the facts that its state, its history and every read model are made of.

Tags and bodies are promises to whoever reads `genesis.events`: a changed body gets a higher EVENT_VERSION and
an upcaster in `genesis.wire` (design §6).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator

from genesis.content.catalog import Content
from genesis.content.impact import StaleReason
from genesis.content.novel import Novel
from genesis.content.proposal import Finding, Provenance, Understood
from genesis.session.actions import Action
from genesis.session.brief import Brief
from genesis.session.messages import Answer, Chip, contents_of
from genesis.session.reasons import Reason
from genesis.session.stages import Stage
from genesis.session.state import ConfirmedStage, Draft, StoppedTask, Task
from genesis.values import Frozen, Text

AGGREGATE_TYPE = "genesis-session"


class EventBody(Frozen):
    """What all events have in common: a tag and the version of their body."""

    EVENT_VERSION: ClassVar[int] = 1


class SessionStarted(EventBody):
    """A session was opened with this brief."""

    type: Literal["session-started"] = "session-started"
    mode: Literal["guided", "free_form"]
    brief: Brief


class StageEntered(EventBody):
    """The session came to a stage, or back to it."""

    type: Literal["stage-entered"] = "stage-entered"
    stage: Stage


class GenerationRequested(EventBody):
    """A proposal was asked for, and a handle opened that waits for it (PENDING_PAUSE)."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["generation-requested"] = "generation-requested"
    stage: Stage
    task: Task
    handle_id: UUID


class ProposalMade(EventBody):
    """A proposal arrived."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["proposal-made"] = "proposal-made"
    stage: Stage
    task_id: UUID
    attempt: int
    proposal: Draft
    counters: dict[str, int]
    """Highest item number given per id prefix, this proposal included."""
    understood: tuple[Understood, ...] = ()
    not_understood: tuple[Text, ...] = ()
    warnings: tuple[Finding, ...] = ()


class GenerationFailed(EventBody):
    """A generation ended without a proposal; the stage returns to what it was and may be tried again."""

    type: Literal["generation-failed"] = "generation-failed"
    stage: Stage
    task_id: UUID
    handle_id: UUID
    """The handle that is cancelled with it."""
    attempt: int | None
    code: Text
    message: Text
    timed_out: bool
    provenance: Provenance | None = None


class GenerationStopped(EventBody):
    """A running generation was given up because of what the person did."""

    type: Literal["generation-stopped"] = "generation-stopped"
    stage: Stage
    stopped: StoppedTask
    handle_id: UUID
    """The handle that is cancelled with it."""


class GenerationDiscarded(EventBody):
    """A result came for a generation that had been ended: it is not used, its cost is kept."""

    type: Literal["generation-discarded"] = "generation-discarded"
    stage: Stage
    task_id: UUID
    reason: Text
    provenance: Provenance | None = None


class ProposalChosen(EventBody):
    """The person chose a candidate; an edit of the draft, so its handle is renewed."""

    type: Literal["proposal-chosen"] = "proposal-chosen"
    stage: Stage
    proposal_id: UUID
    revision: int
    candidate: Text
    expires_at: AwareDatetime
    """When the renewed handle expires."""


class ProposalEdited(EventBody):
    """Code changed the draft as the person wished: a patch, fields taken from others, an old version, locks.

    A change of content makes a new revision; locks alone do not. While the person is asked, the handle is renewed.
    """

    type: Literal["proposal-edited"] = "proposal-edited"
    stage: Stage
    proposal_id: UUID
    revision: int
    how: Literal["patch", "merge", "restore", "locks"]
    candidates: tuple[Content, ...] | None = None
    """The draft's candidates as they are now; null where only locks changed."""
    chosen: Text = ""
    merged_from: tuple[Text, ...] = ()
    locks: tuple[Text, ...] = ()
    """All locks from now on."""
    user_paths: tuple[Text, ...] = ()
    """All paths the person has written."""
    touched: tuple[Text, ...] = ()
    """The paths this edit changed."""
    content_hash: Text = ""
    counters: dict[str, int]
    """Highest item number given per id prefix, this edit included."""
    provenance: Provenance | None = None
    """What made the text, the person's own share aside."""
    warnings: tuple[Finding, ...] = ()
    expires_at: AwareDatetime | None = None
    """When the renewed handle expires; null while a generation runs."""

    @field_validator("candidates", mode="before")
    @classmethod
    def _of_the_stage(cls, candidates: Any, info: Any) -> Any:
        return contents_of(info.data.get("stage"), candidates)


class ProposalOpened(EventBody):
    """A draft came about without a generation: the person's own text, or a confirmed stage opened again."""

    type: Literal["proposal-opened"] = "proposal-opened"
    stage: Stage
    proposal: Draft
    counters: dict[str, int]
    handle_id: UUID
    """The handle that waits for the person from the next event on."""
    warnings: tuple[Finding, ...] = ()


class FeedbackGiven(EventBody):
    """The person said what should be different; a new round follows."""

    type: Literal["feedback-given"] = "feedback-given"
    stage: Stage
    proposal_id: UUID
    revision: int
    text: Text
    chips: tuple[Chip, ...]


class InputRequested(EventBody):
    """The person is asked: this handle is WAITING from now on."""

    type: Literal["input-requested"] = "input-requested"
    stage: Stage
    handle_id: UUID
    proposal_id: UUID
    expires_at: AwareDatetime


class InputReceived(EventBody):
    """The person answered. `kept`: the proposal is not there yet, the answer waits for it in the handle."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["input-received"] = "input-received"
    stage: Stage
    handle_id: UUID
    kept: bool
    command_type: Text
    command_id: UUID
    answer: Annotated[Answer | None, Field(default=None)] = None
    """The whole answer where it is kept; nothing where it is applied at once."""


class InputExpired(EventBody):
    """Nobody answered in time; the proposal stays."""

    type: Literal["input-expired"] = "input-expired"
    stage: Stage
    handle_id: UUID


class SessionPaused(EventBody):
    """The last open handle has expired and nothing runs."""

    type: Literal["session-paused"] = "session-paused"


class SessionResumed(EventBody):
    """A command of the person was granted in a paused session."""

    type: Literal["session-resumed"] = "session-resumed"


class StageConfirmed(EventBody):
    """The person accepted a stage."""

    type: Literal["stage-confirmed"] = "stage-confirmed"
    stage: Stage
    confirmed: ConfirmedStage


class StagesMarkedStale(EventBody):
    """Later stages no longer agree with a stage that was confirmed anew."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["stages-marked-stale"] = "stages-marked-stale"
    stages: dict[Stage, tuple[StaleReason, ...]]


class NovelCreated(EventBody):
    """The novel, whole: what the `novels` read model stores."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["novel-created"] = "novel-created"
    novel: Novel


class SessionFinished(EventBody):
    """The session reached its end; `current_stage` is FINISHED."""

    type: Literal["session-finished"] = "session-finished"
    novel_id: UUID


class SessionAbandoned(EventBody):
    """The session was ended without a novel."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["session-abandoned"] = "session-abandoned"
    cause: Literal["person", "expired"]
    """Whether the person ended it, or nobody touched it for too long."""
    reason: Text
    """The person's words; empty where they gave none."""
    cancelled_handles: tuple[UUID, ...] = ()


class CommandRejected(EventBody):
    """The machine said no: why, and what may be done instead."""

    EVENT_VERSION: ClassVar[int] = 2

    type: Literal["command-rejected"] = "command-rejected"
    command_type: Text
    reason: Reason
    message: Text
    """One sentence for the person."""
    internal: bool = False
    """True for a command of the sweeper that was overtaken; not shown to people."""
    details: tuple[Finding, ...] = ()
    """The errors that stand in the way, where the reason is `content_errors`."""
    available_actions: tuple[Action, ...] = ()


Event = (
    SessionStarted
    | StageEntered
    | GenerationRequested
    | ProposalMade
    | GenerationFailed
    | GenerationStopped
    | GenerationDiscarded
    | ProposalChosen
    | ProposalEdited
    | ProposalOpened
    | FeedbackGiven
    | InputRequested
    | InputReceived
    | InputExpired
    | SessionPaused
    | SessionResumed
    | StageConfirmed
    | StagesMarkedStale
    | NovelCreated
    | SessionFinished
    | SessionAbandoned
    | CommandRejected
)

EVENTS: tuple[type[Event], ...] = (
    SessionStarted,
    StageEntered,
    GenerationRequested,
    ProposalMade,
    GenerationFailed,
    GenerationStopped,
    GenerationDiscarded,
    ProposalChosen,
    ProposalEdited,
    ProposalOpened,
    FeedbackGiven,
    InputRequested,
    InputReceived,
    InputExpired,
    SessionPaused,
    SessionResumed,
    StageConfirmed,
    StagesMarkedStale,
    NovelCreated,
    SessionFinished,
    SessionAbandoned,
    CommandRejected,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the history: the body that travels on `genesis.events` (design §6)."""

    event_id: UUID
    event: Event
    session_id: UUID
    sequence: int
    """Contiguous per session, from 1."""
    correlation_id: UUID
    causation_id: UUID
    """Id of the command or result that caused it; for a kept answer, of the answer."""
    created_at: datetime
    user_id: str
    command_no: int | None
    """Number of the message being handled; None for results, which have none."""
    part: int
    of: int
    """Which of how many events of that message, from 1."""
