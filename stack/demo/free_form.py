"""A free-form session in the terminal: all stages at once, edits and locks, a stop, a way back and its impact."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from genesis import wire
from genesis.content.catalog import Content
from genesis.content.novel import Novel
from genesis.session import events as e
from genesis.session.evolve import evolve
from genesis.session.handles import HandleStatus
from genesis.session.reasons import Reason
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Confirmed, Draft, Review, Session, Stale
from stack.demo import ending
from stack.demo.client import Client, Gone, Refused
from stack.demo.showing import TITLES, plain

SHOWN = 6
"""Stale paths printed per stage; the rest is counted."""


class FreeForm:
    """One session that takes a fixed course; what it knows of it comes from the stream alone."""

    def __init__(self, client: Client, console: Console, out: Path | None) -> None:
        self.session: UUID | None = None
        self._client = client
        self._console = console
        self._out = out
        self._frames: Iterator[tuple[str, dict[str, Any]]] = iter(())
        self._state: Session | None = None
        self._outcomes: dict[str, e.Event] = {}
        self._novel: Novel | None = None

    def whole_session(self, idea: str, seed: int | None) -> None:
        """From the start to the file. Raises GenesisError's sentences."""
        self._client.must_answer()
        brief: dict[str, Any] = {"idea": idea, "mode": "free_form"}
        if seed is not None:
            brief["seed"] = seed
        self.session = UUID(self._client.send("START_GENESIS", brief)["session_id"])
        self._say(f"Session {self.session}", "dim")
        self._frames = self._client.frames(self.session)
        self._all_at_once()
        self._edit_and_lock(Stage.CONCEPT_SELECTION, "title", "The Title I Keep")
        self._feedback_and_stop()
        for stage in Stage:
            self._confirm(stage)
        self._back_to(Stage.STORY_CONCEPTION)
        self._mend()
        self._finish()

    # -- the course

    def _all_at_once(self) -> None:
        self._head("Five proposals at once")
        for stage in Stage:
            self._ask("GENERATE_INSPIRATION", {"stage": stage})
        for stage in Stage:
            draft = self._review(stage)
            self._say(f"{TITLES[stage]}: {_name(draft.candidates[0])}, {len(draft.candidates)} candidate(s)")

    def _edit_and_lock(self, stage: Stage, field: str, value: str) -> None:
        self._head("An edit by hand")
        draft = self._review(stage)
        path = f"/{draft.candidates[0].id}/{field}" if stage in CHOICE else f"/{field}"
        self._ask("PROVIDE_FEEDBACK", {**_about(draft), "patch": [{"op": "replace", "path": path, "value": value}]})
        self._say(f"{TITLES[stage]}: {path} is “{value}” now, and locked: {', '.join(self._review(stage).locks)}")

    def _feedback_and_stop(self) -> None:
        self._head("Feedback, and a stop")
        concept = self._review(Stage.CONCEPT_SELECTION)
        self._ask("PROVIDE_FEEDBACK", {**_about(concept), "chips": ["darker"]})
        again = self._review(Stage.CONCEPT_SELECTION, after=concept)
        self._say(f"Darker, round {again.round}: {_name(again.candidates[0])}")
        outline = self._review(Stage.PLOT_OUTLINE)
        self._ask("GENERATE_INSPIRATION", {"stage": Stage.PLOT_OUTLINE})
        if self._ask("PROVIDE_FEEDBACK", {"stage": Stage.PLOT_OUTLINE, "stop": True}, Reason.NOTHING_RUNNING):
            self._say("The new outline was stopped; the one before is still there.")
        else:
            self._review(Stage.PLOT_OUTLINE, after=outline)
            self._say("The new outline was quicker than the stop; it is the one in review.")

    def _back_to(self, stage: Stage) -> None:
        self._head(f"Back to {TITLES[stage].lower()}")
        self._ask("NAVIGATE_TO_STAGE", {"stage": stage})
        draft = self._review(stage)
        path = f"/{draft.candidates[0].id}/synopsis"
        value = "Nobody rings the bell again. The town learns to live with what it has never heard."
        self._ask("PROVIDE_FEEDBACK", {**_about(draft), "patch": [{"op": "replace", "path": path, "value": value}]})
        told = self._client.get(f"/genesis/{self.session}/state").json()["stages"][stage]
        self._say("Another synopsis. Confirming it would touch:")
        for later, reasons in told["impact"].items():
            self._say(f"  {TITLES[Stage(later)]}: {_paths([each['path'] for each in reasons])}", "yellow")
        self._confirm(stage)
        for later in self._stale():
            self._say(f"{TITLES[later]}: not in agreement with it any more.", "yellow")

    def _mend(self) -> None:
        self._head("Mending")
        for stage in Stage:
            if stage in self._stale():
                self._ask("GENERATE_INSPIRATION", {"stage": stage, "what": "stale"})
                self._confirm(stage)
                self._say(f"Mended: {TITLES[stage].lower()}.")

    def _finish(self) -> None:
        if stale := self._stale():
            self._say(f"Accepted as they are: {', '.join(TITLES[each].lower() for each in stale)}.", "yellow")
        self._ask("FINISH_GENESIS", {"accept_stale": bool(stale)})
        self._come_to(lambda: self._novel is not None)
        assert self._novel is not None
        ending.save(self._client, self._console, self._novel, self._out)

    def _confirm(self, stage: Stage) -> None:
        draft = self._review(stage)
        self._ask("CONFIRM_STAGE", {**_about(draft), "candidate": draft.chosen or draft.candidates[0].id})
        self._come_to(lambda: isinstance(self._known.slot(stage).phase, Confirmed))
        self._say(f"Confirmed: {TITLES[stage].lower()}.", "green")

    # -- what the stream brings

    @property
    def _known(self) -> Session:
        assert self._state is not None
        return self._state

    def _stale(self) -> list[Stage]:
        return [stage for stage in Stage if isinstance(self._known.slot(stage).phase, Stale)]

    def _review(self, stage: Stage, after: Draft | None = None) -> Draft:
        """The draft of a stage once the person is asked about it, another proposal than `after`."""

        def reviewed() -> Draft | None:
            phase = self._state.slot(stage).phase if self._state else None
            if not isinstance(phase, Review) or phase.handle.status is not HandleStatus.WAITING:
                return None
            return None if after and phase.draft.proposal_id == after.proposal_id else phase.draft

        self._come_to(lambda: reviewed() is not None)
        draft = reviewed()
        assert draft is not None
        return draft

    def _ask(self, command_type: str, payload: dict[str, Any], *harmless: Reason) -> bool:
        """Send a command and wait for its outcome; False where it was refused for a harmless reason."""
        command = self._client.send(command_type, payload, self.session)["command_id"]
        self._come_to(lambda: command in self._outcomes)
        outcome = self._outcomes[command]
        if isinstance(outcome, e.CommandRejected):
            if outcome.reason not in harmless:
                raise Refused(plain(outcome.message))
            return False
        return True

    def _come_to(self, so: Callable[[], bool]) -> None:
        """Read on until it is so."""
        while not so():
            event_type, body = next(self._frames, ("", {}))
            if not event_type:
                raise Gone
            if event_type in ("progress", "unreadable"):
                continue
            recorded = wire.event_from_body(body)
            self._state = evolve(self._state, recorded)
            # A message's events are one step: its outcome is known with the last of them.
            if recorded.part == recorded.of or isinstance(recorded.event, e.CommandRejected):
                self._outcomes[str(recorded.causation_id)] = recorded.event
            match recorded.event:
                case e.NovelCreated(novel=novel):
                    self._novel = novel
                case e.GenerationFailed(message=message):
                    raise Refused(f"No proposal came: {plain(message)}")
                case e.SessionAbandoned():
                    raise Refused("The session has been abandoned; start another one.")
                case _:
                    pass

    def _head(self, text: str) -> None:
        self._console.print()
        self._console.print(Rule(Text(text)))

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(plain(text), style=style))


def _about(draft: Draft) -> dict[str, Any]:
    return {"stage": draft.stage, "proposal_id": str(draft.proposal_id), "revision": draft.revision}


def _name(content: Content) -> str:
    """What a person calls it: its title or name, or the first name in it."""
    name = getattr(content, "title", "") or getattr(content, "name", "")
    if not name and (first := next(iter(getattr(content, "characters", ())), None)):
        name = first.name
    if not name and (chapters := getattr(content, "chapters", ())):
        name = chapters[0].title
    return str(name)


def _paths(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more
