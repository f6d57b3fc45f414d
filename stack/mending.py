"""The commands that mend, as the operator sees them: on a running studio, or on one that is started for the while."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from connectors.settings import Settings
from projections import rebuild as rebuilding
from stack import installation, kafka, postgres
from stack.launcher import Stack
from stack.parts import KAFKA, POSTGRES
from stack.progress import Board, Display


@asynccontextmanager
async def grounds(settings: Settings, console: Console) -> AsyncIterator[Settings]:
    """Settings with which database and broker are reached: those of the running studio, or started for the while."""
    reached = settings.model_copy(update={"bootstrap": kafka.bootstrap(settings)})
    if installation.running(settings) is not None:
        yield reached
        return
    board = Board()
    stack = Stack(settings, (POSTGRES, KAFKA), board, mends=True)
    try:
        with Display(board, console):
            await stack.start()
        yield reached
    finally:
        await stack.stop()


@contextmanager
def bar(console: Console, what: str) -> Iterator[rebuilding.Told]:
    """A progress bar for a count that grows; its total may grow, too."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        yield told


def say(console: Console, line: str, style: str = "") -> None:
    """One line."""
    console.print(Text(line, style=style), soft_wrap=True)


async def rebuild(settings: Settings, console: Console | None = None) -> int:
    """`genesis rebuild`: returns the exit code. Raises what projections.rebuild raises."""
    out = console or Console(file=sys.stdout)
    async with grounds(settings, out) as reached:
        with bar(out, "events") as told:
            done = await rebuilding.rebuild(reached, postgres.dsn(settings), told=told)
    say(
        out,
        f"The read models are filled anew: {done.messages} events in {done.seconds:.1f} s "
        f"({done.messages / max(done.seconds, 0.001):.0f}/s); the projector waited "
        f"{done.locked_seconds * 1000:.0f} ms for the swap. In quarantine: {done.quarantined}.",
    )
    return 0
