"""Feedback and guidance as wishes: what was recognised in them, and what was not."""

import re
from collections.abc import Callable, Iterable

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.bank.shelves import genres
from connectors.providers.builtin.callings import age_of
from connectors.providers.builtin.genres import genre_of
from connectors.providers.builtin.grammar import article
from connectors.providers.builtin.wishes import Ending, Wishes

CHIPS = {
    "darker": "make it darker",
    "lighter": "make it lighter",
    "shorter": "make it shorter",
    "stranger": "make it stranger",
    "less_cliche": "make it less of a cliché",
    "more_stakes": "raise the stakes",
}

Handler = Callable[[Wishes, re.Match[str]], bool]

_NAME = r"[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*){0,2}"
_LEAD = r"(?:the )?(?:lead|heroine|hero|protagonist|main character|her|him|them)"
_VILLAIN = r"(?:the )?(?:villain|antagonist|opponent)"


def _rename(wishes: Wishes, found: re.Match[str]) -> bool:
    old, new = found["old"].strip(), found["new"].strip()
    if re.fullmatch(r"(?:the )?(?:town|village|city|island|place|setting)", old, re.IGNORECASE):
        wishes.town = new[:60]
        wishes.note("place", f"The place is now called {new}.")
        return True
    if re.fullmatch(_LEAD, old, re.IGNORECASE):
        old = "lead"
    elif re.fullmatch(_VILLAIN, old, re.IGNORECASE):
        old = "villain"
    wishes.renames.append((old, new[:60]))
    wishes.note("rename", f"{'The ' * (old in ('lead', 'villain'))}{old} is now called {new}.")
    return True


def _avoid(wishes: Wishes, found: re.Match[str]) -> bool:
    what = re.sub(r"^(?:any|the|a|an|so much|too many|so many|such) ", "", found["what"].strip(" .!?\"“”'"))
    if not what or len(what.split()) > 4:
        return False
    wishes.avoid.append(what)
    wishes.note("avoid", f"“{what}” is avoided.")
    return True


def _more(wishes: Wishes, found: re.Match[str]) -> bool:
    what = found["what"].strip().casefold()
    if re.search(r"\b(?:romance|romantic|love)\b", what):
        wishes.romance = True
        wishes.note("romance", "There is more love in it.")
    elif re.search(r"\b(?:humou?r|fun|funny|light|warmth|hope|hopeful|joy|cosy|cozy)\b", what):
        return _mood(wishes, 1)
    elif re.search(r"\b(?:dark|darkness|gloom|sad|sadness|melancholy|horror|grim)\b", what):
        return _mood(wishes, -1)
    elif re.search(r"\b(?:stakes|danger|tension|drama|urgent|conflict|suspense)\b", what):
        wishes.higher = True
        wishes.note("stakes", "The stakes are higher.")
    elif re.search(r"\b(?:magic|strange|weird|mystery|mysterious|wonder|uncanny)\b", what):
        wishes.stranger = True
        wishes.note("stranger", "It is stranger.")
    elif things := [each for each in ideas.read(what, names=False).found if each.kind in ("objects", "creatures")]:
        wishes.add.extend(each.text for each in things)
        wishes.note("add", f"“{things[0].text}” plays a part.")
    else:
        return False
    return True


def _less(wishes: Wishes, found: re.Match[str]) -> bool:
    what = found["what"].casefold()
    if re.search(r"\b(?:clich|predictab|generic|usual)", what):
        return _fresh(wishes)
    if re.search(r"\b(?:dark|gloom|sad|grim|bleak)", what):
        return _mood(wishes, 1)
    if re.search(r"\b(?:light|funny|cosy|cozy|sweet|hopeful)\b", what):
        return _mood(wishes, -1)
    if re.search(r"\b(?:romance|romantic|love)\b", what):
        wishes.romance = False
        wishes.note("romance", "There is no love story in it.")
        return True
    return _avoid(wishes, found)


def _mood(wishes: Wishes, step: int) -> bool:
    wishes.mood += step
    wishes.note("tone", "It is darker." if step < 0 else "It is lighter.")
    return True


def _fresh(wishes: Wishes) -> bool:
    wishes.fresher = True
    wishes.note("fresher", "The most usual choices are left out.")
    return True


def _length(wishes: Wishes, step: int) -> bool:
    wishes.length += step
    wishes.note("shorter" if step < 0 else "longer", "It is shorter." if step < 0 else "It is longer.")
    return True


def _ending(wishes: Wishes, found: re.Match[str]) -> bool:
    kinds: dict[str, Ending] = {
        "happ": "happy",
        "trag": "tragic",
        "sad": "tragic",
        "bitt": "bittersweet",
        "open": "open",
    }
    word = found["kind"].casefold()
    wishes.ending = next(kind for start, kind in kinds.items() if word.startswith(start))
    wishes.note("ending", f"The ending is {wishes.ending}.")
    return True


def _era(wishes: Wishes, found: re.Match[str]) -> bool:
    wishes.era = found["era"].strip()[:80]
    wishes.note("era", f"It is set in {wishes.era}.")
    return True


def _place(wishes: Wishes, found: re.Match[str]) -> bool:
    where = found["where"].strip(" .!?")
    if re.fullmatch(_NAME, where):
        wishes.town = where
    else:
        read = ideas.read(where, names=False)
        if not any(read.first(kind) for kind in ("settlements", "sites", "wilds")):
            return False
        wishes.place = where
    wishes.note("place", f"It is set in {where}.")
    return True


def _person(wishes: Wishes, found: re.Match[str]) -> bool:
    what = found["what"].strip(" .!?").casefold()
    known = False
    if re.search(r"\b(?:woman|girl|female)\b", what):
        wishes.pronouns, known = "she", True
    elif re.search(r"\b(?:man|boy|male)\b", what):
        wishes.pronouns, known = "he", True
    elif re.search(r"\b(?:non-?binary)\b", what):
        wishes.pronouns, known = "they", True
    ages = {r"\bold(?:er)?\b|\belderly\b": 67, r"\byoung(?:er)?\b|\bteenage": 17, r"\bchild\b|\bboy\b|\bgirl\b": 12}
    for pattern, age in ages.items():
        if re.search(pattern, what):
            wishes.age, known = age, True
            break
    if exact := re.search(r"\b(1\d|[2-8]\d)(?: years old)?\b", what):
        wishes.age, known = int(exact[1]), True
    elif in_words := age_of(f"she, {what}", ideas.kind_of)[0]:
        wishes.age, known = in_words, True
    trade = next((each for each in ideas.read(what, names=False).all("persons") if each not in ("boy", "girl")), "")
    if trade:
        wishes.job, known = re.sub(r"^(?:old|elderly|young) ", "", trade), True
    if known:
        only_age = not (wishes.pronouns or wishes.job)
        wishes.note("age" if only_age else "role", f"The lead is {found['what'].strip()}.")
    return known


def _pov(wishes: Wishes, found: re.Match[str]) -> bool:
    word = found["pov"].casefold()
    wishes.pov = "first" if word == "first" else "omniscient" if word == "omniscient" else "close_third"
    wishes.note("pov", f"It is told in {word} person." if word != "omniscient" else "The narrator knows all.")
    return True


def _tense(wishes: Wishes, found: re.Match[str]) -> bool:
    wishes.tense = "present" if found["tense"].casefold() == "present" else "past"
    wishes.note("tense", f"It is told in the {wishes.tense} tense.")
    return True


def _count(wishes: Wishes, found: re.Match[str]) -> bool:
    value = int(found["number"].replace(",", "").replace(".", ""))
    if found["unit"].startswith("chapter") and 1 <= value <= 60:
        wishes.chapters = value
    elif found["unit"].startswith("word") and 1 <= value <= 300_000:
        wishes.words = value
    else:
        return False
    wishes.note("size", f"It has {value:,} {found['unit']}.")
    return True


def _stakes(wishes: Wishes) -> bool:
    wishes.higher = True
    wishes.note("stakes", "The stakes are higher.")
    return True


def _strange(wishes: Wishes) -> bool:
    wishes.stranger = True
    wishes.note("stranger", "It is stranger.")
    return True


FIELDS = {
    "title": "title",
    "hook": "hook",
    "premise": "premise",
    "lead": "lead",
    "protagonist": "lead",
    "opposition": "opposition",
    "villain": "opposition",
    "stakes": "stakes",
    "question": "theme_question",
    "what if": "what_if",
    "tone": "tone",
    "synopsis": "synopsis",
    "themes": "themes",
    "promise": "promise",
    "style": "style",
    "ending": "ending",
    "era": "era",
    "overview": "overview",
    "atmosphere": "atmosphere",
    "daily life": "daily_life",
    "order": "order",
    "conflict": "conflict",
    "rules": "rules",
    "places": "places",
    "factions": "factions",
    "lore": "lore",
    "characters": "characters",
    "people": "characters",
    "cast": "characters",
    "relationships": "relationships",
    "chapters": "chapters",
    "plants": "plants",
    "threads": "threads",
    "acts": "acts",
    "final image": "final_image",
}
"""What people call the fields of a content."""


def _field(found: re.Match[str]) -> str:
    what = found["what"].strip().casefold()
    return FIELDS.get(what, FIELDS.get(what + "s", ""))


def _only(wishes: Wishes, found: re.Match[str]) -> bool:
    if name := _field(found):
        wishes.only.append(name)
        wishes.note("only", f"Only the {found['what'].strip()} changes.")
    return bool(name)


def _keep(wishes: Wishes, found: re.Match[str]) -> bool:
    if name := _field(found):
        wishes.kept.append(name)
        wishes.note("keep", f"The {found['what'].strip()} stays as it is.")
    return bool(name)


def _genre(wishes: Wishes, found: re.Match[str]) -> bool:
    name = genre_of(found["what"])
    if name:
        wishes.genre = name
        wishes.note("genre", f"It is {article(genres()[name].name)} {genres()[name].name} now.")
    return bool(name)


_ANY_CASE = re.IGNORECASE
PATTERNS: tuple[tuple[re.Pattern[str], Handler], ...] = (
    (re.compile(r"\b(?:only|just) (?:change |rewrite |redo )?(?:the )?(?P<what>[a-z ]+)$", _ANY_CASE), _only),
    (
        re.compile(r"\b(?:change|rewrite|redo) (?:only|just|nothing but) (?:the )?(?P<what>[a-z ]+)$", _ANY_CASE),
        _only,
    ),
    (
        re.compile(
            r"\b(?:keep|don['’]t change|do not change|leave) (?:the )?(?P<what>[a-z ]+?)"
            r"(?: as (?:it|they) (?:is|are)| alone| unchanged)?$",
            _ANY_CASE,
        ),
        _keep,
    ),
    (
        re.compile(
            r"\b(?:make|turn) (?:it|this|the story) (?:into )?(?:more of )?(?:an? )?(?P<what>[a-z -]+)$", _ANY_CASE
        ),
        _genre,
    ),
    (re.compile(r"\bmore like (?:an? )?(?P<what>[a-z -]+)$", _ANY_CASE), _genre),
    (re.compile(rf"\b(?:[Rr]ename|[Cc]hange) (?P<old>[\w'’ -]+?) (?:to|into|as) (?P<new>{_NAME})"), _rename),
    (re.compile(rf"\b(?:[Cc]all|[Nn]ame) (?P<old>{_LEAD}|{_VILLAIN}|{_NAME}) (?P<new>{_NAME})"), _rename),
    (
        re.compile(
            rf"(?P<old>{_LEAD}|{_VILLAIN}|The (?:lead|heroine|hero|protagonist|villain|antagonist)|{_NAME})"
            rf" (?:should|must|shall|ought to) be (?:called|named) (?P<new>{_NAME})"
        ),
        _rename,
    ),
    (re.compile(r"(?P<number>\d[\d,.]*) (?P<unit>chapters?|words?)\b", _ANY_CASE), _count),
    (re.compile(r"\b(?P<kind>happy|happier|tragic|sad|bittersweet|open) end(?:ing)?\b", _ANY_CASE), _ending),
    (re.compile(r"\bends? (?:it )?(?:more )?(?P<kind>happily|happier|tragically|sadly|openly)", _ANY_CASE), _ending),
    (
        re.compile(r"\b(?P<pov>first|third)[- ]person\b|\b(?P<all>omniscient)\b", _ANY_CASE),
        lambda w, f: _pov_any(w, f),
    ),
    (re.compile(r"\b(?P<tense>past|present) tense\b", _ANY_CASE), _tense),
    (re.compile(r"\b(?:less|fewer) (?:of )?(?:a )?(?P<what>[\w'’é -]+)", _ANY_CASE), _less),
    (re.compile(r"\b(?:darker|sadder|grimmer|bleaker)\b", _ANY_CASE), lambda w, f: _mood(w, -1)),
    (
        re.compile(r"\b(?:lighter|funnier|happier|warmer|cosier|cozier|more hopeful)\b", _ANY_CASE),
        lambda w, f: _mood(w, 1),
    ),
    (re.compile(r"\b(?:shorter|briefer|more concise|tighter)\b", _ANY_CASE), lambda w, f: _length(w, -1)),
    (re.compile(r"\b(?:longer|more detailed)\b", _ANY_CASE), lambda w, f: _length(w, 1)),
    (re.compile(r"\b(?:stranger|weirder)\b", _ANY_CASE), lambda w, f: _strange(w)),
    (re.compile(r"\b(?:raise the stakes|higher stakes)\b", _ANY_CASE), lambda w, f: _stakes(w)),
    (re.compile(r"\bmore (?P<what>[\w'’ -]+)", _ANY_CASE), _more),
    (
        re.compile(
            r"(?:^|\b)(?:avoid|no|without|remove|drop|leave out|not so much|skip|cut) (?P<what>[\w'’ -]+)", _ANY_CASE
        ),
        _avoid,
    ),
    (re.compile(r"\bset (?:it |this |the story )?in (?P<era>(?:the )?(?:year )?\d{3,4}s?\b[\w ]*)", _ANY_CASE), _era),
    (re.compile(r"\bset (?:it |this |the story )?(?:in|on|at|near) (?P<where>[\w'’ -]+)", _ANY_CASE), _place),
    (
        re.compile(
            rf"\b(?:make|turn) (?:{_LEAD})(?: into)? (?P<what>(?:an? )?[\w'’ -]+)"
            rf"|\b(?:{_LEAD}|she|he|they|the (?P<whom>[\w'’-]+(?: [\w'’-]+)?)) (?:should|must) be "
            r"(?P<that>(?:an? )?[\w'’ -]+)",
            _ANY_CASE,
        ),
        lambda w, f: _person_any(w, f),
    ),
    (re.compile(r"^(?P<what>an? [\w'’ -]+)$", _ANY_CASE), _person),
    (re.compile(r"\badd (?P<what>[\w'’ -]+)", _ANY_CASE), _more),
)


def _pov_any(wishes: Wishes, found: re.Match[str]) -> bool:
    if found["all"]:
        wishes.pov = "omniscient"
        wishes.note("pov", "The narrator knows all.")
        return True
    return _pov(wishes, found)


def _person_any(wishes: Wishes, found: re.Match[str]) -> bool:
    if found["what"]:
        return _person(wishes, found)
    whom = found["whom"]
    if whom and not re.search(rf"\b{re.escape(whom.casefold())}\b", wishes.lead):
        return False  # somebody else, or something
    again = re.match(r"(?P<what>.+)", found["that"])
    return again is not None and _person(wishes, again)


_COURTESY = re.compile(
    r"^(?:and|but|also|then|please|thanks|thank you|could you|can you)\b[ ,]*"
    r"|[ ,]*\b(?:please|thanks|thank you)$",
    re.IGNORECASE,
)


def clauses(text: str) -> list[str]:
    """The text cut where one wish ends and another begins."""
    parts = re.split(r"[.;!?\n]+(?=\s|$)|,\s+|\s+(?:and|but)\s+(?=\w+(?:er\b| ))", text)
    told = (_COURTESY.sub("", part).strip(" -–,") for part in parts if part)
    return [part for part in told if part]


def read(texts: Iterable[str], chips: Iterable[str], lead: str = "") -> Wishes:
    """All wishes in these texts and chips; a clause without one goes to `not_understood`.

    `lead` is what is known of the lead, so that “the keeper” can mean somebody.
    """
    wishes = Wishes(lead=lead.casefold())
    for chip in chips:
        _clause(wishes, CHIPS.get(chip, chip))
    for text in texts:
        for clause in clauses(text):
            if not _clause(wishes, clause) and len(wishes.not_understood) < 10:
                wishes.not_understood.append(f"Not understood: “{clause[:160]}”")
    return wishes


def _clause(wishes: Wishes, clause: str) -> bool:
    for pattern, handler in PATTERNS:
        found = pattern.search(clause)
        if found and handler(wishes, found):
            return True
    return False
