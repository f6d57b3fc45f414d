"""Wishes about how it feels: darker, stranger, fresher, more or less of something, without something."""

import re

from connectors.providers.builtin import idea as ideas
from connectors.providers.builtin.wishes import Wishes


def avoid(wishes: Wishes, found: re.Match[str]) -> bool:
    """Something that must not be named."""
    what = re.sub(r"^(?:any|the|a|an|so much|too many|so many|such) ", "", found["what"].strip(" .!?\"“”'"))
    if not what or len(what.split()) > 4:
        return False
    wishes.avoid.append(what)
    wishes.note("avoid", f"“{what}” is avoided.")
    return True


def more(wishes: Wishes, found: re.Match[str]) -> bool:
    """More of a mood, of love, danger or strangeness, or of a thing."""
    what = found["what"].strip().casefold()
    if re.search(r"\b(?:romance|romantic|love)\b", what):
        wishes.romance = True
        wishes.note("romance", "There is more love in it.")
    elif re.search(r"\b(?:humou?r|fun|funny|light|warmth|hope|hopeful|joy|cosy|cozy)\b", what):
        return mood(wishes, 1)
    elif re.search(r"\b(?:dark|darkness|gloom|sad|sadness|melancholy|horror|grim)\b", what):
        return mood(wishes, -1)
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


def less(wishes: Wishes, found: re.Match[str]) -> bool:
    """Less of a mood or of a thing; a thing is then avoided."""
    what = found["what"].casefold()
    if re.search(r"\b(?:clich|predictab|generic|usual)", what):
        return fresh(wishes)
    if re.search(r"\b(?:dark|gloom|sad|grim|bleak)", what):
        return mood(wishes, 1)
    if re.search(r"\b(?:light|funny|cosy|cozy|sweet|hopeful)\b", what):
        return mood(wishes, -1)
    if re.search(r"\b(?:romance|romantic|love)\b", what):
        wishes.romance = False
        wishes.note("romance", "There is no love story in it.")
        return True
    return avoid(wishes, found)


def mood(wishes: Wishes, step: int) -> bool:
    """Darker (step below 0) or lighter."""
    wishes.mood += step
    wishes.note("tone", "It is darker." if step < 0 else "It is lighter.")
    return True


def fresh(wishes: Wishes) -> bool:
    """Leave out the most usual choices."""
    wishes.fresher = True
    wishes.note("fresher", "The most usual choices are left out.")
    return True


def length(wishes: Wishes, step: int) -> bool:
    """Shorter (step below 0) or longer."""
    wishes.length += step
    wishes.note("shorter" if step < 0 else "longer", "It is shorter." if step < 0 else "It is longer.")
    return True


def stakes(wishes: Wishes) -> bool:
    """More to lose."""
    wishes.higher = True
    wishes.note("stakes", "The stakes are higher.")
    return True


def strange(wishes: Wishes) -> bool:
    """Stranger."""
    wishes.stranger = True
    wishes.note("stranger", "It is stranger.")
    return True
