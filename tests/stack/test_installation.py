"""The data folder and the ports: what is refused before anything is started, in one clear sentence."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

from connectors.settings import Settings
from genesis.errors import GenesisError
from stack import installation, parts, secret_store
from stack.installation import Installation
from stack.launcher import Stack


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path / "data")


@pytest.fixture
def taken(settings):
    ours = Installation(settings)
    ours.take()
    yield ours
    ours.release()


def test_a_second_launch_on_the_same_folder_is_refused(settings, taken):
    second = subprocess.run(
        [sys.executable, "-m", "stack", "run"],
        env={**os.environ, "GENESIS_DATA": str(settings.data)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert second.stderr.strip() == (
        f"Genesis Studio runs on the data folder {settings.data} already; "
        "stop it with `genesis stop`, or set GENESIS_DATA to another folder."
    )


def test_a_folder_that_was_given_back_can_be_taken_again(settings, taken):
    taken.release()

    again = Installation(settings)
    again.take()
    assert again.taken
    again.release()


def test_what_runs_is_told_only_while_it_runs(settings, taken):
    taken.note({"url": "http://127.0.0.1:8000"})
    assert installation.running(settings)["pid"] == os.getpid()

    taken.release()
    assert installation.running(settings) is None


def test_a_folder_of_another_format_is_refused(settings, taken):
    taken.release()
    (settings.data / "format").write_text("0")

    with pytest.raises(installation.DataFolderUnusable, match="has format 0 and this release needs 1"):
        Installation(settings).take()


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(settings):
    settings.data.mkdir()
    (settings.data / "thesis.txt").write_text("precious")

    with pytest.raises(installation.DataFolderUnusable, match="holds something else"):
        Installation(settings).take()

    assert (settings.data / "thesis.txt").read_text() == "precious"
    assert not (settings.data / "format").exists()


def test_a_folder_that_can_not_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(installation.DataFolderUnusable, match="set GENESIS_DATA"):
        Installation(Settings(data=tmp_path / "file" / "data")).take()


def test_a_disk_that_is_nearly_full_is_refused(settings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 1 << 40, 100 << 20))

    with pytest.raises(installation.DiskFull, match=r"100 MB left and 512 MB are needed"):
        Installation(settings).take()

    assert installation.running(settings) is None


@pytest.mark.parametrize("part", ["postgres", "kafka", "connect", "api"])
def test_a_port_in_use_is_named_with_its_setting(part, settings, monkeypatch):
    monkeypatch.setattr(installation, "PATIENCE", 0.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = settings.model_copy(
            update={"postgres_port": port, "kafka_port": port, "connect_port": port, "port": port}
        )
        host, port, name, setting = parts.ports(taken, [part])[0]

        with pytest.raises(installation.PortInUse, match=rf"Port {port} \({part}\) is in use.*set {setting} to"):
            installation.demand_port(host, port, name, setting)


def test_passwords_are_made_once_and_differ(settings, taken):
    first = secret_store.passwords(settings)

    assert secret_store.passwords(settings) == first
    assert len(set(first.values())) == len(first) == 6


def test_each_process_gets_its_own_role_and_no_other_secret(settings, taken):
    secrets = secret_store.passwords(settings)
    expected = {
        "api": {"genesis_door"},
        "generator": {"genesis_generator"},
        "projector": {"genesis_projector", "genesis_sweeper"},
        "worker": set(),
        "worker-2": set(),
    }

    for name, roles in expected.items():
        environment = parts.environment(settings, name)
        text = "\n".join(environment.values())
        assert {role for role, word in secrets.items() if word in text} == roles
        assert environment["GENESIS_INSTANCE"] == f"genesis-{name}"


def test_every_error_has_a_sentence_for_people():
    def every(kind):
        for below in kind.__subclasses__():
            yield below
            yield from every(below)

    ours = [kind for kind in every(GenesisError) if kind.__module__.startswith("stack.")]
    assert len(ours) > 8
    for kind in ours:
        assert str(kind()).endswith("."), kind


def test_a_launcher_on_a_full_disk_goes_on_without_its_note(settings, taken, monkeypatch, caplog):
    """Seen with `python -m chaos --faults "disk full"`: the note is written from within the supervision."""
    stack = Stack(settings)
    stack._installation = taken

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Installation, "note", full)
    stack._note()

    assert "could not be written" in caplog.text
    assert installation.running(settings) == {}, "whoever asks is told that it runs, and nothing older"
