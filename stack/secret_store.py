"""The installation's passwords: made at first start, kept in one file that only its owner can read."""

import json
import os
import secrets
from pathlib import Path

from connectors.settings import Settings

ADMIN = "postgres"
"""Superuser of the embedded server."""

ROLES: tuple[str, ...] = (
    "genesis_door",
    "genesis_projector",
    "genesis_sweeper",
    "genesis_generator",
    "genesis_debezium",
)
"""One least-privileged database role per process that talks to Postgres (design §9)."""


def passwords(settings: Settings) -> dict[str, str]:
    """The password of the administrator and of each role; missing ones are made and kept (0600).

    GENESIS_DBZ_PW stands above the file: an external Connect has the password from there.
    """
    kept = _kept(settings.data)
    if settings.dbz_pw is not None:
        return kept | {"genesis_debezium": settings.dbz_pw.get_secret_value()}
    return kept


def _kept(data: Path) -> dict[str, str]:
    file = data / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    missing = [role for role in (ADMIN, *ROLES) if role not in known]
    if missing:
        known |= {role: secrets.token_urlsafe(24) for role in missing}
        draft = data / "secrets.json.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            json.dump(known, output)
            output.flush()
            os.fsync(output.fileno())
        draft.replace(file)
    return known
