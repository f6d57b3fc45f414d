"""What the read models must hold of a session, if its events are folded once from the first to the last."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from chaos.checker.replay import Replay
from chaos.checker.violation import Kind, Violation
from chaos.evidence import Evidence, Json
from projections.handles.project import Handles
from projections.novels.project import novel_row
from projections.session_view.project import Views
from projections.tasks.project import Tasks

KEYS: Mapping[str, tuple[str, ...]] = {
    "domain_events": ("event_id",),
    "session_view": ("session_id",),
    "session_stage": ("session_id", "stage"),
    "flow_resume_handles": ("id",),
    "async_tasks": ("id",),
    "novels": ("id",),
}
"""The tables that are compared, with what names a row."""

SESSION: Mapping[str, str] = {"domain_events": "aggregate_id"}
"""The column that names the session, where it is not session_id."""

UNCOMPARED = ("kafka_partition", "kafka_offset")
"""Where an event lies in Kafka is no part of what happened: a log may be written anew (design §9)."""

Rows = dict[str, dict[str, Json]]


def key_of(table: str, row: Mapping[str, Any]) -> str:
    """The key of a row, as text."""
    return "/".join(str(row[column]) for column in KEYS[table])


def expected(story: Replay) -> Rows:
    """Each table's rows of this session after a replay."""
    views, handles, tasks = Views(), Handles(), Tasks()
    rows: Rows = {table: {} for table in KEYS}
    before = None
    for body, recorded, after in zip(story.bodies, story.events, story.states, strict=True):
        views.add(recorded, before, after)
        handles.add(recorded, before, after)
        tasks.add(recorded)
        _put(rows, "domain_events", {**body, "user_id": recorded.user_id})
        if novel := novel_row(recorded.event):
            _put(rows, "novels", novel)
        before = after
    heads, stages, _ = views.rows()
    for head in heads:
        _put(rows, "session_view", {**head, "inconsistent": False})
    for stage in stages:
        _put(rows, "session_stage", stage)
    for handle in handles.opened.values():
        _put(rows, "flow_resume_handles", handle)
    for task, row in tasks.requested.items():
        ended = {column: value for column, value in tasks.ended.get(task, {}).items() if value is not None}
        _put(rows, "async_tasks", {"status": "RUNNING", "discarded": False, **row, **ended})
    return rows


def _put(rows: Rows, table: str, row: Mapping[str, Any]) -> None:
    plain: Json = orjson.loads(orjson.dumps(row))
    rows[table][key_of(table, plain)] = plain


def check(evidence: Evidence, story: Replay) -> Iterator[Violation]:
    """Complaints about the read models of one session (design §9)."""
    wanted = expected(story)
    for table in KEYS:
        there = {
            key: row
            for key, row in evidence.rows.get(table, {}).items()
            if row[SESSION.get(table, "session_id")] == str(story.session)
        }
        for key in wanted[table].keys() - there.keys():
            yield Violation(Kind.READ_MODEL, story.session, f"{table} has no row {key}")
        for key in there.keys() - wanted[table].keys():
            yield Violation(Kind.READ_MODEL, story.session, f"{table} has a row {key} too many")
        for key in wanted[table].keys() & there.keys():
            if columns := different(wanted[table][key], there[key]):
                detail = f"{table}, row {key}: {', '.join(columns)} is not as replayed"
                yield Violation(Kind.READ_MODEL, story.session, detail)


def different(wanted: Json, there: Json) -> list[str]:
    """The columns in which two rows differ; a column that is not wanted is to be null."""
    columns = sorted((wanted.keys() | there.keys()) - set(UNCOMPARED))
    return [each for each in columns if comparable(each, wanted.get(each)) != comparable(each, there.get(each))]


def comparable(column: str, value: Any) -> Any:
    """A column's value in one form, whether it comes from PostgreSQL or from the kernel."""
    if value is None:
        return None
    if column.endswith("_at") or column == "deadline":
        return datetime.fromisoformat(value).astimezone(UTC)
    if column == "cost" and isinstance(value, int | float | str):
        return Decimal(str(value))
    return value


def sessions_of(evidence: Evidence) -> set[UUID]:
    """Every session that a read model has rows of."""
    return {
        UUID(row[SESSION.get(table, "session_id")]) for table, rows in evidence.rows.items() for row in rows.values()
    }
