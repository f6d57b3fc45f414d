"""`genesis demo`: a whole guided session in the terminal, through HTTP and SSE as any other client would."""

import logging
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, assert_never
from uuid import UUID, uuid4

import httpx
import stamina
from httpx_sse import EventSource
from pydantic_core import from_json
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from connectors.settings import Settings
from genesis import wire
from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.novel import Novel
from genesis.content.outline import Outline
from genesis.content.proposal import PROCEDURAL_BADGE
from genesis.content.story import Story
from genesis.content.world import World
from genesis.errors import GenesisError
from genesis.session import events as e
from genesis.session.stages import ORDER, Stage
from genesis.session.state import Draft

PATIENCE_SECONDS = 60.0
"""Seconds without an answer after which the demo gives up; a restart of the whole studio takes less."""

SILENCE_SECONDS = 40.0
"""Seconds without a byte after which a stream counts as dead; a comment comes every 15."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
"""Seconds between two tries, doubled each time."""

ROUNDS = 3
"""Proposals it asks for again by itself, per stage, when one could not be made."""

TITLES = {
    Stage.CONCEPT_SELECTION: "The concept",
    Stage.STORY_CONCEPTION: "The story",
    Stage.WORLDVIEW: "The world",
    Stage.CHARACTERS: "The characters",
    Stage.PLOT_OUTLINE: "The outline",
}


class NothingAnswers(GenesisError):
    """No Genesis Studio answers. Start it with `make run` in another terminal and try again."""


class Gone(GenesisError):
    """The studio no longer answers. Look at `genesis status`; the session is safe and waits."""


class Refused(GenesisError):
    """The studio refused what was sent."""


class NoProposal(GenesisError):
    """No proposal could be made, again and again. The log of the generator tells why."""


class NotSaved(GenesisError):
    """The outline could not be written to a file. Name another one with --out."""


class Quit(Exception):
    """The person wants to leave."""


def demo(
    settings: Settings,
    *,
    idea: str = "",
    ask: bool = False,
    out: Path | None = None,
    seed: int | None = None,
    url: str | None = None,
) -> None:
    """Play a session from an idea to a finished outline; exits the process with 1 where that fails.

    `ask` leaves each decision to the person at the terminal. The Markdown goes to `out`, or to a file named after
    the novel in the current folder. `url` is the address of the API where it is not the settings' own.
    """
    logging.getLogger("stamina").setLevel(logging.ERROR)  # its word about each retry is none for people
    console = Console(highlight=False)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    with Client(url or f"http://{host}:{settings.port}", console) as client:
        play = Play(client, console, ask, out)
        try:
            play.whole_session(idea, seed)
        except GenesisError as error:
            _fail(str(error))
        except (Quit, KeyboardInterrupt, EOFError):
            if play.session is None:
                sys.exit(130)
            console.print(f"\nLeft. Nothing is lost: session {play.session} waits for you.")
            sys.exit(0 if ask else 130)


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(Text(sentence, style="bold red"))
    sys.exit(1)


class Client:
    """The API as a client uses it: what was cut off is sent or read on again."""

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()

    def must_answer(self) -> None:
        """Raises NothingAnswers unless a Genesis Studio is there."""
        try:
            answer = self._http.get("/health/live", timeout=5.0)
            if answer.status_code == 200 and answer.json() == {"status": "live"}:
                return
            reason = f"Something else than Genesis Studio answers at {self._url}."
        except httpx.TransportError:
            reason = f"Nothing answers at {self._url}."
        except ValueError:
            reason = f"Something else than Genesis Studio answers at {self._url}."
        raise NothingAnswers(f"{reason} Start the studio with `make run` in another terminal and try again.")

    def send(self, command_type: str, payload: dict[str, Any], session: UUID | None = None) -> dict[str, Any]:
        """Have a command accepted; the door's answer. Raises Refused, Gone."""
        body: dict[str, Any] = {"command_type": command_type, "payload": payload}
        if session:
            body["session_id"] = str(session)
        # One key over all tries: a command whose answer was lost is the same command when it is sent again.
        answer = self._tried("POST", "/genesis/commands", json=body, headers={"Idempotency-Key": str(uuid4())})
        accepted: dict[str, Any] = answer.json()
        return accepted

    def get(self, path: str) -> httpx.Response:
        """Read something. Raises Refused, Gone."""
        return self._tried("GET", path)

    def _tried(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, _Later),
                attempts=None,
                timeout=PATIENCE_SECONDS,
                wait_initial=FIRST_PAUSE,
                wait_max=LONGEST_PAUSE,
            ):
                with attempt:
                    answer = self._http.request(method, path, **request)
                    if answer.status_code in (409, 503):
                        raise _Later
        except (httpx.TransportError, _Later):
            raise Gone from None
        if not answer.is_success:
            raise Refused(_detail(answer))
        return answer

    def frames(self, session: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
        """(event type, body) of each event of the session, once and in order, and partial texts in between.

        A stream that is cut is taken up again with Last-Event-ID. Raises Refused, Gone.
        """
        last, heard, pause = 0, time.monotonic(), FIRST_PAUSE
        while time.monotonic() - heard < PATIENCE_SECONDS:
            try:
                headers = {"Last-Event-ID": str(last), "Accept": "text/event-stream"}
                with self._http.stream("GET", f"/genesis/{session}/events/stream", headers=headers) as response:
                    if response.status_code == 200:
                        for frame in EventSource(response).iter_sse():
                            if frame.event != "message":
                                body = from_json(frame.data)
                                if frame.event != "progress":
                                    last = body["sequence"]
                                yield frame.event, body
                            heard, pause = time.monotonic(), FIRST_PAUSE
                    elif response.status_code != 503:
                        response.read()
                        raise Refused(_detail(response))
            except httpx.TransportError:
                pass
            self._console.print(Text(f"  (the stream was cut; it goes on after event {last})", style="dim"))
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise Gone


class _Later(Exception):
    """The same request may succeed in a moment."""


def _detail(answer: httpx.Response) -> str:
    try:
        return plain(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The studio answered with status {answer.status_code}."


def plain(text: object) -> str:
    """Text as a terminal may show it: line breaks stay, no other control character gets through."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in str(text))


@dataclass
class Waiting:
    """A proposal in the making, shown as it grows."""

    task_id: str
    live: Live | None

    def show(self, partial: dict[str, Any]) -> None:
        """Show the end of the partial text, if it is this one's."""
        if self.live and partial.get("task_id") == self.task_id:
            lines = plain(partial.get("text", "")).strip().splitlines()[-8:]
            text = Text("\n".join(lines), style="dim", overflow="fold")
            self.live.update(Group(Spinner("dots", "the proposal is being written"), Padding(text, (0, 0, 0, 2))))

    def end(self) -> None:
        """Take it off the screen: what comes is the proposal itself."""
        if self.live:
            self.live.stop()


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
                self._finish(novel)
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

    def _finish(self, novel: Novel) -> None:
        exported = self._client.get(f"/novels/{novel.id}/export?format=md")
        file = self._file(exported)
        try:
            file.write_text(exported.text, encoding="utf-8")
        except OSError as error:
            raise NotSaved(f"{file} can't be written: {error.strerror}. Name another file with --out.") from error
        self._console.print()
        self._console.print(Rule(Text(plain(novel.title), style="bold")))
        self._console.print(Padding(Text(plain(novel.logline), style="italic"), (0, 2)))
        self._console.print(shown(novel.content.outline, ""))
        self._console.print()
        self._console.print(Text(f"The whole foundation as Markdown: {file.resolve()}", style="bold green"))

    def _file(self, exported: httpx.Response) -> Path:
        """Where the Markdown goes; without --out never over a file that is there already."""
        if self._out:
            return self._out
        named = re.search(r'filename="([\w.-]+)"', exported.headers.get("Content-Disposition", ""))
        wished = Path(named[1] if named else "novel.md")
        file, number = Path(wished.name), 1
        while file.exists():
            number += 1
            file = Path(f"{wished.stem}-{number}{wished.suffix}")
        return file


def shown(content: Content, mark: str) -> RenderableType:
    """A candidate as the terminal shows it; `mark` stands before its title."""
    match content:
        case Concept():
            facts = {
                "Lead": content.lead,
                "Against": content.opposition,
                "At stake": content.stakes,
                "What if": content.what_if,
                "Genre": ", ".join(each for each in (content.genre, content.tone) if each),
            }
            return _panel(mark + content.title, content.hook, content.premise, facts)
        case Story():
            facts = {
                "Themes": "; ".join(content.themes),
                "Ending": content.ending,
                "Style": content.style,
                "Length": f"{content.target_chapters} chapters, {content.target_words:,} words",
            }
            return _panel(mark + content.title, content.promise, content.synopsis, facts)
        case World():
            facts = {"Era": content.era, "Conflict": content.conflict}
            facts |= {f"Rule: {each.name}": _joined(each.statement, each.cost) for each in content.rules}
            facts |= {f"Place: {each.name}": each.description for each in content.places}
            facts |= {f"Faction: {each.name}": each.goal for each in content.factions}
            return _panel(mark + content.name, content.atmosphere, content.overview, facts)
        case Cast():
            names = {each.id: each.name for each in content.characters}
            facts = {
                f"{each.name} ({each.role.replace('_', ' ')})": _joined(each.profile, f"Wants: {each.want}")
                for each in content.characters
            }
            facts |= {
                f"{names.get(each.a, '?')} and {names.get(each.b, '?')}": _joined(each.surface, each.tension)
                for each in content.relationships
            }
            return _panel(mark + "The cast", "", "", facts)
        case Outline():
            return _outline(content)
        case never:
            assert_never(never)


def _joined(*parts: str) -> str:
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def _panel(title: str, lead: str, body: str, facts: dict[str, str]) -> RenderableType:
    parts: list[RenderableType] = []
    if lead:
        parts.append(Text(plain(lead), style="italic"))
    if body:
        parts.append(Text(plain(body)))
    table = Table.grid(padding=(0, 1))
    table.add_column(style="cyan", max_width=28)
    table.add_column()
    for name, text in facts.items():
        if text:
            table.add_row(Text(plain(name)), Text(plain(text)))
    parts.append(table)
    return Panel(Group(*parts), title=Text(plain(title), style="bold"), title_align="left")


def _outline(outline: Outline) -> RenderableType:
    trees: list[RenderableType] = []
    for act in outline.acts:
        tree = Tree(Text(f"{plain(act.name)}: {plain(act.purpose)}", style="bold"))
        for chapter in outline.chapters:
            if chapter.act == act.id:
                tree.add(
                    Text.assemble((f"{chapter.no}. {plain(chapter.title)}", "cyan"), "  ", plain(chapter.summary))
                )
        trees.append(tree)
    if outline.final_image:
        trees.append(Text(f"The last image: {plain(outline.final_image)}", style="italic"))
    return Group(*trees)
