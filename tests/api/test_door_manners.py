"""What the API refuses before it looks at anything: who asks, from where, and in which form."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.commands import MAX_BODY
from api.local_auth import is_loopback
from connectors.settings import Settings


@pytest.fixture
def app() -> FastAPI:
    """The API before its start: nothing here gets as far as the database."""
    return create_app(Settings())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_from(app, "127.0.0.1") as client:
        yield client


def client_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post("/genesis/commands", json=body, headers=headers)


def must_be_problem(answer: httpx.Response, status: int, word: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"].rpartition(":")[2] == word
    assert problem["title"]
    assert problem["detail"].endswith((".", "`.")), problem["detail"]
    return problem


# -- who asks, and from where


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.8.4.2", "[::1]:8000", "[::1]"]
)
async def test_a_loopback_name_is_let_through(client: httpx.AsyncClient, host: str):
    assert (await client.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example:8000", "0.0.0.0", "10.0.0.7"],
)
async def test_a_name_that_was_made_to_point_here_is_refused(client: httpx.AsyncClient, host: str):
    must_be_problem(await client.get("/health/live", headers={"Host": host}), 403, "not-loopback")


async def test_another_machine_is_refused(app: FastAPI):
    async with client_from(app, "192.0.2.7") as client:
        must_be_problem(await client.get("/health/live"), 403, "not-loopback")


@pytest.mark.parametrize("origin", ["http://attacker.example", "http://localhost:3000", "null", "http://localhost"])
async def test_a_page_of_another_origin_is_refused(client: httpx.AsyncClient, origin: str):
    answer = await post(client, {"command_type": "START_GENESIS"}, Origin=origin)
    must_be_problem(answer, 403, "foreign-origin")


async def test_our_own_page_is_let_through(client: httpx.AsyncClient):
    assert (await client.get("/health/live", headers={"Origin": "http://localhost:8000"})).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/json5"])
async def test_a_form_can_send_no_command(client: httpx.AsyncClient, kind: str):
    answer = await client.post("/genesis/commands", content=b"{}", headers={"Content-Type": kind})
    must_be_problem(answer, 415, "not-json")


@pytest.mark.parametrize(("host", "local"), [("localhost", True), ("::1", True), ("0.0.0.0", False), ("", False)])
def test_which_hosts_are_this_machine(host: str, local: bool):
    assert is_loopback(host) is local


# -- in which form


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "command_type: is missing; add it"),
        ({"command_type": "START_GENESIS", "colour": 1}, "colour: is not known here; leave it out"),
        ({"command_type": "DANCE"}, "command_type: is not known; send one of START_GENESIS"),
        ({"command_type": "HANDLE_EXPIRED"}, "command_type: HANDLE_EXPIRED is sent by the machinery only"),
        ({"command_type": "SESSION_EXPIRED"}, "by the machinery only"),
        ({"command_type": "GENERATION_SUCCEEDED"}, "by the machinery only"),
        ({"command_type": "GENERATION_FAILED"}, "by the machinery only"),
        ({"command_type": "START_GENESIS", "payload": {"seed": -1}}, "payload.seed: input should be greater than"),
        ({"command_type": "START_GENESIS", "payload": {"ideas": "x"}}, "payload.ideas: is not known here"),
        ({"command_type": "START_GENESIS", "payload": {"idea": "a\u0000b"}}, "U+0000"),
        (
            {"command_type": "START_GENESIS", "session_id": "00000000-0000-0000-0000-000000000001"},
            "leave it out there",
        ),
        ({"command_type": "FINISH_GENESIS"}, "session_id: is missing; FINISH_GENESIS needs"),
        ({"command_type": "FINISH_GENESIS", "session_id": "seven"}, "session_id:"),
        ({"command_type": "PROVIDE_FEEDBACK", "payload": {"stage": "WORLDVIEW"}}, "say what should be different"),
        ([1], "the body:"),
    ],
)
async def test_what_is_malformed_is_named_with_a_remedy(client: httpx.AsyncClient, body: Any, said: str):
    problem = must_be_problem(await post(client, body), 400, "malformed")
    assert said in problem["detail"]


async def test_every_wrong_field_is_listed(client: httpx.AsyncClient):
    payload = {"stage": "NOWHERE", "proposal_id": "x", "revision": 0}
    problem = must_be_problem(
        await post(client, {"command_type": "CONFIRM_STAGE", "payload": payload}), 400, "malformed"
    )
    assert {each["field"] for each in problem["errors"]} == {
        "payload.stage",
        "payload.proposal_id",
        "payload.revision",
    }


async def test_a_problem_does_not_repeat_what_was_written(client: httpx.AsyncClient):
    answer = await post(client, {"command_type": "START_GENESIS", "payload": {"genre": "my secret plot " * 10}})
    assert "secret" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b'{"command_type": "\xff"}', b'{"a": NaN}'])
async def test_what_is_not_json_is_malformed(client: httpx.AsyncClient, body: bytes):
    answer = await client.post("/genesis/commands", content=body, headers={"Content-Type": "application/json"})
    must_be_problem(answer, 400, "malformed")


async def test_a_body_too_large_is_not_read_to_its_end(client: httpx.AsyncClient):
    answer = await post(client, {"command_type": "START_GENESIS", "payload": {"idea": "x" * MAX_BODY}})
    must_be_problem(answer, 413, "too-large")


async def test_a_wrong_address_is_a_problem_too(client: httpx.AsyncClient):
    assert (await client.get("/genesis/no-uuid/state")).json()["status"] == 400
    nowhere = await client.get("/nowhere")
    assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")
    wrong = await client.delete("/genesis", headers={"Content-Type": "application/json"})
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")


@pytest.mark.parametrize("tag", ["W/x", "-1", '"1.5"', "9" * 30])
async def test_an_etag_that_was_never_ours_is_malformed(client: httpx.AsyncClient, tag: str):
    body = {"command_type": "FINISH_GENESIS", "session_id": "00000000-0000-0000-0000-000000000001"}
    must_be_problem(await post(client, body, **{"If-Match": tag}), 400, "malformed")


# -- what every answer carries


async def test_every_answer_is_closed_to_other_pages(client: httpx.AsyncClient):
    for answer in (await client.get("/health/live"), await client.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers


async def test_no_page_loads_scripts_from_elsewhere(client: httpx.AsyncClient):
    assert (await client.get("/docs")).status_code == 404
    assert "/genesis/commands" in (await client.get("/openapi.json")).json()["paths"]


async def test_a_bug_is_answered_and_logged_without_anybodys_words(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
):
    words = "".join(("sec", "ret"))

    @app.get("/bug")
    async def bug() -> None:
        raise ValueError(f"the whole {words} plot")

    with caplog.at_level(logging.DEBUG):
        answer = await client.get("/bug")
    must_be_problem(answer, 500, "internal-error")
    assert "ValueError" in caplog.text
    assert words not in caplog.text + answer.text
