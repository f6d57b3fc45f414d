"""Writes the documents that are made from the code: `python docs/generate.py`, or `--check` to compare."""

import argparse
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import annotated_types as at
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, from_json, to_json

from connectors.settings import Settings
from genesis import topics, wire
from genesis.content.catalog import CONTENT
from genesis.content.fields import REQUIRED, Refers
from genesis.envelope import Envelope
from genesis.session.events import EVENTS, Recorded, SessionAbandoned
from genesis.session.messages import INTERNALS, PERSON_COMMANDS, AbandonGenesis, GenerationRequest
from genesis.session.reasons import SENTENCES, Reason

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py; edit the code and run it again. -->"

Cells = dict[str, dict[str, dict[str, str]]]
"""Situation -> what is sent -> mode -> what follows."""

PLAIN = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "UUID": "UUID",
    "datetime": "ISO 8601 time",
    "AwareDatetime": "ISO 8601 time",
    "JsonValue": "any JSON value but null",
    "Path": "path",
    "SecretStr": "text (secret)",
}
"""Words for types that are no models of ours."""


def sentence(kind: type[Any]) -> str:
    """The class's own docstring in one line, without pydantic's."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def cell(text: str) -> str:
    """Text that stands in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """The marks of a type, those inside a nested `Field(...)` included."""
    for mark in metadata:
        yield from flat(mark.metadata) if isinstance(mark, FieldInfo) else (mark,)


def limits(metadata: Iterable[Any], of: str = "") -> str:
    """The limits that these marks set, in words; `of` is what a length counts."""
    low: Any = None
    high: Any = None
    words: list[str] = []
    for mark in flat(metadata):
        match mark:
            case at.MinLen(min_length=least) | at.Ge(ge=least):
                low = least
            case at.MaxLen(max_length=most) | at.Le(le=most):
                high = most
            case at.Gt(gt=bound):
                words.append(f"> {bound:,}")
            case _ if pattern := getattr(mark, "pattern", None):
                words.append(f"like `{pattern}`")
    if low is not None and high is not None:
        words.append(f"{low:,}–{high:,}")
    elif low is not None or high is not None:
        words.append(f"≥ {low:,}" if high is None else f"≤ {high:,}")
    return ", ".join(words) + (f" {of}" if of and words else "")


def described(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type with its limits, in words, models of ours as links."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return described(inner, [*more, *metadata])
    metadata = list(metadata)
    if refers := next((mark for mark in metadata if isinstance(mark, Refers)), None):
        where = " or ".join(f"`{name}`" for name in refers.lists) + (f" of {refers.stage}" if refers.stage else "")
        metadata.remove(refers)
        bounds = limits(metadata, "entries")
        many = get_origin(annotation) is tuple
        return f"{'list of ids' if many else 'id'} from {where}" + (f" ({bounds})" if many and bounds else "")
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " ".join(f"`{value}`" for value in inside)
    if origin in (Union, UnionType):
        # `Text | None` gives its limits to the text.
        kept = [described(each, metadata) for each in inside if each is not NoneType]
        return " or ".join(kept) + (" or null" if NoneType in inside else "")
    if origin is tuple:
        bounds = limits(metadata, "entries")
        return f"list of {described(inside[0])}" + (f" ({bounds})" if bounds else "")
    if origin is dict:
        return f"object: {described(inside[0])} → {described(inside[1])}"
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or hasattr(annotation, "__members__")):
        name = tag(annotation) if annotation in PERSON_COMMANDS else annotation.__name__
        return f"[{name}](#{'reasons' if annotation is Reason else name.lower()})"
    word = PLAIN[annotation.__name__]
    bounds = limits(metadata, "characters" if word == "text" else "")
    return f"{word} {bounds}" if bounds else word


def default_of(field: FieldInfo) -> str:
    """The default as JSON writes it; `—` where the field must be given."""
    if field.is_required():
        return "—"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "—"
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, Path):
        return f"`{value}`"
    return f"`{to_json(value).decode()}`"


def fields(model: type[BaseModel]) -> Iterator[str]:
    """The table of a model's fields; nothing for a model without any."""
    shown = {name: field for name, field in model.model_fields.items() if name not in ("type", "EVENT_VERSION")}
    if not shown:
        yield "No fields."
        yield ""
        return
    yield "| field | type and limits | default | |"
    yield "|---|---|---|---|"
    for name, field in shown.items():
        kind = cell(described(field.annotation, field.metadata))
        needed = " **needed to confirm**" if REQUIRED in field.metadata else ""
        told = cell(field.description or "")
        yield f"| `{field.alias or name}` | {kind}{needed} | {cell(default_of(field))} | {told} |"
    yield ""


def values_of(annotation: Any) -> Iterator[type[Any]]:
    """Models and enumerations of ours that a type mentions."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or hasattr(annotation, "__members__")):
        yield annotation
    for inside in get_args(annotation):
        yield from values_of(inside)


def reached(models: Iterable[type[BaseModel]]) -> list[type[Any]]:
    """Every model and enumeration that the fields of these models lead to, themselves left out; by name."""
    start = set(models)
    seen: set[type[Any]] = set()
    waiting: list[type[BaseModel]] = list(start)
    while waiting:
        for field in waiting.pop().model_fields.values():
            for value in values_of(field.annotation):
                if value not in seen and value not in start:
                    seen.add(value)
                    if issubclass(value, BaseModel):
                        waiting.append(value)
    return sorted(seen, key=lambda value: value.__name__)


def tag(model: type[BaseModel]) -> str:
    """The name of a message on the wire."""
    return str(model.model_fields["type"].default)


def kept_for(topic: topics.Topic) -> str:
    """How long the topic keeps its messages, in words."""
    if topic.config.get("cleanup.policy") == "compact":
        return "the last per key"
    milliseconds = int(topic.config["retention.ms"])
    if milliseconds < 0:
        return "for ever"
    hours = milliseconds // 3_600_000
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hour{'' if hours == 1 else 's'}"


def examples() -> tuple[str, str]:
    """A message of genesis.commands and one of genesis.events, written by the code that writes the real ones."""
    command, session, correlation = UUID(int=1), UUID(int=2), UUID(int=3)
    when = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    sent = Envelope(command, session, "local", correlation, when, AbandonGenesis(reason="Another idea came."), 7)
    told = Recorded(
        event_id=UUID(int=4),
        event=SessionAbandoned(cause="person", reason="Another idea came."),
        session_id=session,
        sequence=31,
        correlation_id=correlation,
        causation_id=command,
        created_at=when,
        user_id="local",
        command_no=7,
        part=1,
        of=1,
    )
    pretty = [
        to_json(from_json(text), indent=2).decode() for text in (wire.dump_envelope(sent), wire.dump_event(told))
    ]
    return pretty[0], pretty[1]


def messages() -> str:
    """The document of everything that travels: topics, commands, events, reasons, values."""
    return "\n".join([*_messages_head(), *_commands(), *_events(), *_reasons(), *_values()]).rstrip() + "\n"


def _messages_head() -> Iterator[str]:
    command, event = examples()
    yield from (
        "# Messages",
        "",
        MADE,
        "",
        "Everything that travels over Kafka and is stored for ever: names and fields here are promises. "
        "[The design](design.md) tells how they are used; `tests/genesis/golden` keeps one file per message and "
        "version ever written.",
        "",
        "## Topics",
        "",
        "Declared in `genesis/topics.py`, created by the stack, never by accident. “n” partitions is the setting "
        f"`GENESIS_PARTITIONS`. The largest message is {topics.MESSAGE_BYTES >> 20} MiB.",
        "",
        "| topic | key | written by | partitions | kept |",
        "|---|---|---|---|---|",
    )
    for topic in topics.ALL:
        count = "n" if topic.co_partitioned else "1"
        yield f"| `{topic.name}` | {topic.key} | {', '.join(topic.writers)} | {count} | {kept_for(topic)} |"
    yield from (
        "",
        "A message of `genesis.commands`. Numbered commands come from Debezium, with the headers `id`, "
        "`command_id`, `command_no`, `command_type`, `created_at` and `traceparent`; results come from the "
        "generator and have no number.",
        "",
        "```json",
        command,
        "```",
        "",
        "A message of `genesis.events`, with the headers of CloudEvents 1.0 in binary mode "
        f"({', '.join(f'`{name}`' for name in _event_headers())}). The names are the columns of "
        "`read.domain_events`.",
        "",
        "```json",
        event,
        "```",
        "",
    )


def _event_headers() -> list[str]:
    recorded = Recorded(
        UUID(int=0), SessionAbandoned(cause="person", reason=""), UUID(int=0), 1, UUID(int=0), UUID(int=0),
        datetime(2026, 1, 1, tzinfo=UTC), "", None, 1, 1,
    )  # fmt: skip
    return [name for name, _ in wire.event_headers(recorded, traceparent="00-0-0-00")]


def _commands() -> Iterator[str]:
    yield "## Commands"
    yield ""
    yield "What a client may send as `command_type` with its `payload`."
    yield ""
    for command in PERSON_COMMANDS:
        yield from (f"### {tag(command)}", "", sentence(command), "")
        yield from fields(command)
    yield "## Internal messages"
    yield ""
    yield (
        "They travel on `genesis.commands` as well, so that everything that happens to a session has one order. "
        "The door refuses them with 400."
    )
    yield ""
    for message in INTERNALS:
        yield from (f"### {tag(message)}", "", sentence(message), "")
        yield from fields(message)
    yield "## Generation requests"
    yield ""
    yield f"A message of `{topics.REQUESTS.name}`. {sentence(GenerationRequest)}"
    yield ""
    yield from fields(GenerationRequest)


def _events() -> Iterator[str]:
    yield "## Events"
    yield ""
    yield "The tag is `event_type`; the fields are the `payload`."
    yield ""
    for event in EVENTS:
        golden = f"../tests/genesis/golden/event.{tag(event)}.v{event.EVENT_VERSION}.json"
        yield from (
            f"### {tag(event)}",
            "",
            f"{sentence(event)} Version {event.EVENT_VERSION}: [example]({golden}).",
            "",
        )
        yield from fields(event)


def _reasons() -> Iterator[str]:
    yield "## Reasons"
    yield ""
    yield "Why the machine says no: `reason` of `command-rejected`, and of a command with status FAILED."
    yield ""
    yield "| code | the sentence a person is shown |"
    yield "|---|---|"
    for reason in Reason:
        yield f"| `{reason.value}` | {cell(SENTENCES[reason])} |"
    yield ""


def _values() -> Iterator[str]:
    contents: set[type[Any]] = {*CONTENT.values(), *reached(CONTENT.values())}
    every = reached([*PERSON_COMMANDS, *INTERNALS, *EVENTS, GenerationRequest])
    yield "## Values"
    yield ""
    yield "What the fields above are made of."
    yield ""
    for value in every:
        if value not in contents and value is not Reason:
            yield from _value(value)
    yield "## Content of the stages"
    yield ""
    yield "What the five stages propose and confirm ([content model](content-model.md))."
    yield ""
    for model in CONTENT.values():
        yield from _value(model)
        for value in reached([model]):
            yield from _value(value)


def _value(value: type[Any]) -> Iterator[str]:
    yield from (f"### {value.__name__}", "", sentence(value), "")
    if issubclass(value, BaseModel):
        yield from fields(value)
    else:
        yield ", ".join(f"`{member.value}`" for member in value)
        yield ""


def settings() -> str:
    """The document of every setting."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "Environment variables, read once when a process starts (`connectors/settings.py`). Set them before "
        "`make run`: `GENESIS_PORT=8080 make run`. The launcher sets some for its processes; their text says so.",
        "",
        "| variable | type and limits | default | |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "unset" if field.default is None else default_of(field).replace('"', "")
        kind = described(field.annotation, field.metadata).removesuffix(" or null")
        text = cell(field.description or "")
        lines.append(f"| `GENESIS_{name.upper()}` | {cell(kind)} | {cell(default)} | {text} |")
    assert not any(isinstance(field.default, SecretStr) for field in Settings.model_fields.values())
    return "\n".join(lines) + "\n"


MATRIX = DOCS.parent / "tests" / "genesis" / "matrix.toml"
"""What follows in each cell; `tests/genesis/test_matrix.py` holds the kernel to it."""


def matrix() -> str:
    """The document of what every command leads to in every situation."""
    cells: Cells = tomllib.loads(MATRIX.read_text(encoding="utf-8"))
    lines = [
        "# Commands by phase",
        "",
        MADE,
        "",
        "What follows when a command meets a session, for every phase of the stage it is sent to and every status of "
        "the session. Each cell is tested: `tests/genesis/test_matrix.py` sends the command to such a session and "
        "compares. Events and reasons are described in [messages](messages.md).",
        "",
        "“Answers” are SELECT_CONCEPT, PROVIDE_FEEDBACK and CONFIRM_STAGE: they name the proposal in review or being "
        "made, unless it says otherwise. A situation without a status is IN_PROGRESS.",
        "",
        "## At a glance",
        "",
        "✓ granted, – refused, · passed over without a word (a late result of nothing that is remembered); "
        "“g” only in guided mode, “f” only in free-form mode.",
        "",
        *_glance(cells),
        "",
    ]
    for situation, variants in cells.items():
        lines += [f"## {situation[0].upper()}{situation[1:]}", "", "| sent | what follows |", "|---|---|"]
        lines += _outcomes(variants)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _glance(cells: Cells) -> Iterator[str]:
    yield "| | " + " | ".join(str(number) for number, _ in enumerate(cells, start=1)) + " |"
    yield "|---|" + "---|" * len(cells)
    for variant in next(iter(cells.values())):
        yield f"| {variant} | " + " | ".join(_mark(variants[variant]) for variants in cells.values()) + " |"
    yield ""
    yield from (f"{number}. {situation}" for number, situation in enumerate(cells, start=1))


def _mark(modes: dict[str, str]) -> str:
    granted = [mode for mode, outcome in modes.items() if not outcome.startswith(("refused", "nothing"))]
    if len(granted) == len(modes):
        return "✓"
    if granted:
        return granted[0][0]
    return "·" if set(modes.values()) == {"nothing"} else "–"


def _outcomes(variants: dict[str, dict[str, str]]) -> Iterator[str]:
    """The variants by what follows, those with the same outcome in one row, in the order of their first."""
    rows: dict[str, list[str]] = {}
    for variant, modes in variants.items():
        same = len(set(modes.values())) == 1
        told = [_told(outcome) if same else f"{_MODES[mode]}: {_told(outcome)}" for mode, outcome in modes.items()]
        rows.setdefault("; ".join(dict.fromkeys(told)), []).append(variant)
    for outcome, sent in rows.items():
        yield f"| {'<br>'.join(sent)} | {outcome} |"


def _told(outcome: str) -> str:
    """Events and reasons as code, in their order."""
    return re.sub(r"\b(?!refused\b|nothing\b)[a-z_-]+", lambda found: f"`{found[0]}`", outcome)


_MODES = {"guided": "guided", "free_form": "free-form"}

DOCUMENTS: dict[str, Callable[[], str]] = {"messages.md": messages, "settings.md": settings, "matrix.md": matrix}
"""File name in `docs/` to what it must hold."""


def main() -> int:
    """Writes the documents, or with `--check` says which are out of date and returns 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where one is out of date")
    check: bool = parser.parse_args().check
    stale = []
    for name, made in DOCUMENTS.items():
        file, text = DOCS / name, made()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                file.write_text(text, encoding="utf-8")
    for name in stale:
        print(
            f"docs/{name} was out of date"
            + ("; run `python docs/generate.py`." if check else " and is written anew.")
        )
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
