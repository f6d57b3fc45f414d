"""The novel as a document: everything that was confirmed stands in it, and none of it is markup."""

import re

import pytest
from markdown_it import MarkdownIt

from genesis.content.document import escape, markdown
from genesis.content.novel import Contents, Novel, StageOrigin, content_hash
from genesis.content.proposal import PROCEDURAL_BADGE, Provenance
from genesis.session.stages import Stage
from tests import examples

EVIL = "<script>alert(1)</script> *bold* [a](http://x.test) | `code` # not\n# a heading\n1. one\n- two\n&amp; $x$"


def novel(contents: Contents | None = None, **changes: object) -> Novel:
    confirmed = {stage: candidates[0] for stage, candidates in examples.CANDIDATES.items()}
    content = contents or Contents.of(confirmed)
    values: dict[str, object] = {
        "id": examples.a_uuid("novel"),
        "session_id": examples.a_uuid("session"),
        "user_id": examples.OWNER,
        "title": content.story.title,
        "logline": content.concept.hook,
        "genre": content.concept.genre,
        "language": "en",
        "audience": content.story.audience,
        "synopsis": content.story.synopsis,
        "target_words": content.story.target_words,
        "chapter_count": len(content.outline.chapters),
        "content": content,
        "provenance": {stage: StageOrigin(provenance=examples.PROVENANCE, round=1, rounds=2) for stage in Stage},
        "content_hash": content_hash(content.by_stage().values()),
        "created_at": examples.NOON,
    }
    return Novel.model_validate(values | changes)


def shown(text: str) -> str:
    """The text that a reader sees once the Markdown is rendered."""
    html = MarkdownIt("commonmark").enable("table").render(text)
    return (
        re.sub(r"<[^>]+>", " ", html)
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", '"')
        .replace("&amp;", "&")
    )


def test_the_parts_come_in_their_order() -> None:
    titles = re.findall(r"(?m)^# (.*)$", markdown(novel()))
    assert titles == [
        "The Salt Ledger",
        "Premise",
        "Story",
        "World",
        "Characters",
        "Outline",
        "Appendix: how this was made",
    ]


def test_every_text_of_the_novel_stands_in_it() -> None:
    text = " ".join(shown(markdown(novel())).split())
    content = novel().content
    for part in (
        content.concept.premise,
        content.story.ending,
        content.world.overview,
        content.cast.characters[0].wound,
    ):
        assert part in text
    for chapter in content.outline.chapters:
        assert chapter.summary in text


def test_ids_are_printed_as_names() -> None:
    text = markdown(novel())
    assert not re.search(r"\b[kswrpflecbaothx]\d+\b", text)
    assert "- **Held by:** The Lessees" in text
    assert "| Ilse Varga and Anton Reyl |" in text
    assert "closes in chapter 3" in text


def test_the_badge_says_who_wrote_it() -> None:
    assert PROCEDURAL_BADGE in shown(markdown(novel()))
    model = Provenance(kind="llm", provider="lab", model="m-1")
    origins = {
        Stage.CONCEPT_SELECTION: StageOrigin(provenance=model, round=1, rounds=1),
        Stage.STORY_CONCEPTION: StageOrigin(),
    }
    text = shown(markdown(novel(provenance=origins)))
    assert "AI model m-1 (lab), the author's own text" in text
    assert PROCEDURAL_BADGE not in text
    assert "no price known" in text


def test_a_novel_survives_the_way_through_json() -> None:
    whole = novel()
    assert Novel.model_validate_json(whole.model_dump_json()) == whole
    assert markdown(Novel.model_validate_json(whole.model_dump_json())) == markdown(whole)


@pytest.mark.parametrize(
    "text",
    ["*a*", "_a_", "`a`", "<b>", "[a](b)", "![a](b)", "~~a~~", "a | b", "\\", "&copy;", "https://a.test", "$x$"],
)
def test_text_is_shown_as_it_is(text: str) -> None:
    assert shown(escape(text)).strip() == text
    assert "<a" not in MarkdownIt("gfm-like", {"linkify": False}).render(escape(text))


@pytest.mark.parametrize("text", ["# a", "1. a", "2) a", "- a", "+ a", "> a", "---", "===", "    a", "* a"])
def test_a_line_is_never_taken_for_a_heading_a_list_or_a_rule(text: str) -> None:
    html = MarkdownIt("commonmark").render(f"before\n{escape(text.strip())}")
    assert html.startswith("<p>")
    assert html.count("<") == 2


def test_whatever_a_person_writes_makes_no_markup() -> None:
    confirmed = {stage: candidates[0] for stage, candidates in examples.CANDIDATES.items()}
    contents = Contents.of(confirmed)
    concept = contents.concept.model_copy(update={"premise": EVIL, "stakes": EVIL})
    lead = contents.cast.characters[0].model_copy(update={"name": "A | B <i>", "profile": EVIL})
    cast = contents.cast.model_copy(update={"characters": (lead, *contents.cast.characters[1:])})
    text = markdown(novel(contents.model_copy(update={"concept": concept, "cast": cast}), title=EVIL[:60]))
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<i>" not in html
    assert "http://x.test" not in re.findall(r'href="([^"]*)"', html)
    assert html.count("<h1>") == 7
    assert {row.count("<td") for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)} <= {0, 5, 9}
