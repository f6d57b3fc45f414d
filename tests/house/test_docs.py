"""The documents can't rot: what they name exists, and what is made from the code is up to date."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.app import create_app
from connectors.settings import Settings
from genesis import topics
from genesis.content import checks
from stack import cli, parts

HOUSE = Path(__file__).parents[2]
PACKAGES = ("genesis", "connectors", "streams", "projections", "api", "stack")
FOLDERS = (*PACKAGES, "docs", "tests", "bench", "chaos", "docker")
README = HOUSE / "README.md"
DOCUMENTS = sorted([README, HOUSE / "CHANGELOG.md", *(HOUSE / "docs").rglob("*.md")])
CITED = {"design": HOUSE / "docs" / "design.md", "content model": HOUSE / "docs" / "content-model.md"}


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> list[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return found


def sources() -> Iterator[Path]:
    for folder in (*PACKAGES, "tests", "bench", "chaos", "docs"):
        for path in (HOUSE / folder).rglob("*"):
            if path.suffix in {".py", ".sql", ".md"} and path != Path(__file__):
                yield path


def generator() -> dict[str, Any]:
    return runpy.run_path(str(HOUSE / "docs" / "generate.py"))


@pytest.mark.parametrize("name", ["messages.md", "settings.md", "matrix.md"])
def test_documents_made_from_the_code_are_up_to_date(name: str):
    made = generator()["DOCUMENTS"][name]()
    assert (HOUSE / "docs" / name).read_text() == made, "run `.venv/bin/python docs/generate.py`"


def test_the_made_documents_are_those_that_say_so():
    marked = {path.name for path in DOCUMENTS if generator()["MADE"] in path.read_text()}
    assert marked == set(generator()["DOCUMENTS"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document: Path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_file_that_is_named_exists(document: Path):
    inside = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", prose(document))
    missing = [path for path in inside if not (HOUSE / path).exists()]
    assert missing == []


def test_the_walk_of_one_command_names_a_file_at_each_step():
    walk = prose(README).partition("## The walk of one command")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d+\. `([\w./]+)`", walk, re.MULTILINE)
    assert len(steps) == 10
    assert [step for step in steps if not (HOUSE / step).is_file()] == []


def test_the_map_shows_every_folder_of_the_house():
    rooms = prose(README).partition("## The house")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)/` \|", rooms, re.MULTILINE)) == set(FOLDERS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_genesis_command_that_is_named_exists(document: Path):
    there = set(typer.main.get_group(cli.app).commands)
    text = document.read_text()
    # Those of later releases are named in sentences that say so.
    said = {
        command
        for line in text.splitlines()
        if "*later*" not in line
        for command in re.findall(r"(?:`|\.venv/bin/)genesis ([a-z][\w-]*)", line)
    }
    assert said <= there


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([\w-]+):", (HOUSE / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"`make ([\w-]+)`", document.read_text())) <= targets, named(document)


@pytest.mark.parametrize("cited", CITED)
def test_every_section_that_is_cited_exists(cited: str):
    sections = set(re.findall(r"^## (\d+)\. ", CITED[cited].read_text(), re.MULTILINE))
    wrong = {
        f"{named(path)}: {cited} §{number}"
        for path in sources()
        for first, more in re.findall(
            cited.replace(" ", r"\s+") + r" §(\d+)((?:, §\d+)*)", path.read_text(errors="replace")
        )
        for number in (first, *re.findall(r"\d+", more))
        if number not in sections
    }
    assert wrong == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_setting_that_is_named_exists(document: Path):
    there = {f"GENESIS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"GENESIS_[A-Z_]*[A-Z]", document.read_text())) <= there


def test_every_topic_that_is_named_exists():
    there = {topic.name for topic in topics.ALL}
    spelled = re.compile(r"`(genesis\.[a-z.-]+[a-z]|genesis-sessions-[a-z]+)`")
    for document in DOCUMENTS:
        assert set(spelled.findall(document.read_text())) <= there, named(document)


def test_the_design_names_every_call_of_the_api():
    table = CITED["design"].read_text().partition("## 10. ")[2].partition("\n## ")[0]
    calls = re.findall(
        r"`(?:(?:GET|POST) )?(/[\w/{}.]+)", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    )
    there = {re.sub(r"\{\w+\}", "{id}", path) for path in create_app(Settings.model_construct()).openapi()["paths"]}
    assert set(calls) == there | {"/openapi.json"}


def codes_of_findings() -> set[str]:
    """The codes that `genesis.content.checks` can give, read from its calls."""
    codes = set()
    for node in ast.walk(ast.parse(Path(checks.__file__).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"_error": 0, "_warning": 0, "_doubled": 1}.get(node.func.id)
            if place is not None and isinstance(code := node.args[place], ast.Constant):
                codes.add(str(code.value))
    return codes


def test_the_content_model_names_every_finding_of_the_checks():
    table = CITED["content model"].read_text().partition("## 5.")[2].partition("\n## ")[0]
    assert len(codes_of_findings()) > 20
    assert codes_of_findings() <= set(re.findall(r"`(\w+)`", table))


def test_operating_knows_every_port():
    operating = (HOUSE / "docs" / "operating.md").read_text()
    for _, port, _, setting in parts.ports(Settings.model_construct(), parts.ALL):
        assert f"`{setting}`" in operating
        assert str(port) in operating
