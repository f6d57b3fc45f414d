"""/metrics in Prometheus's text format: what this process did, how far the pipe is, what the parts say of themselves.

Everything is counts and seconds: no id, no person, no text. Labels have few values, all of them ours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.studio import Studio, studio_of
from connectors import liveness
from connectors.postgres import UNAVAILABLE
from connectors.settings import Settings

router = APIRouter(tags=["health"])

# Beside each counter it would say when it was made: twice the page, and the process's start says as much.
disable_created_metrics()

BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds until an answer begins; the goal for a command's 202 lies in the middle."""

STORED = """
SELECT (SELECT count(*) FROM door.command_inbox WHERE given_up_at IS NOT NULL) AS given_up,
    (SELECT count(kind) FROM quarantine) AS quarantined,
    (SELECT count(state) FROM door.session_repairs WHERE state = 'DUE') AS due,
    (SELECT count(state) FROM door.session_repairs WHERE state = 'DONE') AS repaired,
    (SELECT count(state) FROM door.session_repairs WHERE state = 'FAILED') AS failed,
    (SELECT coalesce(sum(next_offset), 0) FROM projection_positions) AS projected
"""
"""Small tables and indexes that hold what went wrong, and a row per partition: no cost that grows with history."""


class Measures:
    """What this process counts while it serves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "genesis_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "genesis_http_response_seconds",
            "Seconds until the answer began; of a stream, until it was open.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.accepted = Counter(
            "genesis_commands_accepted", "Commands answered 202, repeats included.", ("type",), registry=self.registry
        )
        ProcessCollector(registry=self.registry)


class Measured:
    """ASGI middleware that counts every request under the route it took."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Not the path: whoever asks for a million addresses would make a million series.
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if route != "none" else "any"
                self._measures.requests.labels(method, route, message["status"]).inc()
                self._measures.seconds.labels(method, route).observe(perf_counter() - began)
            await send(message)

        await self.app(scope, receive, noted)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus: requests, commands, streams, lag, what was given up or put aside, memory.

    The worker, the generator and the projector are in it where they share the data folder with this process.
    Figures that the database holds are left out while it is away.
    """
    studio, measures = studio_of(request), request.app.state.measures
    settings: Settings = request.app.state.settings
    families = [*_door(studio), *await _stored(studio), *_parts(settings)]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(families))
    return Response(
        generate_latest(measures.registry) + generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


@dataclass(frozen=True, eq=False)
class _Ready(Collector):
    """Families that were made before: a collector can't wait for a database."""

    families: list[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"genesis_{name}", text, value=value)


def _door(studio: Studio) -> Iterator[Metric]:
    pressure, hub = studio.pressure, studio.hub
    yield _gauge(
        "door_open", "1 while commands are accepted, 0 while the machine has fallen behind.", not pressure.closed
    )
    yield _gauge("streams_open", "Event streams that are open.", hub.streams)
    yield CounterMetricFamily("genesis_streams_cut", "Streams cut off because their client was too slow.", hub.cut)
    yield _gauge("reads_settled", "1 while reads are answered, 0 while they wait for the projector.", hub.settled)
    if (waiting := pressure.waiting) is not None:
        yield _gauge(
            "commands_waiting", "Commands without an outcome, counted up to the door's limit.", waiting.count
        )
        yield _gauge("command_waiting_seconds", "How long the oldest of them has been on its way.", waiting.age)
    if pressure.room is not None:
        yield _gauge(
            "slot_room_bytes", "WAL the replication slot can hold back before it is given up.", pressure.room
        )


async def _stored(studio: Studio) -> list[Metric]:
    try:
        row = await studio.pool.fetchrow(STORED, timeout=2.0)
    except UNAVAILABLE:
        return []
    assert row is not None
    return [
        _gauge(
            "commands_given_up", "Commands that were sent again in vain; genesis doctor names them.", row["given_up"]
        ),
        _gauge(
            "events_quarantined",
            "Messages of genesis.events put aside; genesis doctor names them.",
            row["quarantined"],
        ),
        _gauge("sessions_to_repair", "Sessions behind their events that are being repaired.", row["due"]),
        _gauge("sessions_repaired", "Sessions whose last repair was taken.", row["repaired"]),
        _gauge("sessions_beyond_repair", "Sessions left to people; genesis doctor names them.", row["failed"]),
        CounterMetricFamily("genesis_events_projected", "Events in the read models.", float(row["projected"])),
    ]


_FACTS: dict[str, tuple[str, type[Any], str]] = {
    "lag": ("worker_lag_messages", GaugeMetricFamily, "Commands behind what the worker has committed."),
    "recovering": ("worker_recovering_records", GaugeMetricFamily, "Changelog records still to be read at a start."),
    "messages": ("worker_messages", CounterMetricFamily, "Commands and results handled by this process."),
    "batches": ("worker_batches", CounterMetricFamily, "Batches they came in."),
    "in_work": ("generator_waiting", GaugeMetricFamily, "Requests taken and not yet answered."),
    "running": ("generator_running", GaugeMetricFamily, "Generations under way."),
    "done": ("generator_done", CounterMetricFamily, "Requests brought to an end by this process."),
    "partials": ("generator_partials", CounterMetricFamily, "Partial texts sent by this process."),
}
"""Figure in a part's word about itself → family, kind, meaning."""


def _parts(settings: Settings) -> Iterator[Metric]:
    words = liveness.words(settings)
    ready = GaugeMetricFamily("genesis_part_ready", "1 if the part says it is ready.", labels=("part",))
    silent = GaugeMetricFamily("genesis_part_silent_seconds", "Seconds since its last word.", labels=("part",))
    outcomes = CounterMetricFamily(
        "genesis_worker_outcomes", "What became of messages: decided, repeat, ahead, …", labels=("part", "outcome")
    )
    for word in words:
        ready.add_metric((word.part,), word.state == "ready")
        silent.add_metric((word.part,), word.age())
        for outcome, count in word.facts.get("outcomes", {}).items():
            outcomes.add_metric((word.part, outcome), count)
    yield from (ready, silent, outcomes)
    for fact, (name, kind, text) in _FACTS.items():
        family = kind(f"genesis_{name}", text, labels=("part",))
        for word in words:
            if isinstance(word.facts.get(fact), int | float):
                family.add_metric((word.part,), word.facts[fact])
        yield family
