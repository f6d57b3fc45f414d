"""The house's own laws: what must be described, what must not be in it."""

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from connectors.settings import Settings
from genesis import topics
from genesis.session.events import EVENTS
from genesis.session.messages import INTERNALS, PERSON_COMMANDS
from genesis.session.reasons import SENTENCES, Reason

HOUSE = Path(__file__).parents[2]
PACKAGES = ("genesis", "connectors", "streams", "projections", "api", "stack")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    return [HOUSE / name for name in listed.splitlines()]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_names(package: str):
    assert set(packages_distributions().get(package, [])) <= {"genesis-studio"}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name: str):
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("kind", [*EVENTS, *PERSON_COMMANDS, *INTERNALS], ids=lambda kind: kind.__name__)
def test_every_message_says_what_it_is(kind: type):
    assert kind.__doc__
    assert not kind.__doc__.startswith("Usage docs")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence(reason: Reason):
    assert SENTENCES[reason].endswith(".")


def test_topics_are_named_once():
    names = [topic.name for topic in topics.ALL]
    assert len(names) == len(set(names))
    spelled = re.compile(r'"genesis\.(commands|events|progress|dead-letters|generation\.requests)"')
    offenders = [
        path.relative_to(HOUSE)
        for path in tracked()
        if path.suffix == ".py" and path.parts[len(HOUSE.parts)] in PACKAGES and path.name != "topics.py"
        if spelled.search(path.read_text())
    ]
    assert offenders == []


def test_every_module_says_what_it_is_for():
    bare = [
        path.relative_to(HOUSE)
        for path in tracked()
        if path.suffix == ".py" and path.name != "__init__.py" and not path.read_text().lstrip().startswith('"""')
    ]
    assert bare == []


def test_the_locks_name_every_direct_dependency_with_hashes_and_no_host():
    for name in ("requirements", "requirements-dev"):
        lock = (HOUSE / f"{name}.lock").read_text()
        assert "://" not in lock
        for line in (HOUSE / f"{name}.in").read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.search(rf"^{re.escape(line.split('==')[0])}==.*\\$", lock, re.MULTILINE), line


def test_nothing_committed_names_a_machine():
    path_of_a_machine = re.compile(r"(?<![\w.])/(?:root|home)/\w+")
    offenders = [
        path.relative_to(HOUSE)
        for path in tracked()
        if path.suffix in {".py", ".sql", ".md", ".toml", ".json", ".yaml", ".sh"} or path.name in {"Makefile", "run"}
        if path.is_file() and path != Path(__file__) and path_of_a_machine.search(path.read_text(errors="replace"))
    ]
    assert offenders == []
