"""A process's word about itself, as the launcher and /metrics read it."""

from pathlib import Path

import pytest

from connectors import liveness
from connectors.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def test_the_last_word_counts(settings: Settings):
    liveness.report(settings, "worker", "starting")
    liveness.report(settings, "worker", "ready", lag=3)

    word = liveness.read(settings, "worker")

    assert word is not None
    assert (word.part, word.state, word.facts["lag"]) == ("worker", "ready", 3)


def test_all_parts_that_speak_are_found_and_nothing_else(settings: Settings):
    liveness.report(settings, "worker", "ready")
    liveness.report(settings, "generator", "ready")
    (settings.data / "run" / "launcher.json").write_text('{"pid": 1, "at": 2.0, "parts": {}}')
    (settings.data / "run" / "torn.json").write_text('{"pid"')

    assert [word.part for word in liveness.words(settings)] == ["generator", "worker"]


def test_without_a_data_folder_nobody_speaks(tmp_path: Path):
    assert liveness.words(Settings(data=tmp_path / "elsewhere")) == []


def test_on_a_full_disk_it_is_silent_and_is_heard_again_afterwards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Seen with `python -m chaos --faults "disk full"`: the task that reports died, the process was killed for it."""
    liveness.report(settings, "worker", "ready", turn=1)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        liveness.report(settings, "worker", "ready", turn=2)
    word = liveness.read(settings, "worker")
    assert word is not None
    assert word.facts["turn"] == 1

    liveness.report(settings, "worker", "ready", turn=3)
    word = liveness.read(settings, "worker")
    assert word is not None
    assert word.facts["turn"] == 3
