"""The console command `genesis`: run, status, stop, demo; doctor; rebuild, repair, restore-log."""

import asyncio
import errno
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

import typer
from pydantic import ValidationError

from connectors.settings import Settings
from genesis.errors import GenesisError
from stack import installation, mending
from stack import status as standing
from stack.launcher import ALL, INFRASTRUCTURE, Stack
from stack.parts import API
from stack.processes import LOG_BYTES
from stack.progress import Board, Display

STOP_SECONDS = 180.0
"""How long `genesis stop` waits: the first stop on a machine also writes the JVMs' start caches."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def genesis() -> None:
    """A novelist and an AI lay the foundation of a novel together."""


@app.command()
def run(
    infrastructure: Annotated[
        bool, typer.Option("--infrastructure", help="Only Postgres, Kafka and Connect, to work on our own.")
    ] = False,
) -> None:
    """Starts everything that is not external and keeps it running until Ctrl-C."""
    settings = _settings()
    log = settings.data / "logs" / "launcher.log"
    parts = INFRASTRUCTURE if infrastructure else ALL
    sys.exit(asyncio.run(_run(settings, parts, str(log))))


@app.command()
def status() -> None:
    """Shows what runs, what lags, what is broken, and what to do about it."""
    sys.exit(asyncio.run(standing.show(_settings())))


@app.command()
def stop() -> None:
    """Stops the Genesis Studio that runs on the data folder, cleanly."""
    settings = _settings()
    facts = installation.running(settings)
    if facts is None:
        _say(f"Nothing runs on the data folder {settings.data}.")
        return
    if "pid" not in facts:
        _fail("The launcher is about to start or to end; try again in a moment.")
    os.kill(int(facts["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while installation.running(settings) is not None:
        if time.monotonic() > deadline:
            _fail(f"It has not ended within {STOP_SECONDS:.0f} s; see {settings.data}/logs.")
        time.sleep(0.1)
    _say("Stopped.")


@app.command()
def demo(
    idea: Annotated[str, typer.Option(help="What the novel is to be about, in your own words.")] = "",
    ask: Annotated[bool, typer.Option("--ask", help="Ask at each step instead of choosing by itself.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the Markdown; else named after the novel.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed and idea give the same novel.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of the API, if not the settings'.")] = None,
    mode: Annotated[
        Literal["guided", "free-form"],
        typer.Option(help="Stage by stage, or all at once with edits, a stop and a way back."),
    ] = "guided",
) -> None:
    """Drives a session in the terminal, from an idea to a finished outline."""
    from stack.demo.command import demo as play

    if ask and mode == "free-form":
        _fail("A free-form demo plays a fixed course and asks nothing; leave out --ask, or --mode free-form.")
    play(_settings(), idea=idea, ask=ask, out=out, seed=seed, url=url, mode=mode)


@app.command()
def doctor(
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Compare all commands, events, read models and saved states.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Examines the running studio: what is broken, how often, and the remedy."""
    from stack.doctor import examine

    _mend(examine(_settings(), thorough=reconcile, as_json=as_json))


@app.command()
def rebuild() -> None:
    """Fills the read models anew from genesis.events, beside the present ones, and swaps them; also while it runs."""
    _mend(mending.rebuild(_settings()))


@app.command()
def repair(
    session: Annotated[str, typer.Argument(help="Id of the session.")] = "",
    force: Annotated[
        bool,
        typer.Option("--force", help="Take the session back to the events of the database, even if it is ahead."),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="All sessions, from genesis.events; the studio must be stopped.")
    ] = False,
) -> None:
    """Folds a session anew from its events: its saved state, its read models; and asks again for what it owes."""
    from stack.repair import repair as mend
    from stack.repair_all import repair_all

    if every == bool(session):
        _fail("Name one session, or say --all for every session.")
    if every:
        _mend(repair_all(_settings()))
    try:
        session_id = UUID(session)
    except ValueError:
        _fail(f"{session} is not the id of a session, which looks like 9f1c6e0a-….")
    _mend(mend(_settings(), session_id, force=force))


@app.command("restore-log")
def restore_log() -> None:
    """Writes genesis.events anew from the database after Kafka was lost, then repairs and rebuilds everything."""
    from stack.restore_log import restore_log as restore

    _mend(restore(_settings()))


def _mend(work: Coroutine[Any, Any, int]) -> NoReturn:
    try:
        sys.exit(asyncio.run(work))
    except GenesisError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("Cut off. The same command again begins anew.")


async def _run(settings: Settings, parts: tuple[str, ...], log: str) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    board = Board()
    display = Display(board)
    stack = Stack(settings, parts, board)
    asked = asyncio.create_task(ended.wait())
    try:
        with display:
            start = asyncio.create_task(stack.start())
            await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                start.cancel()
                await asyncio.wait({start})
                await stack.stop()
                return 130
            start.result()
            _log_to(log)
        where = f"at {stack.url}" if API in parts else "for your own processes"
        display.say(f"Genesis Studio is ready {where}  (data: {settings.data}, Ctrl-C stops it)", "bold")
        await ended.wait()
        display.say("Stopping: nothing is lost, open sessions wait for you. The first time this takes longer.")
        await stack.stop()
        display.say("Stopped.")
        return 0
    except GenesisError as error:
        _say(str(error), error=True)
        return 1
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _say(f"The disk of {settings.data} is full; make room, or set GENESIS_DATA.", error=True)
        else:
            _say(f"The system refused something Genesis Studio needs: {error}", error=True)
        return 1
    finally:
        asked.cancel()


def _log_to(file: str) -> None:
    """What the launcher decides (a restart, a repair) goes to a log of its own and to the terminal."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    handlers.append(RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    for noisy in ("httpx", "httpcore", "aiokafka", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "GENESIS_" + "_".join(str(part) for part in first["loc"]).upper()
        _fail(f"The setting {name} can't be used: {first['msg']}.")


def _say(text: str, error: bool = False) -> None:
    typer.echo(text, err=error)


def _fail(text: str) -> NoReturn:
    _say(text, error=True)
    sys.exit(1)


def main() -> None:
    """Entry point of the console command."""
    app()
