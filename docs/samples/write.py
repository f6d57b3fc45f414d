"""Writes the sample sessions: `python docs/samples/write.py [NAME ...]` plays those of sessions.toml and tells them.

A session is played by the kernel and the built-in story engine, as in a studio, without a process: the same messages,
the same rules, the same document at the end. Ids, times and seeds are fixed, so that the same code writes the same.
"""

import asyncio
import sys
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from connectors.providers.builtin.provider import BuiltinProvider
from connectors.providers.protocol import Final
from genesis import wire
from genesis.content import document
from genesis.content.catalog import Content
from genesis.content.novel import Novel
from genesis.content.proposal import Understood
from genesis.envelope import Envelope
from genesis.session import events as e
from genesis.session import identity
from genesis.session import messages as m
from genesis.session.machine import handle
from genesis.session.rules import Rules
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Review, Session, Stale

FOLDER = Path(__file__).parent
SAMPLES = UUID("5a3a17e5-0000-4000-8000-000000000000")
"""Namespace of the samples' ids."""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

TITLES = {
    Stage.CONCEPT_SELECTION: "Concept",
    Stage.STORY_CONCEPTION: "Story",
    Stage.WORLDVIEW: "World",
    Stage.CHARACTERS: "Characters",
    Stage.PLOT_OUTLINE: "Outline",
}


class Told(BaseModel):
    """A table of sessions.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Step(Told):
    """One thing the person does before the stage is confirmed."""

    stage: Stage
    feedback: str = ""
    chips: tuple[str, ...] = ()
    edit: dict[str, Any] = Field(default_factory=dict)
    """Path to new value; in stages with candidates the path begins at the candidate (`/title`)."""
    new: bool = False
    """Ask for another round."""
    paths: tuple[str, ...] = ()
    """Ask for these paths anew."""
    candidate: Annotated[int, Field(ge=0, le=5)] = 0
    """Which candidate is confirmed, from 1; 0 the first."""


class Sample(Told):
    """A session to be played."""

    name: Annotated[str, Field(pattern=r"^\d\d-[a-z-]+$")]
    about: str
    """What the sample shows, in a sentence."""
    idea: str = ""
    brief: dict[str, Any] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    back: tuple[Step, ...] = ()
    """After the last stage is confirmed: stages opened again, and what is done there."""


class Play:
    """A session and the notes that are taken while it is played."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.session = uuid5(SAMPLES, sample.name)
        self.state: Session | None = None
        self.novel: Novel | None = None
        self.notes: list[str] = []
        self._numbers = 0
        self._provider = BuiltinProvider()

    def whole(self) -> None:
        """From the start to the finished novel."""
        self._send(m.StartGenesis(**{"idea": self.sample.idea, **self.sample.brief}))
        for stage in Stage:
            self._stage(stage, [step for step in self.sample.steps if step.stage is stage])
        for step in self.sample.back:
            self._again(step)
        self._send(m.FinishGenesis(accept_stale=bool(self._stale())))

    def _stage(self, stage: Stage, steps: Iterable[Step]) -> None:
        self.notes += ["", f"**{TITLES[stage]}.** {_offered(self._draft(stage))}"]
        candidate = 0
        for step in steps:
            self._do(step)
            candidate = step.candidate or candidate
        draft = self._draft(stage)
        chosen = draft.candidates[max(candidate, 1) - 1]
        if len(draft.candidates) > 1:
            self.notes.append(f"Confirmed: *{getattr(chosen, 'title', '') or f'candidate {max(candidate, 1)}'}*.")
        self._send(m.ConfirmStage(stage=stage, candidate=chosen.id, **_about(draft)))

    def _again(self, step: Step) -> None:
        self.notes += ["", f"**Back to: {TITLES[step.stage].lower()}.**"]
        self._send(m.NavigateToStage(stage=step.stage))
        self._do(step)
        draft = self._draft(step.stage)
        self._send(
            m.ConfirmStage(stage=step.stage, candidate=draft.chosen or draft.candidates[0].id, **_about(draft))
        )
        for stage in self._stale():
            self.notes.append(f"{TITLES[stage]} no longer agrees with it and is mended.")
            self._send(m.GenerateInspiration(stage=stage, what="stale"))
            draft = self._draft(stage)
            chosen = draft.chosen or draft.candidates[0].id
            self._send(m.ConfirmStage(stage=stage, candidate=chosen, **_about(draft)))

    def _do(self, step: Step) -> None:
        draft = self._draft(step.stage)
        if step.edit:
            at = f"/{draft.chosen or draft.candidates[max(step.candidate, 1) - 1].id}" if step.stage in CHOICE else ""
            patch = [{"op": "replace", "path": at + path, "value": value} for path, value in step.edit.items()]
            for path, value in step.edit.items():
                self.notes.append(f"By hand: `{path}` becomes “{value}”.")
            self._send(m.ProvideFeedback(stage=step.stage, patch=tuple(patch), **_about(draft)))  # type: ignore[arg-type]
        elif step.feedback or step.chips:
            self.notes.append(
                f"Feedback: “{', '.join([step.feedback, *step.chips] if step.feedback else step.chips)}”"
            )
            self._send(
                m.ProvideFeedback(stage=step.stage, text=step.feedback, chips=step.chips, **_about(draft))  # type: ignore[arg-type]
            )
            self.notes.append(_offered(self._draft(step.stage)))
        elif step.paths:
            self.notes.append(f"Made anew: {', '.join(f'`{path}`' for path in step.paths)}.")
            self._send(m.GenerateInspiration(stage=step.stage, what="paths", paths=step.paths))
        elif step.new:
            self.notes.append("Another round, please.")
            self._send(m.GenerateInspiration(stage=step.stage))
            self.notes.append(_offered(self._draft(step.stage)))

    def _draft(self, stage: Stage) -> Draft:
        assert self.state is not None
        phase = self.state.slot(stage).phase
        assert isinstance(phase, Review), f"{self.sample.name}: {stage} is {type(phase).__name__}"
        return phase.draft

    def _stale(self) -> list[Stage]:
        assert self.state is not None
        slots = {stage: self.state.slot(stage).phase for stage in Stage}
        return [stage for stage, phase in slots.items() if isinstance(phase, Stale)]

    def _send(self, message: m.Message) -> None:
        self._numbers += 1
        self._deliver(uuid5(self.session, str(self._numbers)), message, self._numbers)

    def _deliver(self, message_id: UUID, message: m.Message, number: int | None) -> None:
        envelope = Envelope(
            message_id=message_id,
            session_id=self.session,
            user_id="sample",
            correlation_id=message_id,
            at=NOON,
            message=message,
            command_no=number,
        )
        step = handle(wire.load_envelope(wire.dump_envelope(envelope)), self.state, Rules())
        assert step.record is not None
        self.state = wire.load_state(step.record)
        for recorded in step.events:
            match recorded.event:
                case e.CommandRejected(message=sentence):
                    raise SystemExit(f"{self.sample.name}: {type(message).__name__} was refused: {sentence}")
                case e.ProposalMade(understood=understood, not_understood=missed):
                    self._heard(understood, missed)
                case e.NovelCreated(novel=novel):
                    self.novel = novel
                case _:
                    pass
        for request in step.requests:
            self._generate(request)

    def _heard(self, understood: Iterable[Understood], missed: Iterable[str]) -> None:
        for title, sentences in (("Understood", [each.text for each in understood]), ("Not understood", [*missed])):
            if sentences:
                self.notes.append("\n".join([f"{title}:", "", *(f"- {each}" for each in sentences), ""]))

    def _generate(self, request: m.GenerationRequest) -> None:
        final = asyncio.run(self._final(request))
        result = m.GenerationSucceeded(
            task_id=request.task_id,
            attempt=1,
            stage=request.stage,
            candidates=final.candidates,
            understood=final.understood,
            not_understood=final.not_understood,
            # How long it took is the one thing that no two runs share.
            provenance=final.provenance.model_copy(update={"duration_ms": 0}),
        )
        self._deliver(identity.result_id(request.task_id, 1), result, None)

    async def _final(self, request: m.GenerationRequest) -> Final:
        async for event in self._provider.generate(request):
            if isinstance(event, Final):
                return event
        raise AssertionError("the engine ended without a proposal")


def _about(draft: Draft) -> dict[str, Any]:
    return {"proposal_id": draft.proposal_id, "revision": draft.revision}


def _offered(draft: Draft) -> str:
    """What the person is shown, in a line per candidate."""
    if len(draft.candidates) == 1:
        return "One proposal."
    lines = [f"{number}. {_name(each)}" for number, each in enumerate(draft.candidates, 1)]
    return "\n\n".join([f"{len(lines)} candidates:", "\n".join(lines), ""]).strip()


def _name(content: Content) -> str:
    more = getattr(content, "hook", "") or getattr(content, "promise", "")
    return f"*{getattr(content, 'title', '')}*: {more}"


def told(sample: Sample) -> str:
    """The sample as Markdown: what was asked, how the session went, the document it ended in."""
    play = Play(sample)
    play.whole()
    assert play.novel is not None
    asked = [f"> {line}" if line else ">" for line in (sample.idea or "(nothing)").splitlines()]
    brief = [f"- {name}: {value}" for name, value in sample.brief.items()]
    head = ["<!-- Made by docs/samples/write.py; nothing here is edited by hand. -->", f"# {sample.about}", ""]
    parts = [
        *head,
        "## The idea",
        "",
        *asked,
        "",
        *brief,
        "",
        "## The session",
        *play.notes,
        "",
        "## What came of it",
        "",
    ]
    return "\n".join(parts) + "\n" + _lowered(document.markdown(play.novel))


def _lowered(text: str) -> str:
    """Its headings two levels down, under the sample's own."""
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in text.splitlines()) + "\n"


def samples() -> Iterator[Sample]:
    """Those of sessions.toml, in their order."""
    for table in tomllib.loads((FOLDER / "sessions.toml").read_text(encoding="utf-8"))["session"]:
        yield Sample.model_validate(table)


def main(names: list[str]) -> int:
    """Write all of them, or those that are named."""
    for sample in samples():
        if not names or sample.name in names:
            (FOLDER / f"{sample.name}.md").write_text(told(sample), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
