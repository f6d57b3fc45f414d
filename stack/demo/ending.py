"""The end of a demo: the outline on the screen, the novel's foundation in a file."""

import re
from pathlib import Path

import httpx
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from genesis.content.novel import Novel
from genesis.errors import GenesisError
from stack.demo.client import Client
from stack.demo.showing import plain, shown


class NotSaved(GenesisError):
    """The outline could not be written to a file. Name another one with --out."""


def save(client: Client, console: Console, novel: Novel, out: Path | None) -> None:
    """Show the novel's outline and write its Markdown to `out`, or to a file named after it. Raises NotSaved."""
    exported = client.get(f"/novels/{novel.id}/export?format=md")
    file = out or _free(exported)
    try:
        file.write_text(exported.text, encoding="utf-8")
    except OSError as error:
        raise NotSaved(f"{file} can't be written: {error.strerror}. Name another file with --out.") from error
    console.print()
    console.print(Rule(Text(plain(novel.title), style="bold")))
    console.print(Padding(Text(plain(novel.logline), style="italic"), (0, 2)))
    console.print(shown(novel.content.outline, ""))
    console.print()
    console.print(Text(f"The whole foundation as Markdown: {file.resolve()}", style="bold green"))


def _free(exported: httpx.Response) -> Path:
    """A file named after the novel, never one that is there already."""
    named = re.search(r'filename="([\w.-]+)"', exported.headers.get("Content-Disposition", ""))
    wished = Path(named[1] if named else "novel.md")
    file, number = Path(wished.name), 1
    while file.exists():
        number += 1
        file = Path(f"{wished.stem}-{number}{wished.suffix}")
    return file
