"""Shows what is starting, how long it takes, and what failed and why."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

Phase = Literal["waiting", "working", "done", "failed"]

_SIGNS: dict[Phase, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "working": ("…", "yellow"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
}


@dataclass
class Step:
    """One line of the display."""

    name: str
    phase: Phase = "waiting"
    note: str = ""
    began: float = 0.0
    ended: float = 0.0

    def seconds(self) -> float:
        """How long it has taken, or takes so far."""
        return (self.ended or time.monotonic()) - self.began if self.began else 0.0


@dataclass
class Board:
    """The steps of a start, in the order in which they are shown; `told` hears of each change."""

    steps: dict[str, Step] = field(default_factory=dict)
    told: Callable[[Step], None] = lambda step: None

    def plan(self, *names: str) -> None:
        """Announces steps to come."""
        for name in names:
            self.steps.setdefault(name, Step(name))

    def note(self, name: str, note: str) -> None:
        """A word about a step under way."""
        self.steps[name].note = note

    def work(self, name: str) -> "_Working":
        """`with board.work("kafka"):` marks the step as under way, then done or failed."""
        return _Working(self, self.steps.setdefault(name, Step(name)))


class _Working:
    def __init__(self, board: Board, step: Step) -> None:
        self._board, self._step = board, step

    def __enter__(self) -> Step:
        self._step.phase, self._step.began, self._step.ended = "working", time.monotonic(), 0.0
        self._board.told(self._step)
        return self._step

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.ended = time.monotonic()
        if isinstance(error, Exception):
            self._step.phase, self._step.note = "failed", str(error).partition("\n")[0]
        elif error is None:
            self._step.phase = "done"
        self._board.told(self._step)


class Display:
    """A live table on a terminal, one plain line per change elsewhere (a log, a pipe)."""

    def __init__(self, board: Board, console: Console | None = None) -> None:
        self._board = board
        self.console = console or Console(file=sys.stdout)
        self._began = time.monotonic()
        self._live: Live | None = None
        board.told = self._told

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self.console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, line: str, style: str = "") -> None:
        """One line of its own."""
        self.console.print(Text(line, style=style), soft_wrap=True)

    def _told(self, step: Step) -> None:
        if self._live is None and not self.console.is_terminal and step.phase != "waiting":
            took = f" ({step.seconds():.1f} s)" if step.phase in ("done", "failed") else ""
            note = f": {step.note}" if step.note else ""
            self.say(f"{time.monotonic() - self._began:6.1f}s  {step.phase:8} {step.name}{took}{note}")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for step in self._board.steps.values():
            sign, style = _SIGNS[step.phase]
            took = f"{step.seconds():5.1f} s" if step.began else ""
            table.add_row(Text(sign, style), Text(step.name, style), Text(took, "dim"), Text(step.note, "dim"))
        return table
