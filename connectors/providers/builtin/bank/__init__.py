"""The built-in engine's own content: TOML files, read once and only when the engine is first used."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

VERSION = 1
"""Raised with every change of the bank's text, since the same seed then gives another proposal."""

Entry = dict[str, Any]


@cache
def load(name: str) -> Entry:
    """The bank file of this name, without its ending."""
    return tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text("utf-8"))


def conceits() -> list[Entry]:
    """The central ideas, in the bank's order."""
    return list(load("conceits")["conceit"])
