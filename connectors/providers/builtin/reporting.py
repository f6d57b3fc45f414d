"""What is said about a proposal: which words were obeyed, and which were not used; nothing is dropped silently."""

import re
from collections import Counter
from collections.abc import Sequence

from connectors.providers.builtin.audiences import audience_of
from connectors.providers.builtin.bank.shelves import genre, lexicon
from connectors.providers.builtin.genres import genre_of
from connectors.providers.builtin.grammar import article, number
from connectors.providers.builtin.granting import PARTS, texts_of
from connectors.providers.builtin.idea import Idea, bare, words_of
from connectors.providers.builtin.model import thing_of
from connectors.providers.builtin.reading import premise_of
from connectors.providers.builtin.single import second_person
from connectors.providers.builtin.work import Work
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.proposal import Understood
from genesis.content.texts import mentions
from genesis.session.stages import Stage

_ENTRY = re.compile(r"/(\w+)/[a-z]\d+")
"""The path of a whole entry of a list, by its id."""


def still_there(candidates: Sequence[Content], avoid: Sequence[str]) -> list[str]:
    """A sentence for each word to be avoided that stands there all the same."""
    whole = "\n".join(texts_of(candidates))
    return [f"“{word}” could not be avoided everywhere." for word in avoid if mentions(whole, word)]


def unmet(work: Work, candidates: Sequence[Content]) -> list[str]:
    """A sentence for each wish about somebody who is not there; what was understood loses that wish."""
    whole = "\n".join(texts_of(candidates))
    wishes = work.wishes
    asked = [(old, new.split(" ")[0]) for old, new in wishes.renames if old not in PARTS]
    asked += [(each.who, each.who.split(" ")[0]) for each in wishes.portraits if each.who not in PARTS]
    missing = [who for who, name in dict(asked).items() if not mentions(whole, name)]
    wishes.understood[:] = [
        each for each in wishes.understood if not any(each.text.startswith(f"{who} is ") for who in missing)
    ]
    return [f"There is nobody and nothing called “{who}” here." for who in missing]


def understood(work: Work, candidates: Sequence[Content]) -> list[Understood]:
    """What of the idea and the brief stands in the proposal; said once, with the first stage."""
    request, idea = work.request, work.idea
    if request.stage is not Stage.CONCEPT_SELECTION or request.feedback or request.chips or request.what != "round":
        return []
    whole = "\n".join(texts_of(candidates)).casefold()
    named = [text for each in idea.found for text in _as_told(each.text, whole)]
    names = [name for name in (idea.lead_name, idea.town_name) if name and name.casefold() in whole]
    words = dict.fromkeys([*named, *names])
    found = [Understood(intent="idea", text=f"“{word}” has a part in it.") for word in list(words)[:10]]
    found += _verbs(idea, candidates)
    later = {second_person(idea): "characters", next(iter(idea.all("abstracts")), ""): "story"}
    found += [
        Understood(intent="idea", text=f"“{word}” comes in with the {stage}.")
        for word, stage in later.items()
        if word and word not in words
    ]
    if idea.age:
        found.append(
            Understood(intent="idea", text=f"The lead is {number(idea.age)}; that comes in with the characters.")
        )
    brief = request.brief
    if brief.genre and (name := genre_of(brief.genre)):
        called = genre(name).meta.name
        if called.casefold() != brief.genre.strip().casefold():
            found.append(Understood(intent="genre", text=f"“{brief.genre}” is told as {called}."))
    if not brief.genre and candidates and isinstance(candidates[0], Concept):
        found.append(Understood(intent="genre", text=f"No genre was named; this is {candidates[0].genre}."))
    if brief.tone:
        found.append(Understood(intent="tone", path="", text=f"The tone is “{brief.tone}”."))
    found += [
        Understood(intent="must_have", text=_appears(wish))
        for wish in brief.must_have
        if thing_of(wish).casefold() in whole and thing_of(wish)
    ]
    return found


def _appears(wish: str) -> str:
    thing = thing_of(wish)
    whole = len(wish.split()) <= len(thing.split()) + 1
    if whole:
        return f"“{wish}” appears."
    return f"Of “{wish[:120]}” there is {article(thing)} {thing}; the rest is yours."


def _verbs(idea: Idea, candidates: Sequence[Content]) -> list[Understood]:
    plots = {plot: name for name, plot in _plots_of(candidates)}
    said: dict[str, str] = {}
    for verb, plot in idea.verbs:
        if plot in plots:
            said.setdefault(plot, f"“{verb}” makes it {plots[plot]}.")
    return [Understood(intent="idea", text=text) for text in list(said.values())[:2]]


def _plots_of(candidates: Sequence[Content]) -> list[tuple[str, str]]:
    """(name of the plot, its id) of each concept."""
    found = []
    for each in candidates:
        if isinstance(each, Concept) and (name := genre_of(each.genre)):
            shelf = genre(name)
            premise = premise_of(shelf.premises, f"{each.hook} {each.premise} {each.what_if}")
            if premise:
                found.append((shelf.plots[premise.plot].name, premise.plot))
    return found


def _as_told(text: str, whole: str) -> list[str]:
    """The phrase as it stands in the proposal: whole, without its adjectives, or not at all."""
    return [each for each in (text, bare(text)) if re.search(rf"(?<!\w){re.escape(each.casefold())}", whole)][:1]


def not_used(work: Work, candidates: Sequence[Content]) -> list[str]:
    """What of the brief and the idea the engine could not use."""
    request = work.request
    found = [f"There is no other version of {what} in the bank." for what in kept_as_they_were(work.unchanged)]
    if request.feedback or request.chips or request.what != "round":
        return found
    if request.stage is Stage.CONCEPT_SELECTION:
        return found + _brief(work) + _words(work, candidates)
    if request.stage is Stage.STORY_CONCEPTION and not work.recalled.own:
        found.append("The confirmed concept is not one of this engine's; its names are kept, its idea is not.")
    return found


def kept_as_they_were(paths: Sequence[str]) -> list[str]:
    """Paths as a person reads them: entries of a list are counted, since their ids say nothing."""
    counted = Counter(match[1] for path in paths if (match := _ENTRY.fullmatch(path)))
    fields = [path.strip("/").replace("/", " ") for path in paths if not _ENTRY.fullmatch(path)]
    return fields + [f"{count} of the {name}" for name, count in counted.items()]


def _brief(work: Work) -> list[str]:
    brief, found = work.request.brief, []
    if brief.genre and not genre_of(brief.genre):
        found.append(f"Genre “{brief.genre}”: the bank has none like it; another one was taken.")
    if brief.language and brief.language.split("-")[0].casefold() != "en":
        found.append(f"Language “{brief.language}”: the built-in engine writes English only.")
    if work.idea.foreign:
        found.append("The idea does not seem to be in English, the only language the built-in engine reads.")
    if brief.audience and audience_of(brief.audience) is None:
        found.append(f"Audience “{brief.audience}”: adult, young adult, middle grade and children are known.")
    return found


def _words(work: Work, candidates: Sequence[Content]) -> list[str]:
    idea, brief = work.idea, work.request.brief
    whole = "\n".join(texts_of(candidates)).casefold()
    found = [
        f"“{wish[:120]}” was to appear; it is more than a thing with a name, so it was not used."
        for wish in brief.must_have
        if not thing_of(wish) or thing_of(wish).casefold() not in whole
    ]
    gender = {*lexicon()["she"], *lexicon()["he"]}
    later = {second_person(idea), *idea.all("abstracts")[:2]}
    lost = [
        each.text
        for each in idea.found
        if not _as_told(each.text, whole) and each.text not in gender and each.text not in later
    ]
    plots = {plot for _, plot in _plots_of(candidates)}
    verbs = [verb for verb, plot in idea.verbs if plot not in plots and verb not in whole]
    tags = words_of(tag for each in candidates if isinstance(each, Concept) for tag in each.tags)
    unknown = [word for word in idea.unknown if word.casefold() not in tags]
    words = list(dict.fromkeys([*lost, *verbs, *unknown]))
    if words:
        shown = ", ".join(words[:12])
        more = f" and {len(words) - 12} more" if len(words) > 12 else ""
        found.append(f"Words of the idea that were not used: {shown}{more}.")
    return found
