"""The finished novel: listed, read whole, taken home as a file."""

from uuid import uuid4

import pytest

from api.novels import slug
from genesis.content.novel import Novel
from genesis.content.proposal import PROCEDURAL_BADGE
from tests.api.door import Door


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Salt Ledger", "the-salt-ledger"),
        ("L'Été à Zürich!", "lete-a-zurich"),
        ("../../etc/passwd", "etc-passwd"),
        ('a"\r\nX: y', "a-x-y"),
        ("海の帳簿", "novel"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_title_becomes_a_file_name(title: str, name: str):
    assert slug(title) == name


@pytest.mark.postgres
async def test_a_session_ends_in_a_novel_that_can_be_taken_home(door: Door):
    session = await door.whole_session()
    state = (await door.client.get(f"/genesis/{session}/state")).json()
    assert (state["status"], state["current_stage"], state["available_actions"]) == ("COMPLETED", "FINISHED", [])
    assert list(state["confirmed_data"]) == list(state["stages"])

    [listed] = (await door.client.get("/novels")).json()["novels"]
    assert (listed["id"], listed["title"], listed["chapter_count"]) == (state["novel_id"], "The Salt Ledger", 3)

    whole = (await door.client.get(f"/novels/{listed['id']}")).json()
    assert whole.pop("badge") == PROCEDURAL_BADGE
    novel = Novel.model_validate(whole)
    assert [chapter.title for chapter in novel.content.outline.chapters] == [
        "The Blotted Line",
        "Neap",
        "Spring Tide",
    ]

    markdown = await door.client.get(f"/novels/{listed['id']}/export")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"] == 'attachment; filename="the-salt-ledger.md"'
    assert markdown.text.startswith("# The Salt Ledger")
    assert PROCEDURAL_BADGE in markdown.text

    exported = (await door.client.get(f"/novels/{listed['id']}/export?format=json")).json()
    assert exported.pop("format") == "genesis-novel/1"
    assert Novel.model_validate(exported) == novel

    assert (await door.client.get(f"/novels/{listed['id']}/export?format=pdf")).status_code == 400
    assert (await door.client.get(f"/novels/{uuid4()}")).status_code == 404


@pytest.mark.postgres
async def test_a_foreign_novel_is_not_there(door: Door):
    session = await door.whole_session()
    novel = (await door.client.get(f"/genesis/{session}/state")).json()["novel_id"]
    await door.admin.execute("UPDATE read.novels SET user_id = 'somebody else'")
    for path in (f"/novels/{novel}", f"/novels/{novel}/export"):
        answer = await door.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert (await door.client.get("/novels")).json() == {"novels": []}
