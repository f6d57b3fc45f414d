"""The situations of a session that commands can meet: one side of the matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from genesis.content.operations import Operation
from genesis.session import messages as m
from genesis.session.stages import Stage
from tests.spec import Story

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
Mode = Literal["guided", "free_form"]
MODES: tuple[Mode, ...] = ("guided", "free_form")


@dataclass(frozen=True)
class Situation:
    """A session somewhere on its way, and the stage that commands are sent to."""

    name: str
    """Phase of the stage; then, where it matters, what is special; then the status if it is not IN_PROGRESS."""
    stage: Stage
    walked: Callable[[Mode], Story]
    modes: tuple[Mode, ...] = MODES
    answers_the_running_task: bool = True
    """While a task runs over a draft: answers name the task's coming proposal, else the draft in hand."""


def started(mode: Mode) -> Story:
    return Story().started(mode=mode)


def first_generating(mode: Mode) -> Story:
    story = started(mode)
    return story if mode == "guided" else story.given(m.GenerateInspiration(stage=CONCEPT))


def in_review(mode: Mode, stage: Stage = CONCEPT) -> Story:
    """The stages before it confirmed, this one with its first proposal."""
    story = started(mode)
    for each in Stage:
        if mode == "free_form":
            story.given(m.GenerateInspiration(stage=each))
        story.proposed(each)
        if each is stage:
            break
        story.confirm(each)
    return story


def chosen(mode: Mode) -> Story:
    story = in_review(mode)
    return story.given(m.SelectConcept(proposal_id=story.draft(CONCEPT).proposal_id, base="k1"))


def edited(mode: Mode) -> Story:
    """One candidate chosen, its hook rewritten by hand and thereby locked."""
    return edit(chosen(mode), CONCEPT, "/k1/hook", "A clerk must lie to the sea.")


def with_error(mode: Mode) -> Story:
    return edit(chosen(mode), CONCEPT, "/k1/hook", " ")


def edit(story: Story, stage: Stage, path: str, value: str) -> Story:
    draft = story.draft(stage)
    patch = (Operation(op="replace", path=path, value=value),)
    return story.given(
        m.ProvideFeedback(stage=stage, proposal_id=draft.proposal_id, revision=draft.revision, patch=patch)
    )


def revising(mode: Mode) -> Story:
    """A round after feedback is being made over the draft of the first."""
    story = in_review(mode)
    return story.given(m.ProvideFeedback(stage=CONCEPT, proposal_id=story.draft(CONCEPT).proposal_id, text="darker"))


def kept(mode: Mode) -> Story:
    story = first_generating(mode)
    task = story.generating(CONCEPT).task
    return story.given(m.ConfirmStage(stage=CONCEPT, proposal_id=task.task_id, candidate="k1"))


def failed(mode: Mode) -> Story:
    story = first_generating(mode)
    task = story.generating(CONCEPT).task
    failure = m.GenerationFailed(task_id=task.task_id, stage=CONCEPT, attempt=1, code="declined")
    return story.given(failure, numbered=False)


def confirmed(mode: Mode) -> Story:
    """The first two stages confirmed; in guided mode the third is being made."""
    return in_review(mode, STORY).confirm(STORY)


def all_confirmed(mode: Mode) -> Story:
    return in_review(mode, OUTLINE).confirm(OUTLINE)


def reopened(mode: Mode) -> Story:
    return all_confirmed(mode).given(m.NavigateToStage(stage=CONCEPT))


def stale(mode: Mode) -> Story:
    """All confirmed, then another premise: the story no longer agrees with it."""
    return edit(reopened(mode), CONCEPT, "/k1/premise", "On Mornay the tide is a tax.").confirm(CONCEPT)


def mending(mode: Mode) -> Story:
    """What is stale of the story is being written anew, over what was confirmed."""
    return stale(mode).given(m.GenerateInspiration(stage=STORY, what="stale"))


def stale_reopened(mode: Mode) -> Story:
    return stale(mode).given(m.NavigateToStage(stage=STORY))


def expired(story: Story, stage: Stage) -> Story:
    """Nobody answered the stage's proposal; the session is PAUSED."""
    handle = story.review(stage).handle
    assert handle.expires_at is not None
    story.given(m.HandleExpired(stage=stage, handle_id=handle.handle_id, expires_at=handle.expires_at))
    assert story.session.status == "PAUSED"
    return story


def paused_empty(mode: Mode) -> Story:
    """Free-form only: the first stage waits in vain, the second was never asked for."""
    return expired(in_review(mode), CONCEPT)


SITUATIONS: tuple[Situation, ...] = (
    Situation("not started", CONCEPT, lambda mode: Story(), modes=("guided",)),
    Situation("CLOSED", STORY, in_review, modes=("guided",)),
    Situation("EMPTY", CONCEPT, failed),
    Situation("GENERATING", CONCEPT, first_generating),
    Situation("GENERATING, an answer is kept", CONCEPT, kept),
    Situation("GENERATING over a draft, answers name the coming proposal", CONCEPT, revising),
    Situation("GENERATING over a draft, answers name the draft", CONCEPT, revising, answers_the_running_task=False),
    Situation("GENERATING, a stale stage is mended", STORY, mending),
    Situation("REVIEW, none chosen", CONCEPT, in_review),
    Situation("REVIEW, one chosen and edited", CONCEPT, edited),
    Situation("REVIEW, one chosen with an error", CONCEPT, with_error),
    Situation("REVIEW of a single content", WORLD, lambda mode: in_review(mode, WORLD)),
    Situation("REVIEW of a stage opened again", CONCEPT, reopened),
    Situation("REVIEW of a stale stage opened again", STORY, stale_reopened),
    Situation("CONFIRMED", CONCEPT, confirmed),
    Situation("CONFIRMED, all stages", OUTLINE, all_confirmed),
    Situation("CONFIRMED, another stage STALE", CONCEPT, stale),
    Situation("STALE", STORY, stale),
    Situation("CLOSED, PAUSED", STORY, lambda mode: expired(in_review(mode), CONCEPT), modes=("guided",)),
    Situation("EMPTY, PAUSED", STORY, paused_empty, modes=("free_form",)),
    Situation("REVIEW, PAUSED", CONCEPT, lambda mode: expired(edited(mode), CONCEPT)),
    Situation("CONFIRMED, PAUSED", CONCEPT, lambda mode: expired(in_review(mode, STORY), STORY)),
    Situation("STALE, PAUSED", STORY, lambda mode: expired(stale(mode).given(m.NavigateToStage(stage=CAST)), CAST)),
    Situation("COMPLETED", CONCEPT, lambda mode: all_confirmed(mode).given(m.FinishGenesis())),
    Situation("ABANDONED in REVIEW", CONCEPT, lambda mode: in_review(mode).given(m.AbandonGenesis())),
    Situation("ABANDONED while GENERATING", CONCEPT, lambda mode: first_generating(mode).given(m.AbandonGenesis())),
)
