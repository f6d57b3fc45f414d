"""The sample sessions are what this release writes, and what the checks let pass."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "samples"


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_writer", FOLDER / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


WRITER = writer()
SAMPLES = {sample.name: sample for sample in WRITER.samples()}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_what_this_release_writes(name: str):
    told = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert told == WRITER.told(SAMPLES[name]), "play it again: python docs/samples/write.py"


def test_there_are_ten_and_the_readme_names_each():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(SAMPLES) == 10
    assert {file.stem for file in FOLDER.glob("[0-9]*.md")} == set(SAMPLES)
    assert all(f"({name}.md)" in readme for name in SAMPLES)
