"""Every way to send every command, and what follows in every situation: the cells of the matrix.

`matrix.toml` beside this file says what follows in each cell; `docs/matrix.md` is made from it.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from genesis.content.catalog import CONTENT
from genesis.content.operations import Operation
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import Name
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Generating, Review, Session
from tests import examples
from tests.genesis.situations import SITUATIONS, Mode, Situation
from tests.spec import Story

DATA = Path(__file__).with_suffix(".toml")

CONCEPT, STORY, WORLD, CAST, OUTLINE = list(Stage)
TEXTS = {
    CONCEPT: "premise",
    STORY: "synopsis",
    WORLD: "atmosphere",
    CAST: "characters/c1/profile",
    OUTLINE: "final_image",
}
"""A text of each stage."""


# -- commands


@dataclass(frozen=True)
class Sent:
    """A session about to be told something about one of its stages."""

    story: Story
    stage: Stage
    running: bool
    """True where answers name the running task's proposal, although there is a draft."""

    @property
    def state(self) -> Session | None:
        return self.story.state

    @property
    def phase(self) -> object:
        return self.state.slot(self.stage).phase if self.state else None

    @property
    def draft(self) -> Draft | None:
        return self.phase.draft if isinstance(self.phase, Review | Generating) else None

    @property
    def named(self) -> dict[str, Any]:
        """Stage, proposal and revision as an answer names them."""
        confirmed = self.state.slot(self.stage).confirmed if self.state else None
        if isinstance(self.phase, Generating) and (self.running or not self.draft):
            return {"stage": self.stage, "proposal_id": self.phase.task.task_id, "revision": 1}
        if self.draft:
            return {"stage": self.stage, "proposal_id": self.draft.proposal_id, "revision": self.draft.revision}
        if confirmed:
            return {"stage": self.stage, "proposal_id": confirmed.proposal_id, "revision": confirmed.revision}
        return {"stage": self.stage, "proposal_id": examples.a_uuid("no proposal"), "revision": 1}

    @property
    def ids(self) -> tuple[str, str]:
        """A candidate that is not chosen and one that is or could be."""
        here = [each.id for each in self.draft.candidates] if self.draft else []
        wanted = self.draft.chosen if self.draft else ""
        others = [each for each in here if each != wanted] or here or ["k2"]
        return others[-1], wanted or (here[0] if here else "k1")

    @property
    def path(self) -> str:
        """A text of the draft, with the candidate in front in a stage with a choice."""
        return f"/{self.ids[1]}/{TEXTS[self.stage]}" if self.stage in CHOICE else f"/{TEXTS[self.stage]}"

    @property
    def locked(self) -> str:
        """A path of the draft that is locked, if there is one."""
        return self.draft.locks[0] if self.draft and self.draft.locks else self.path

    @property
    def first_version(self) -> tuple[Any, ...]:
        """The candidates as the stage's first proposal brought them."""
        made = [
            recorded.event.proposal
            for recorded in self.story.history
            if isinstance(recorded.event, e.ProposalMade) and recorded.event.stage is self.stage
        ]
        return made[0].candidates if made else examples.CANDIDATES[self.stage]


@dataclass(frozen=True)
class Variant:
    """One way to send one command."""

    name: str
    message: Callable[[Sent], m.Message]
    actions: tuple[Name, ...] = ()
    """The available actions that this carries out."""
    numbered: bool = True
    expected_version: Callable[[Sent], int] | None = None


def feedback(name: str, *actions: Name, **how: Any) -> Variant:
    """PROVIDE_FEEDBACK with these fields; a callable is asked what it is for what is sent."""

    def message(sent: Sent) -> m.Message:
        values = {key: value(sent) if callable(value) else value for key, value in how.items()}
        return m.ProvideFeedback(**{**sent.named, **values})

    return Variant(f"PROVIDE_FEEDBACK {name}", message, actions)


def generate(what: m.What, *actions: Name, special: str = "", **how: Callable[[Sent], Any]) -> Variant:
    def message(sent: Sent) -> m.Message:
        return m.GenerateInspiration(stage=sent.stage, what=what, **{key: value(sent) for key, value in how.items()})

    return Variant(f"GENERATE_INSPIRATION {what}{special}", message, actions)


def replaced(sent: Sent) -> tuple[Operation, ...]:
    return (Operation(op="replace", path=sent.path, value="The tide is a tax, and she collects it."),)


def own_text(sent: Sent) -> tuple[Operation, ...]:
    if sent.stage in CHOICE:
        return (Operation(op="add", path="/-", value={"title": "Salt"}),)
    return replaced(sent)


def never_shown(sent: Sent) -> tuple[Any, ...]:
    return tuple(CONTENT[sent.stage](id=each.id) for each in sent.first_version)


def expiry(sent: Sent) -> m.Message:
    handle = sent.phase.handle if isinstance(sent.phase, Review | Generating) else None
    return m.HandleExpired(
        stage=sent.stage,
        handle_id=handle.handle_id if handle else examples.a_uuid("no handle"),
        expires_at=(handle.expires_at if handle else None) or examples.NOON,
    )


def task_of(sent: Sent) -> UUID:
    """The running task, else the last one of the stage, else none that ever was."""
    asked = [
        recorded.event.task.task_id
        for recorded in sent.story.history
        if isinstance(recorded.event, e.GenerationRequested) and recorded.event.stage is sent.stage
    ]
    return asked[-1] if asked else examples.a_uuid("no task")


VARIANTS: tuple[Variant, ...] = (
    Variant("START_GENESIS", lambda sent: m.StartGenesis(idea="again")),
    generate("round", "generate", "regenerate"),
    generate("candidate", candidates=lambda sent: sent.ids[1:]),
    generate("candidate", special=" that is not there", candidates=lambda sent: ("k99",)),
    generate("paths", paths=lambda sent: (sent.path,)),
    generate("paths", special=" that are not there", paths=lambda sent: ("/nothing",)),
    generate("blend", "blend", candidates=lambda sent: tuple(dict.fromkeys((*sent.ids, "k1", "k2")))[:2]),
    generate("stale", "mend"),
    Variant("SELECT_CONCEPT", lambda sent: m.SelectConcept(**sent.named, base=sent.ids[0]), ("select",)),
    Variant("SELECT_CONCEPT of the chosen one", lambda sent: m.SelectConcept(**sent.named, base=sent.ids[1])),
    Variant(
        "SELECT_CONCEPT of a candidate that is not there", lambda sent: m.SelectConcept(**sent.named, base="k99")
    ),
    Variant(
        "SELECT_CONCEPT with a field of another",
        lambda sent: m.SelectConcept(
            **sent.named, base=sent.ids[1], take=(m.Take(field="stakes", source=sent.ids[0]),)
        ),
        ("merge",),
    ),
    Variant(
        "SELECT_CONCEPT with a field that is not there",
        lambda sent: m.SelectConcept(
            **sent.named, base=sent.ids[1], take=(m.Take(field="weather", source=sent.ids[0]),)
        ),
    ),
    feedback("text", "feedback", text="Let it end well."),
    feedback("patch", "edit", patch=replaced),
    feedback("patch of a path that is not there", patch=(Operation(op="remove", path="/nothing"),)),
    feedback("own text, no proposal named", "write", proposal_id=None, revision=0, patch=own_text),
    feedback("patch and text", patch=replaced, text="Let it end well."),
    feedback("lock", "lock", lock=lambda sent: (sent.path,)),
    feedback("unlock", unlock=lambda sent: (sent.locked,)),
    feedback("restore of the first proposal", "restore", restore=lambda sent: sent.first_version),
    feedback("restore of what never was", restore=never_shown),
    feedback("stop", "stop", stop=True, proposal_id=None, revision=0),
    Variant("CONFIRM_STAGE", lambda sent: m.ConfirmStage(**sent.named), ("confirm",)),
    Variant("CONFIRM_STAGE with a candidate", lambda sent: m.ConfirmStage(**sent.named, candidate=sent.ids[0])),
    Variant(
        "CONFIRM_STAGE of another proposal",
        lambda sent: m.ConfirmStage(**{**sent.named, "proposal_id": examples.a_uuid("another proposal")}),
    ),
    Variant("CONFIRM_STAGE of another revision", lambda sent: m.ConfirmStage(**{**sent.named, "revision": 9})),
    Variant("NAVIGATE_TO_STAGE", lambda sent: m.NavigateToStage(stage=sent.stage), ("navigate",)),
    Variant("FINISH_GENESIS", lambda sent: m.FinishGenesis(), ("finish",)),
    Variant("FINISH_GENESIS accepting what is stale", lambda sent: m.FinishGenesis(accept_stale=True), ("finish",)),
    Variant("ABANDON_GENESIS", lambda sent: m.AbandonGenesis(), ("abandon",)),
    Variant(
        "ABANDON_GENESIS expecting another version",
        lambda sent: m.AbandonGenesis(),
        expected_version=lambda sent: 99_999,
    ),
    Variant("HANDLE_EXPIRED", expiry),
    Variant(
        "SESSION_EXPIRED",
        lambda sent: m.SessionExpired(last_sequence=sent.state.sequence if sent.state else 1),
    ),
    Variant("GENERATION_SUCCEEDED", lambda sent: examples.success(task_of(sent), sent.stage)),
    Variant(
        "GENERATION_FAILED",
        lambda sent: m.GenerationFailed(task_id=task_of(sent), stage=sent.stage, attempt=1, code="declined"),
        numbered=False,
    ),
    Variant(
        "GENERATION_FAILED, timed out",
        lambda sent: m.GenerationFailed(task_id=task_of(sent), stage=sent.stage, code="timed_out", timed_out=True),
    ),
)


# -- cells


@cache
def _walked(situation: Situation, mode: Mode) -> Story:
    return situation.walked(mode)


def sent_to(situation: Situation, mode: Mode) -> Sent:
    """The situation, as fresh as if nothing had been sent to it before."""
    story = _walked(situation, mode)
    return Sent(
        replace(story, history=list(story.history)), situation.stage, running=situation.answers_the_running_task
    )


def followed(sent: Sent, variant: Variant) -> str:
    """What follows when this is sent: the events in their order, a refusal with its reason."""
    expected = variant.expected_version(sent) if variant.expected_version else None
    story = sent.story.when(variant.message(sent), expected, numbered=variant.numbered)
    assert story.last is not None
    return ", ".join(_told(recorded.event) for recorded in story.last.events) or "nothing"


def _told(event: e.Event) -> str:
    return f"refused {event.reason.value}" if isinstance(event, e.CommandRejected) else event.type


Cells = dict[str, dict[str, dict[Mode, str]]]
"""Situation -> variant -> mode -> what follows."""


def recorded_cells() -> Cells:
    """The cells as `matrix.toml` has them."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def computed_cells() -> Cells:
    """The cells as the kernel answers today."""
    return {
        situation.name: {
            variant.name: {mode: followed(sent_to(situation, mode), variant) for mode in situation.modes}
            for variant in VARIANTS
        }
        for situation in SITUATIONS
    }


def dump(cells: Cells) -> str:
    """`matrix.toml` with these cells."""
    lines = ["# What follows when a command meets a situation; docs/matrix.md is made from this file.", ""]
    for situation, variants in cells.items():
        lines.append(f'["{situation}"]')
        for variant, modes in variants.items():
            inner = ", ".join(f'{mode} = "{outcome}"' for mode, outcome in modes.items())
            lines.append(f'"{variant}" = {{ {inner} }}')
        lines.append("")
    return "\n".join(lines)
