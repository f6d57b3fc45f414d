"""A guided session in the terminal, played alone or with the person's answers."""

from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.rule import Rule
from rich.spinner import Spinner
from rich.text import Text

from genesis import wire
from genesis.content.outline import Outline
from genesis.content.proposal import PROCEDURAL_BADGE
from genesis.errors import GenesisError
from genesis.session import events as e
from genesis.session.stages import ORDER, Stage
from genesis.session.state import Draft
from stack.demo import ending
from stack.demo.client import Client, Refused
from stack.demo.showing import TITLES, Waiting, plain, shown

ROUNDS = 3
"""Proposals it asks for again by itself, per stage, when one could not be made."""


class NoProposal(GenesisError):
    """No proposal could be made, again and again. The log of the generator tells why."""


class Quit(Exception):
    """The person wants to leave."""


class Play:
    """One session, driven by what its stream brings."""

    def __init__(self, client: Client, console: Console, ask: bool, out: Path | None) -> None:
        self.session: UUID | None = None
        self._client = client
        self._console = console
        self._ask = ask
        self._out = out
        self._draft: Draft | None = None
        self._waiting: Waiting | None = None
        self._failures = 0

    def whole_session(self, idea: str, seed: int | None) -> None:
        """From the start to the file. Raises GenesisError's sentences, and Quit."""
        self._client.must_answer()
        if self._ask and not idea:
            idea = self._console.input("What is your novel about? (Enter: surprise me) ").strip()
        brief: dict[str, Any] = {"idea": idea}
        if seed is not None:
            brief["seed"] = seed
        accepted = self._client.send("START_GENESIS", brief)
        self.session = UUID(accepted["session_id"])
        self._console.print(Text(f"Session {self.session}", style="dim"))
        try:
            for event_type, body in self._client.frames(self.session):
                if event_type == "progress":
                    if self._waiting:
                        self._waiting.show(body)
                elif event_type != "unreadable" and self._met(wire.event_from_body(body).event):
                    return
        finally:
            self._stop_waiting()

    def _met(self, event: e.Event) -> bool:
        """Act on an event; True at the end of the session."""
        match event:
            case e.StageEntered(stage=stage):
                self._failures = 0
                self._console.print()
                self._console.print(Rule(Text(f"{ORDER.index(stage) + 1} of {len(ORDER)}: {TITLES[stage]}")))
            case e.GenerationRequested(task=task):
                self._start_waiting(str(task.task_id))
            case e.ProposalMade(proposal=draft):
                self._stop_waiting()
                self._draft = draft
                self._show(draft, event)
            case e.GenerationFailed(stage=stage, message=message):
                self._stop_waiting()
                self._failed(stage, message)
            case e.InputRequested(stage=stage, proposal_id=proposal_id):
                if self._draft and self._draft.proposal_id == proposal_id:
                    self._answer(self._draft)
            case e.StageConfirmed(stage=stage):
                self._console.print(Text(f"Confirmed: {TITLES[stage].lower()}.", style="green"))
                if stage is ORDER[-1]:
                    self._send("FINISH_GENESIS", {})
            case e.CommandRejected(internal=False, message=message):
                self._refused(message)
            case e.SessionPaused():
                self._console.print(Text("The session has paused; your answer wakes it.", style="dim"))
            case e.NovelCreated(novel=novel):
                ending.save(self._client, self._console, novel, self._out)
            case e.SessionFinished():
                return True
            case e.SessionAbandoned():
                raise Refused("The session has been abandoned; start another one.")
            case _:
                pass
        return False

    # -- a proposal in the making

    def _start_waiting(self, task_id: str) -> None:
        self._stop_waiting()
        live: Live | None = None
        if self._console.is_terminal:
            spinner = Spinner("dots", "the proposal is being made")
            live = Live(spinner, console=self._console, transient=True, refresh_per_second=12)
            live.start()
        else:
            self._console.print("A proposal is being made ...")
        self._waiting = Waiting(task_id, live)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.end()
        self._waiting = None

    def _failed(self, stage: Stage, message: str) -> None:
        self._console.print(Text(f"No proposal came: {plain(message)}", style="yellow"))
        if self._draft and self._draft.stage is stage:
            return  # the one before is asked about again
        self._failures += 1
        if self._ask:
            if self._choose("[t]ry again or [q]uit", ("t", "q")) == "q":
                raise Quit
        elif self._failures >= ROUNDS:
            raise NoProposal
        self._send("GENERATE_INSPIRATION", {"stage": stage})

    # -- answering

    def _answer(self, draft: Draft) -> None:
        if not self._ask:
            self._confirm(draft, draft.candidates[0].id)
            return
        several = len(draft.candidates) > 1
        numbers = tuple(str(number) for number in range(1, len(draft.candidates) + 1)) if several else ("c",)
        question = f"1-{len(draft.candidates)} chooses and confirms" if several else "[c]onfirm"
        question += ", [f]eedback, [n]ew proposal, [q]uit"
        match self._choose(question, (*numbers, "f", "n", "q")):
            case "q":
                raise Quit
            case "n":
                self._send("GENERATE_INSPIRATION", {"stage": draft.stage})
            case "f":
                text = ""
                while not text:
                    text = self._console.input("What should be different? ").strip()
                answer = {"proposal_id": str(draft.proposal_id), "revision": draft.revision, "text": text[:2000]}
                self._send("PROVIDE_FEEDBACK", {"stage": draft.stage, **answer})
            case "c":
                self._confirm(draft, draft.candidates[0].id)
            case number:
                self._confirm(draft, draft.candidates[int(number) - 1].id)

    def _confirm(self, draft: Draft, candidate: str) -> None:
        answer = {"proposal_id": str(draft.proposal_id), "revision": draft.revision, "candidate": candidate}
        self._send("CONFIRM_STAGE", {"stage": draft.stage, **answer})

    def _choose(self, question: str, answers: tuple[str, ...]) -> str:
        while (answer := self._console.input(Text(f"{question}: ", style="bold")).strip().lower()) not in answers:
            self._console.print(f"Please answer one of: {', '.join(answers)}.")
        return answer

    def _refused(self, message: str) -> None:
        if not self._ask or self._draft is None:
            raise Refused(plain(message))
        self._console.print(Text(plain(message), style="yellow"))
        self._answer(self._draft)

    def _send(self, command_type: str, payload: dict[str, Any]) -> None:
        assert self.session is not None
        self._client.send(command_type, payload, self.session)

    # -- showing

    def _show(self, draft: Draft, event: e.ProposalMade) -> None:
        if draft.provenance and draft.provenance.kind == "procedural":
            self._console.print(Text(PROCEDURAL_BADGE, style="italic dim"))
        final = draft.stage is ORDER[-1] and not self._ask
        for number, candidate in enumerate(draft.candidates, start=1):
            if final and isinstance(candidate, Outline):
                # All of it follows at the end.
                self._console.print(f"{len(candidate.acts)} acts, {len(candidate.chapters)} chapters.")
            else:
                mark = f"{number}. " if len(draft.candidates) > 1 else ""
                self._console.print(shown(candidate, mark))
        for understood in event.understood:
            self._console.print(Text(f"Understood: {plain(understood.text)}", style="dim"))
        for missed in event.not_understood:
            self._console.print(Text(f"Not understood: {plain(missed)}", style="yellow"))
