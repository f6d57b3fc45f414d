"""What Prometheus reads: counts of what happened here, and how far the pipe is; nothing about anybody."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors import liveness
from tests.api.door import Door

pytestmark = pytest.mark.postgres

MANUAL = Path(__file__).parents[2] / "docs" / "operating.md"

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def figures(door: Door) -> Figures:
    """Each sample by its name and labels."""
    answer = await door.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def labelled(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


async def test_it_counts_what_was_asked_and_how_it_was_answered(door: Door):
    session = await door.session()
    await door.client.get(f"/genesis/{session}/state")
    await door.client.get(f"/genesis/{uuid4()}/state")
    await door.post("CONFIRM_STAGE", {"stage": "NOWHERE"}, session)
    found = await figures(door)
    requests = "genesis_http_requests_total"
    state = "/genesis/{session_id}/state"
    assert found[requests, labelled(method="GET", route=state, status="200")] == 1
    assert found[requests, labelled(method="GET", route=state, status="404")] == 1
    assert found[requests, labelled(method="POST", route="/genesis/commands", status="202")] == 1
    assert found[requests, labelled(method="POST", route="/genesis/commands", status="400")] == 1
    assert found["genesis_commands_accepted_total", labelled(type="START_GENESIS")] == 1
    assert found["genesis_http_response_seconds_count", labelled(method="GET", route=state)] == 2


async def test_a_thousand_addresses_make_no_series_of_their_own(door: Door):
    before = len(await figures(door))
    for number in range(50):
        await door.client.get(f"/nowhere/{number}")
        await door.client.get(f"/genesis/{uuid4()}/state")
    found = await figures(door)
    assert sum(value for (name, _), value in found.items() if name == "genesis_http_requests_total") >= 100
    # Three routes: the page's own, the state's and none; each has its histogram.
    assert len(found) - before < 60


async def test_streams_and_the_door_can_be_seen(door: Door):
    session = await door.session()
    found = await figures(door)
    assert found["genesis_door_open", ()] == 1
    assert found["genesis_reads_settled", ()] == 1
    assert found["genesis_streams_open", ()] == 0
    async with door.client.stream("GET", f"/genesis/{session}/events/stream"):
        assert (await figures(door))["genesis_streams_open", ()] == 1


async def test_what_was_given_up_or_put_aside_can_be_seen(door: Door):
    await door.session()
    await door.admin.execute("UPDATE door.command_inbox SET given_up_at = now()")
    await door.admin.execute(
        "INSERT INTO read.quarantine (kafka_partition, kafka_offset, kind, reason) VALUES (0, 7, 'fork', 'x')"
    )
    await door.put_position(0, 41)
    await door.admin.execute(
        "INSERT INTO door.session_repairs (session_id, reason, state, attempts, due_at, asked_at, ended_at)"
        " SELECT gen_random_uuid(), 'given_up', state, 1, now(), now(), CASE WHEN state <> 'DUE' THEN now() END"
        " FROM unnest(ARRAY['DUE', 'DONE', 'DONE', 'FAILED', 'FAILED', 'FAILED']) state"
    )
    found = await figures(door)
    assert found["genesis_commands_given_up", ()] == 1
    assert found["genesis_events_quarantined", ()] == 1
    assert found["genesis_events_projected_total", ()] == 41
    assert found["genesis_sessions_to_repair", ()] == 1
    assert found["genesis_sessions_repaired", ()] == 2
    assert found["genesis_sessions_beyond_repair", ()] == 3


async def test_the_parts_that_share_the_data_folder_are_in_it(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GENESIS_PART", "worker-2")
    facts = {"lag": 12, "messages": 340, "outcomes": {"decided": 339, "ahead": 1}, "partitions": [0, 1]}
    liveness.report(door.settings, "worker", "ready", **facts)
    found = await figures(door)
    part = labelled(part="worker-2")
    assert found["genesis_part_ready", part] == 1
    assert found["genesis_worker_lag_messages", part] == 12
    assert found["genesis_worker_messages_total", part] == 340
    assert found["genesis_worker_outcomes_total", labelled(part="worker-2", outcome="ahead")] == 1


async def test_while_the_database_is_away_the_rest_is_told(door: Door, monkeypatch: pytest.MonkeyPatch):
    class Away:
        async def fetchrow(self, *_: object, **__: object) -> object:
            raise OSError

    studio = replace(door.studio, pool=Away())  # type: ignore[arg-type]
    monkeypatch.setattr(door.server.config.app.state, "studio", studio)  # type: ignore[union-attr]
    found = await figures(door)
    assert ("genesis_door_open", ()) in found
    assert ("genesis_commands_given_up", ()) not in found


async def test_every_family_stands_in_the_operators_manual(door: Door):
    manual = MANUAL.read_text(encoding="utf-8")
    answer = await door.client.get("/metrics")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    ours = {each for each in families if each.startswith("genesis_")}
    assert len(ours) >= 20
    assert [each for each in sorted(ours) if f"`{each}" not in manual] == []
