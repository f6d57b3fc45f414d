"""`genesis demo`: a newcomer's first minute, over the real API, with and without questions."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from genesis.content.proposal import PROCEDURAL_BADGE
from genesis.session.stages import Stage
from genesis.session.state import Generating
from stack.demo.showing import plain, shown
from tests import examples
from tests.api.door import DEADLINE, Door, until

PLAY = """
import sys
from pathlib import Path
from connectors.settings import Settings
from stack.demo.command import demo
demo(Settings(), idea="a clerk who sells the sea", ask="--ask" in sys.argv, mode=sys.argv[1])
"""


async def played(
    folder: Path, port: int, answers: str = "", ask: bool = False, mode: str = "guided"
) -> tuple[int | None, str, str]:
    """The demo in a process and a folder of its own: exit code, what it said, what it complained of."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GENESIS_")}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PLAY,
        mode,
        *(["--ask"] if ask else []),
        cwd=folder,
        env={**environment, "GENESIS_PORT": str(port), "PYTHONPATH": str(Path.cwd()), "COLUMNS": "100"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(3 * DEADLINE):
            said, complained = await running.communicate(answers.encode())
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    return running.returncode, said.decode(), complained.decode()


@asynccontextmanager
async def at_work(door: Door, fail_first: bool = False) -> AsyncIterator[None]:
    """Machine, generator and projector beside the API: what is accepted is done, what is asked for is proposed."""

    async def work() -> None:
        failed = not fail_first
        while True:
            await door.work()
            for session, state in list(door.states.items()):
                for slot in state.stages.values():
                    if not isinstance(slot.phase, Generating):
                        continue
                    if failed:
                        task = slot.phase.task
                        await door.bring(session, task, examples.success(task.task_id, task.stage))
                    else:
                        failed = True
                        await door.fail(session)
            await asyncio.sleep(0.02)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()


@pytest.mark.postgres
async def test_it_plays_a_session_by_itself_and_leaves_the_markdown(door: Door, tmp_path: Path):
    async with at_work(door):
        code, said, complained = await played(tmp_path, door.settings.port)
    assert (code, complained) == (0, ""), said
    for expected in ("1 of 5: The concept", "A Lamp for the Drowned", "5 of 5: The outline", PROCEDURAL_BADGE):
        assert expected in said
    # It ends with the outline and the file.
    ending = said[said.rindex("The Salt Ledger") :]
    assert "3. Spring Tide" in ending
    file = tmp_path / "the-salt-ledger.md"
    assert ending.replace("\n", "").endswith(str(file))
    assert file.read_text().startswith("# The Salt Ledger")
    assert "\x1b" not in said  # plain where there is no terminal


@pytest.mark.postgres
async def test_it_plays_a_free_form_session_with_every_wish(door: Door, tmp_path: Path):
    async with at_work(door):
        code, said, complained = await played(tmp_path, door.settings.port, mode="free-form")
    assert (code, complained) == (0, ""), said
    for expected in ("Five proposals at once", "locked", "Back to the story", "not in agreement", "Mended"):
        assert expected in said
    [state] = door.states.values()
    assert state.status == "COMPLETED"
    given = await door.admin.fetch("SELECT command_type FROM door.command_inbox ORDER BY command_no")
    assert [row["command_type"] for row in given][:6] == ["START_GENESIS", *["GENERATE_INSPIRATION"] * 5]
    assert {"PROVIDE_FEEDBACK", "NAVIGATE_TO_STAGE", "FINISH_GENESIS"} <= {row["command_type"] for row in given}
    assert ".md" in said[said.index("The whole foundation as Markdown") :]


@pytest.mark.postgres
async def test_it_overwrites_no_file(door: Door, tmp_path: Path):
    (tmp_path / "the-salt-ledger.md").write_text("mine")
    async with at_work(door):
        code, *_ = await played(tmp_path, door.settings.port)
    assert code == 0
    assert (tmp_path / "the-salt-ledger.md").read_text() == "mine"
    assert (tmp_path / "the-salt-ledger-2.md").exists()


@pytest.mark.postgres
async def test_it_asks_and_obeys(door: Door, tmp_path: Path):
    # Nonsense, the second candidate after feedback, a new proposal, and then one confirmation after the other.
    answers = "x\nf\ndarker, please\n2\nn\nc\nc\nc\nc\n"
    async with at_work(door):
        code, said, complained = await played(tmp_path, door.settings.port, answers, ask=True)
    assert (code, complained) == (0, ""), said
    assert "Please answer one of: 1, 2, f, n, q." in said
    [state] = door.states.values()
    assert state.status == "COMPLETED"
    given = await door.admin.fetch("SELECT command_type, command_payload FROM door.command_inbox ORDER BY command_no")
    assert [row["command_type"] for row in given] == [
        "START_GENESIS",
        "PROVIDE_FEEDBACK",
        "CONFIRM_STAGE",
        "GENERATE_INSPIRATION",
        *["CONFIRM_STAGE"] * 4,
        "FINISH_GENESIS",
    ]
    assert '"text":"darker, please"' in given[1]["command_payload"]
    # The second of the second round: a revision keeps its ids, but is a proposal of its own.
    revised, confirmed = (orjson.loads(given[place]["command_payload"]) for place in (1, 2))
    assert confirmed["candidate"] == "k2"
    assert confirmed["proposal_id"] != revised["proposal_id"]


@pytest.mark.postgres
@pytest.mark.parametrize("answers", ["q\n", ""])
async def test_whoever_leaves_is_told_that_the_session_waits(door: Door, tmp_path: Path, answers: str):
    async with at_work(door):
        code, said, complained = await played(tmp_path, door.settings.port, answers, ask=True)
    assert (code, complained) == (0, "")
    [session] = door.states
    assert f"Nothing is lost: session {session} waits for you." in said.replace("\n", " ")


@pytest.mark.postgres
async def test_it_tries_again_when_no_proposal_came(door: Door, tmp_path: Path):
    async with at_work(door, fail_first=True):
        code, said, complained = await played(tmp_path, door.settings.port)
    assert (code, complained) == (0, ""), said
    assert "No proposal came: The pen broke." in said


@pytest.mark.postgres
async def test_it_goes_on_when_its_stream_is_cut(door: Door, tmp_path: Path):
    async def cut() -> None:
        for _ in range(3):
            await until(lambda: door.hub.streams, "the stream")
            for connection in list(door.server.server_state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
            await until(lambda: not door.hub.streams, "the stream to be cut")

    async with at_work(door):
        cutting = asyncio.create_task(cut())
        code, said, complained = await played(tmp_path, door.settings.port)
        await cutting
    assert (code, complained) == (0, ""), said
    assert "the stream was cut; it goes on after event" in said


async def test_it_says_that_nothing_runs(tmp_path: Path, free_ports: Callable[[int], list[int]]):
    [port] = free_ports(1)
    code, _, complained = await played(tmp_path, port)
    assert code == 1
    assert "Start the studio with `make run`" in complained.replace("\n", " ")


def test_nothing_a_model_writes_reaches_the_terminal_but_text():
    concept = examples.CONCEPTS[0].model_copy(update={"title": "\x1b]0;mine\x07[bold]Title[/bold]", "hook": "a\nb"})
    console = Console(width=80, force_terminal=False)
    with console.capture() as shown_text:
        console.print(shown(concept, "1. "))
    assert "\x1b" not in shown_text.get()
    assert "[bold]Title[/bold]" in shown_text.get()
    assert plain("tab\tbell\x07line\n") == "tab bell line\n"


@pytest.mark.parametrize("stage", list(Stage))
def test_every_content_is_shown(stage: Stage):
    console = Console(width=100)
    with console.capture() as said:
        console.print(shown(examples.CANDIDATES[stage][0], ""))
    assert len(said.get()) > 200
