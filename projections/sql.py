"""Named SQL: the statements of a `queries.sql`, each under its `-- name:`."""

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def read(package: str, file: str = "queries.sql") -> str:
    """The text of a file beside the modules of this package."""
    return files(package).joinpath(file).read_text(encoding="utf-8")


def named(package: str) -> dict[str, str]:
    """The statements of this package's queries.sql by name."""
    _, *parts = _NAME.split(read(package))
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}
