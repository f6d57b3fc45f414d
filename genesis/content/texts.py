"""The texts of a content, and whether something is named in one of them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from genesis.content.catalog import Content
from genesis.content.fields import Item, specs
from genesis.content.ids import items

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts that set no space between words, or attach particles to them: no boundary can be asked for there."""


def walk(content: Content) -> Iterator[tuple[str, Item]]:
    """The content itself and each of its items, with the path of each."""
    yield "", content
    for name, item in items(content):
        yield f"/{name}/{item.id}", item


def texts(content: Content) -> Iterator[tuple[str, str]]:
    """Every text that is filled in, with the path of its field; each entry of a list of texts by itself."""
    for path, item in walk(content):
        for spec in specs(type(item)):
            if spec.text:
                value = getattr(item, spec.name)
                for text in (value,) if isinstance(value, str) else value:
                    if text:
                        yield f"{path}/{spec.name}", text


def mentions(text: str, phrase: str) -> bool:
    """True where the phrase, or its plain plural or singular, stands in the text as words of its own."""
    pattern = mention(phrase)
    return pattern is not None and pattern.search(text) is not None


@lru_cache(maxsize=1024)
def mention(phrase: str, exact_case: bool = False) -> re.Pattern[str] | None:
    """The pattern that finds this phrase as `mentions` understands it; None for a phrase of white space."""
    words = r"\s+".join(re.escape(word) for word in phrase.split())
    if not words:
        return None
    stem = re.sub(r"(?<=\w\w\w)s$", "", words)
    before = "" if re.match(f"[{UNSPACED}]", words) else r"(?<!\w)"
    after = "" if re.search(f"[{UNSPACED}]$", words) else r"(?:s|es)?(?!\w)"
    return re.compile(f"{before}{stem}{after}", 0 if exact_case else re.IGNORECASE)
