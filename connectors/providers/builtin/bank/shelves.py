"""Reading the bank: one folder per genre and one for all of them, read when first asked for and then kept."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.providers.builtin.bank.plots import Beat, Chain, Plot, Turn
from connectors.providers.builtin.bank.tables import (
    Bond,
    Culture,
    Faction,
    Look,
    Lore,
    Meta,
    Person,
    Place,
    Pools,
    Premise,
    Rule,
    Shelf,
    Wound,
)
from genesis.errors import GenesisError

COMMON = "common"
"""The folder whose tables every genre shares."""

REMEDIES = {
    "missing": "add it",
    "extra_forbidden": "take it out or mend its spelling",
    "too_short": "write more of them",
    "too_long": "write fewer of them",
    "literal_error": "choose one of those",
    "string_pattern_mismatch": "use small letters, digits and hyphens",
    "string_too_short": "write something",
}


class BankError(GenesisError):
    """A file of the story engine's bank can't be used; mend it as the message says."""


@dataclass(frozen=True)
class Genre:
    """Everything that books of one genre are made from: its own tables, then the common ones."""

    id: str
    meta: Meta
    pools: Pools
    plots: Mapping[str, Plot]
    turns: tuple[Turn, ...]
    chains: Mapping[str, Chain]
    episodes: tuple[Beat, ...]
    premises: tuple[Premise, ...]
    people: tuple[Person, ...]
    looks: tuple[Look, ...]
    wounds: tuple[Wound, ...]
    places: tuple[Place, ...]
    rules: tuple[Rule, ...]
    lore: tuple[Lore, ...]
    factions: tuple[Faction, ...]
    bonds: tuple[Bond, ...]
    cultures: tuple[Culture, ...]

    def turns_of(self, plot: str) -> tuple[Turn, ...]:
        """The turns that go with a plot."""
        return tuple(each for each in self.turns if not each.plots or plot in each.plots)


@cache
def genres() -> Mapping[str, Meta]:
    """Every genre of the bank with what it is called; reads no texts."""
    found = {}
    for folder in sorted(_root().iterdir(), key=lambda each: each.name):
        file = folder.joinpath("genre.toml")
        if folder.is_dir() and file.is_file():
            shelf = parse(folder.name, {"genre.toml": file.read_text("utf-8")})
            if shelf.meta is None:
                raise BankError(f"{folder.name}/genre.toml: meta is missing; add a [meta] table.")
            found[folder.name] = shelf.meta
    return found


@cache
def genre(name: str) -> Genre:
    """The genre of this folder name, checked.

    Raises BankError where a file can't be used, or where there is no such genre.
    """
    folder = _root().joinpath(name)
    if not folder.joinpath("genre.toml").is_file():
        raise BankError(f"There is no genre “{name}” in the bank; there are {', '.join(genres())}.")
    own, shared = parse(name, _texts(folder)), common()
    if own.meta is None or own.pools is None:
        raise BankError(f"{name}/genre.toml: both [meta] and [pools] must be there; add what is missing.")
    return Genre(
        id=name,
        meta=own.meta,
        pools=own.pools,
        plots={each.id: each for each in (*shared.plots, *own.plots)},
        turns=tuple({each.id: each for each in (*shared.turns, *own.turns)}.values()),
        chains={each.id: each for each in (*shared.chains, *own.chains)},
        episodes=(*own.episodes, *shared.episodes),
        premises=own.premises,
        people=own.people or shared.people,
        looks=own.looks or shared.looks,
        wounds=own.wounds or shared.wounds,
        places=own.places,
        rules=own.rules,
        lore=own.lore,
        factions=own.factions or shared.factions,
        bonds=(*own.bonds, *shared.bonds),
        cultures=own.cultures or shared.cultures,
    )


@cache
def common() -> Shelf:
    """What all genres share."""
    return parse(COMMON, _texts(_root().joinpath(COMMON)))


@cache
def lexicon() -> Mapping[str, Any]:
    """What kinds of things words are: lists of words by kind, and tables `events` and `verbs`."""
    return tomllib.loads(_root().joinpath("lexicon.toml").read_text("utf-8"))


def _root() -> Traversable:
    return resources.files("connectors.providers.builtin.bank")


def _texts(folder: Traversable) -> dict[str, str]:
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    return {each.name: each.read_text("utf-8") for each in files}


def parse(folder: str, texts: Mapping[str, str]) -> Shelf:
    """The tables of these files (name -> text), one after another.

    Raises BankError naming file, line, entry, field and remedy of the first faults.
    """
    tables: dict[str, Any] = {}
    origin: dict[tuple[str, int], str] = {}
    for file, text in texts.items():
        try:
            read = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BankError(f"{folder}/{file}: not TOML: {error}. Mend that line.") from None
        for name, value in read.items():
            if not isinstance(value, list):
                tables[name] = value
                origin[name, 0] = file
                continue
            into = tables.setdefault(name, [])
            origin |= {(name, len(into) + place): file for place in range(len(value))}
            into += value
    try:
        return Shelf.model_validate(tables)
    except ValidationError as error:
        faults = [_fault(folder, each, tables, origin, texts) for each in error.errors(include_url=False)[:8]]
        more = error.error_count() - len(faults)
        raise BankError("\n".join([*faults, *([f"… and {more} more."] if more > 0 else [])])) from None


def _fault(
    folder: str,
    error: ErrorDetails,
    tables: Mapping[str, Any],
    origin: Mapping[tuple[str, int], str],
    texts: Mapping[str, str],
) -> str:
    table, *rest = error["loc"]
    place = rest[0] if rest and isinstance(rest[0], int) and isinstance(tables.get(str(table)), list) else 0
    file = origin.get((str(table), place), "?")
    entries = tables.get(str(table))
    entry = entries[place] if isinstance(entries, list) and place < len(entries) else entries
    names = list(_names(entry, rest[1:] if isinstance(entries, list) else rest))
    line = _line(texts.get(file, ""), names[-1]) if names else 0
    where = " › ".join(
        [str(table), *(f"“{name}”" for name in names), *(str(each) for each in rest if isinstance(each, str))]
    )
    kind = error["type"]
    remedy = "" if kind == "value_error" else f"; {REMEDIES.get(kind, 'mend it')}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{folder}/{file}{f' line {line}' if line else ''}: {where}: {message}{remedy}."


def _names(entry: Any, path: list[int | str]) -> Iterator[str]:
    """What the entries along a path are called."""
    for step in [None, *path]:
        if step is not None:
            try:
                entry = entry[step]
            except (KeyError, IndexError, TypeError):
                return
        if isinstance(entry, dict):
            name = entry.get("id") or entry.get("name") or entry.get("line") or entry.get("job")
            if isinstance(name, str):
                yield name[:60]


def _line(text: str, name: str) -> int:
    found = re.search(rf'^\s*(?:id|name|line|job)\s*=\s*["\']{re.escape(name)}', text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 0
