"""Supervision with real processes: restarts, back-off, stops, silence, and no orphans."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from connectors import liveness
from connectors.settings import Settings
from stack import backoff, supervision
from stack.backoff import Backoff
from stack.processes import Command, trim
from stack.supervision import Part, PartFailed, Supervisor


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(text))


REPORTS = """
    import signal, sys, time
    from connectors import liveness
    from connectors.settings import Settings
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    liveness.report(Settings(), "piece", "ready")
    while True: time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
async def supervise(settings):
    begun: list[Supervisor] = []

    def begin(text: str, **options) -> Supervisor:
        command = Command(program(text), env={"GENESIS_DATA": str(settings.data)}, **options)
        supervisor = Supervisor(settings, Part("piece", lambda: command))
        supervisor.start()
        begun.append(supervisor)
        return supervisor

    yield begin
    for supervisor in begun:
        await supervisor.stop()


async def until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        # A zombie waits for nobody but its parent: it does no harm and no work.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_part_that_was_killed_is_back_with_another_pid(supervise):
    piece = supervise(REPORTS)
    await piece.wait_ready(20)
    first = piece.pid

    piece.kill(signal.SIGKILL)
    await piece.wait_ready(20)

    assert piece.pid != first
    assert piece.standing.restarts == 1
    assert piece.standing.why == "was ended by SIGKILL"


async def test_a_part_killed_by_a_stranger_is_back_too(supervise):
    piece = supervise(REPORTS)
    await piece.wait_ready(20)
    first = piece.pid

    os.kill(first, signal.SIGKILL)
    await until(lambda: piece.standing.restarts == 1)
    await piece.wait_ready(20)

    assert piece.pid != first


async def test_a_part_that_always_fails_is_restarted_ever_more_slowly_and_its_log_is_shown(supervise, monkeypatch):
    monkeypatch.setattr(backoff, "FIRST_PAUSE", 0.01)
    piece = supervise("print('the reason is this'); raise SystemExit(3)")

    with pytest.raises(PartFailed, match=r"exit code 3(.|\n)*the reason is this"):
        await piece.wait_ready(20, failures=3)


class Clock:
    """Time that goes by when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_pauses_of_one_that_fails_by_itself_grow_to_their_limit():
    pauses = Backoff(Clock())
    assert [pauses.failed(1.0) for _ in range(12)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30, 30]


def test_after_a_minute_of_health_a_failure_is_the_first_again():
    pauses = Backoff(Clock())
    assert [pauses.failed(1.0), pauses.failed(1.0), pauses.failed(61.0)] == [0.2, 0.4, 0.2]


def test_one_that_is_killed_while_it_serves_is_started_at_once_even_twice_a_minute():
    clock = Clock()
    pauses = Backoff(clock)
    for _ in range(20):
        assert pauses.killed() == 0
        clock.now += 10


def test_one_that_is_killed_for_want_of_memory_is_not_started_all_the_time():
    """It is killed a second after each start: five times at once, then once in ten seconds and no later."""
    clock = Clock()
    pauses = Backoff(clock)
    waits = []
    for _ in range(12):
        waits.append(pauses.killed())
        clock.now += waits[-1] + 1
    assert waits[:5] == [0, 0, 0, 0, 0]
    assert waits[5:] == pytest.approx([5, 9, 9, 9, 9, 9, 9])


def test_a_kill_is_no_failure():
    pauses = Backoff(Clock())
    pauses.failed(1.0)
    pauses.failed(1.0)
    pauses.killed()
    assert pauses.failures == 0
    assert pauses.failed(1.0) == 0.2


class Told(Backoff):
    """Remembers what it was told of, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def failed(self, lived: float) -> float:
        self.told.append("failed")
        return 0.0

    def killed(self) -> float:
        self.told.append("killed")
        return 0.0


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("os.kill(os.getpid(), signal.SIGABRT)", "failed"),
        ("sys.exit(0)", "failed"),
        ("sys.exit(70)", "failed"),
    ],
)
async def test_only_a_kill_counts_as_one_from_outside(settings, ending: str, told: str):
    """The piece ends once it is seen to be ready."""
    pauses = Told()
    go = settings.data / "go"
    text = REPORTS.replace("import signal, sys, time", "import os, signal, sys, time").replace(
        "while True: time.sleep(60)", f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n    {ending}"
    )
    command = Command(program(text), env={"GENESIS_DATA": str(settings.data)})
    piece = Supervisor(settings, Part("piece", lambda: command), backoff=pauses)
    piece.start()
    await piece.wait_ready(20)
    go.touch()
    await until(lambda: pauses.told)
    await piece.stop()
    assert pauses.told[0] == told


async def test_one_killed_before_it_ever_served_has_failed(settings):
    """So does one that takes too much memory at its start."""
    pauses = Told()
    command = Command(program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    piece = Supervisor(settings, Part("piece", lambda: command), backoff=pauses)
    piece.start()
    await until(lambda: pauses.told)
    await piece.stop()
    assert set(pauses.told) == {"failed"}


async def test_a_program_that_is_missing_fails_with_its_name(settings):
    command = Command(("/nowhere/at-all",))
    piece = Supervisor(settings, Part("piece", lambda: command))
    piece.start()

    with pytest.raises(PartFailed, match=r"/nowhere/at-all|FileNotFoundError"):
        await piece.wait_ready(20, failures=1)
    await piece.stop()


async def test_a_part_that_ignores_the_stop_is_killed_after_its_limit(supervise):
    piece = supervise(
        REPORTS.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN"),
        stop_seconds=0.3,
    )
    await piece.wait_ready(20)
    pid = piece.pid

    await piece.stop()

    assert not alive(pid)
    assert piece.standing.state == "stopped"


async def test_a_part_that_falls_silent_is_killed_though_its_process_lives(supervise, monkeypatch):
    monkeypatch.setattr(supervision, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(supervision, "WATCH_EVERY", 0.1)
    piece = supervise(REPORTS.replace('"ready")', '"ready", watched=True)'))
    await piece.wait_ready(20)

    await until(lambda: piece.standing.restarts > 0)

    assert piece.standing.why == "was ended by SIGKILL"
    assert piece._backoff.failures >= 1, "it is at fault, though it was a kill"


async def test_a_part_that_takes_its_time_to_stop_is_not_killed_for_its_silence(supervise, settings, monkeypatch):
    """Connect writes its AOT cache at its first clean stop, and answers nobody meanwhile."""
    monkeypatch.setattr(supervision, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(supervision, "WATCH_EVERY", 0.05)
    piece = supervise(
        """
        import pathlib, signal, sys, time
        from connectors import liveness
        from connectors.settings import Settings
        settings = Settings()
        def slowly(*_):
            time.sleep(1.5)
            (settings.data / "written").write_text("whole")
            sys.exit(0)
        signal.signal(signal.SIGTERM, slowly)
        while True:
            liveness.report(settings, "piece", "ready", watched=True)
            time.sleep(0.05)
        """,
        stop_seconds=20.0,
    )
    await piece.wait_ready(20)
    await piece.stop()
    assert (settings.data / "written").read_text() == "whole"


async def test_a_part_that_never_promised_to_speak_may_be_silent(supervise, monkeypatch):
    monkeypatch.setattr(supervision, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(supervision, "WATCH_EVERY", 0.05)
    looks = 0

    async def counted(self, pid):
        nonlocal looks
        looks += 1
        return await serving(self, pid)

    serving = Supervisor._serving
    monkeypatch.setattr(Supervisor, "_serving", counted)
    piece = supervise(REPORTS)
    await piece.wait_ready(20)

    await until(lambda: looks > 10)

    assert piece.standing.restarts == 0


def test_an_old_word_is_no_life_sign(settings):
    liveness.report(settings, "piece", "ready")
    liveness.forget(settings, "piece")

    assert liveness.read(settings, "piece") is None


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is the Linux kernel's")
async def test_no_part_outlives_a_launcher_killed_with_sigkill(settings):
    launcher = await asyncio.create_subprocess_exec(
        *program(
            f"""
            import asyncio
            from pathlib import Path
            from connectors.settings import Settings
            from stack.processes import Command
            from stack.supervision import Part, Supervisor

            async def main():
                command = Command({program(REPORTS)!r}, env={{"GENESIS_DATA": {str(settings.data)!r}}})
                piece = Supervisor(Settings(data=Path({str(settings.data)!r})), Part("piece", lambda: command))
                piece.start()
                await asyncio.sleep(60)

            asyncio.run(main())
            """
        )
    )
    await until(lambda: liveness.read(settings, "piece") is not None)
    piece = liveness.read(settings, "piece").pid
    assert alive(piece)

    launcher.kill()
    await launcher.wait()

    await until(lambda: not alive(piece))


def test_a_log_past_its_limit_is_cut_under_the_writer(tmp_path):
    log = tmp_path / "piece.log"
    with log.open("a") as writer:
        writer.write("x" * 100)
        writer.flush()

        assert trim(log, limit=50)
        writer.write("after")

    assert log.read_text() == "after"
    assert (tmp_path / "piece.log.1").read_text() == "x" * 100


def test_settings_of_the_launcher_do_not_reach_a_part_by_themselves(monkeypatch):
    monkeypatch.setenv("GENESIS_POSTGRES_DSN", "postgresql://postgres:secret@db/genesis")
    monkeypatch.setenv("GENESIS_KEY_OF_A_PROVIDER", "kept")

    environment = Command(("/bin/true",), env={"GENESIS_PART": "piece"}).environment()

    assert "GENESIS_POSTGRES_DSN" not in environment
    assert environment["GENESIS_KEY_OF_A_PROVIDER"] == "kept"
    assert environment["GENESIS_PART"] == "piece"
