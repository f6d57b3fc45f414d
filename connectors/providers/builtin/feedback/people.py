"""Wishes about people: other names, pronouns, ages and trades, for the lead, the villain or anybody by name."""

import re

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.bank.shelves import lexicon
from connectors.providers.builtin.callings import age_of
from connectors.providers.builtin.feedback.book import NAME
from connectors.providers.builtin.grammar import Pronouns
from connectors.providers.builtin.wishes import Portrait, Wishes

LEAD = r"(?:the )?(?:lead|heroine|hero|protagonist|main character|her|him|them)"
VILLAIN = r"(?:the )?(?:villain|antagonist|opponent)"
PRONOUN = r"(?:she|he|they)"
"""As the subject of a wish it means the lead."""
AGES = {r"\bold(?:er)?\b|\belderly\b": 67, r"\byoung(?:er)?\b|\bteenage": 17, r"\bchild\b|\bboy\b|\bgirl\b": 12}


def rename(wishes: Wishes, found: re.Match[str]) -> bool:
    """A new name for a person or a place; `old` and `new` are groups of the match."""
    old, new = found["old"].strip(), found["new"].strip()
    if re.fullmatch(r"(?:the )?(?:town|village|city|island|place|setting)", old, re.IGNORECASE):
        wishes.town = new[:60]
        wishes.note("place", f"The place is now called {new}.")
        return True
    old = _who(old)
    wishes.renames.append((old, new[:60]))
    wishes.note("rename", f"{'The ' * (old in ('lead', 'villain'))}{old} is now called {new}.")
    return True


def person(wishes: Wishes, found: re.Match[str]) -> bool:
    """What somebody should be: `who` (the lead where it is missing) and `what` are groups of the match.

    A group `whom` holds words that may mean the lead: “the keeper”.
    """
    said = found["what"].strip(" .!?")
    what = re.sub(r"^(?:really|actually|in fact|in truth|now|rather|instead) ", "", said)
    if re.match(r"(?:not|never|no longer|too|so|very|still) ", what):
        return False
    whom = found.groupdict().get("whom")
    if whom and not re.search(rf"\b{re.escape(whom.casefold())}\b", wishes.lead):
        return False  # somebody else, or something
    who = _who(found.groupdict().get("who") or "lead")
    pronouns, age, job = _pronouns(what.casefold()), _age(what.casefold()), _job(what.casefold())
    if not (pronouns or job or (age and who == "lead")):
        return False
    if who == "lead":
        wishes.pronouns, wishes.age, wishes.job = pronouns or wishes.pronouns, age or wishes.age, job or wishes.job
    else:
        wishes.portraits.append(Portrait(who, pronouns, job))
    intent = "role" if pronouns or job else "age"
    wishes.note(intent, f"{'The ' * (who in ('lead', 'villain'))}{who} is {what}.")
    return True


def _who(text: str) -> str:
    """`lead`, `villain`, or a name."""
    if re.fullmatch(rf"{LEAD}|{PRONOUN}", text, re.IGNORECASE):
        return "lead"
    return "villain" if re.fullmatch(VILLAIN, text, re.IGNORECASE) else text.strip()


def _pronouns(what: str) -> Pronouns | None:
    """The pronouns that the words say; a trade says none, unless only women or men have its name."""
    words = set(re.findall(r"[\w-]+", what))
    neither = {"she", "her", "herself", "he", "him", "his", "himself", "dressmaker", "midwife", "seamstress", "witch"}
    if words & (set(lexicon()["she"]) - neither | {"female", "mother", "daughter", "sister", "grandmother", "aunt"}):
        return "she"
    # A ferryman may be a woman whom everybody calls that; a monk may not.
    men = {each for each in lexicon()["he"] if each == "man" or not each.endswith("man")} - neither
    if words & (men | {"male", "father", "son", "brother", "grandfather", "uncle"}):
        return "he"
    return "they" if re.search(r"\bnon-?binary\b", what) else None


def _age(what: str) -> int:
    """The age in years, or 0."""
    if exact := re.search(r"\b(1\d|[2-8]\d)(?: years old)?\b", what):
        return int(exact[1])
    if in_words := age_of(f"she is {what}", ideas.kind_of)[0]:
        return in_words
    return next((age for pattern, age in AGES.items() if re.search(pattern, what)), 0)


def _job(what: str) -> str:
    plain = ("boy", "girl", "woman", "man")
    trade = next((each for each in ideas.read(what, names=False).all("persons") if each not in plain), "")
    return re.sub(r"^(?:old|elderly|young) ", "", trade)


WHO = rf"(?:{LEAD}|{VILLAIN}|{PRONOUN}|(?-i:{NAME}))"
"""Somebody: by part, by pronoun or by name."""
