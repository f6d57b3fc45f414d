"""`genesis demo`: a whole session in the terminal, through HTTP and SSE as any other client would."""

import logging
import sys
from pathlib import Path
from typing import Literal, NoReturn

from rich.console import Console
from rich.text import Text

from connectors.settings import Settings
from genesis.errors import GenesisError
from stack.demo.client import Client
from stack.demo.free_form import FreeForm
from stack.demo.guided import Play, Quit


def demo(
    settings: Settings,
    *,
    idea: str = "",
    ask: bool = False,
    out: Path | None = None,
    seed: int | None = None,
    url: str | None = None,
    mode: Literal["guided", "free-form"] = "guided",
) -> None:
    """Play a session from an idea to a finished outline; exits the process with 1 where that fails.

    `ask` leaves each decision to the person at the terminal. The Markdown goes to `out`, or to a file named after
    the novel in the current folder. `url` is the address of the API where it is not the settings' own.
    In the mode `free-form` it plays a fixed course of wishes and asks nothing.
    """
    logging.getLogger("stamina").setLevel(logging.ERROR)  # its word about each retry is none for people
    console = Console(highlight=False)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    with Client(url or f"http://{host}:{settings.port}", console) as client:
        play = FreeForm(client, console, out) if mode == "free-form" else Play(client, console, ask, out)
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
