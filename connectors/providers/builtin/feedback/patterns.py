"""What is understood in feedback: a pattern for each way of wishing, the more special ones first."""

import re
from collections.abc import Callable

from connectors.providers.builtin.feedback import book, fields, people, tone
from connectors.providers.builtin.feedback.book import NAME
from connectors.providers.builtin.feedback.people import LEAD, VILLAIN, WHO
from connectors.providers.builtin.wishes import Wishes

Handler = Callable[[Wishes, re.Match[str]], bool]
"""Puts what was found into the wishes; False where it is no such wish after all."""

_ANY_CASE = re.IGNORECASE
PATTERNS: tuple[tuple[re.Pattern[str], Handler], ...] = (
    (re.compile(r"\b(?:only|just) (?:change |rewrite |redo )?(?:the )?(?P<what>[a-z ]+)$", _ANY_CASE), fields.only),
    (
        re.compile(r"\b(?:change|rewrite|redo) (?:only|just|nothing but) (?:the )?(?P<what>[a-z ]+)$", _ANY_CASE),
        fields.only,
    ),
    (
        re.compile(
            r"\b(?:keep|don['’]t change|do not change|leave) (?:the )?(?P<what>[a-z ]+?)"
            r"(?: as (?:it|they) (?:is|are)| alone| unchanged)?$",
            _ANY_CASE,
        ),
        fields.keep,
    ),
    (
        re.compile(
            r"\b(?:make|turn) (?:it|this|the story) (?:into )?(?:more of )?(?:an? )?(?P<what>[a-z -]+)$", _ANY_CASE
        ),
        book.genre,
    ),
    (re.compile(r"\bmore like (?:an? )?(?P<what>[a-z -]+)$", _ANY_CASE), book.genre),
    (re.compile(rf"\b(?:[Rr]ename|[Cc]hange) (?P<old>[\w'’ -]+?) (?:to|into|as) (?P<new>{NAME})"), people.rename),
    (re.compile(rf"\b(?:[Cc]all|[Nn]ame) (?P<old>{LEAD}|{VILLAIN}|{NAME}) (?P<new>{NAME})"), people.rename),
    (
        re.compile(
            rf"(?P<old>{LEAD}|{VILLAIN}|The (?:lead|heroine|hero|protagonist|villain|antagonist)|{NAME})"
            rf" (?:should|must|shall|ought to) be (?:called|named) (?P<new>{NAME})"
        ),
        people.rename,
    ),
    (re.compile(r"(?P<number>\d[\d,.]*) (?P<unit>chapters?|words?)\b", _ANY_CASE), book.count),
    (re.compile(r"\b(?P<kind>happy|happier|tragic|sad|bittersweet|open) end(?:ing)?\b", _ANY_CASE), book.ending),
    (
        re.compile(r"\bends? (?:it )?(?:more )?(?P<kind>happily|happier|tragically|sadly|openly)", _ANY_CASE),
        book.ending,
    ),
    (
        re.compile(r"\b(?P<pov>first|third)[- ]person\b|\b(?P<all>omniscient)\b", _ANY_CASE),
        book.pov,
    ),
    (re.compile(r"\b(?P<tense>past|present) tense\b", _ANY_CASE), book.tense),
    (re.compile(r"\b(?:less|fewer) (?:of )?(?:a )?(?P<what>[\w'’é -]+)", _ANY_CASE), tone.less),
    (re.compile(r"\b(?:darker|sadder|grimmer|bleaker)\b", _ANY_CASE), lambda w, f: tone.mood(w, -1)),
    (
        re.compile(r"\b(?:lighter|funnier|happier|warmer|cosier|cozier|more hopeful)\b", _ANY_CASE),
        lambda w, f: tone.mood(w, 1),
    ),
    (re.compile(r"\b(?:shorter|briefer|more concise|tighter)\b", _ANY_CASE), lambda w, f: tone.length(w, -1)),
    (re.compile(r"\b(?:longer|more detailed)\b", _ANY_CASE), lambda w, f: tone.length(w, 1)),
    (re.compile(r"\b(?:stranger|weirder)\b", _ANY_CASE), lambda w, f: tone.strange(w)),
    (re.compile(r"\b(?:raise the stakes|higher stakes)\b", _ANY_CASE), lambda w, f: tone.stakes(w)),
    (re.compile(r"\bmore (?P<what>[\w'’ -]+)", _ANY_CASE), tone.more),
    (
        re.compile(
            r"(?:^|\b)(?:avoid|no|without|remove|drop|leave out|not so much|skip|cut) (?P<what>[\w'’ -]+)", _ANY_CASE
        ),
        tone.avoid,
    ),
    (
        re.compile(r"\bset (?:it |this |the story )?in (?P<era>(?:the )?(?:year )?\d{3,4}s?\b[\w ]*)", _ANY_CASE),
        book.era,
    ),
    (re.compile(r"\bset (?:it |this |the story )?(?:in|on|at|near) (?P<where>[\w'’ -]+)", _ANY_CASE), book.place),
    (
        re.compile(rf"\b(?:make|turn) (?P<who>{WHO})(?: into)? (?P<what>(?:an? )?[\w'’ -]+)", _ANY_CASE),
        people.person,
    ),
    (
        re.compile(
            rf"\b(?P<who>{WHO}) (?:(?:should|must|shall|ought to|needs to|has to) be|is|are)"
            r" (?P<what>(?:an? )?[\w'’ -]+)",
            _ANY_CASE,
        ),
        people.person,
    ),
    (
        re.compile(
            r"\bthe (?P<whom>[\w'’-]+(?: [\w'’-]+)?) (?:should|must) be (?P<what>(?:an? )?[\w'’ -]+)", _ANY_CASE
        ),
        people.person,
    ),
    (re.compile(r"^(?P<what>an? [\w'’ -]+)$", _ANY_CASE), people.person),
    (re.compile(r"\badd (?P<what>[\w'’ -]+)", _ANY_CASE), tone.more),
)
