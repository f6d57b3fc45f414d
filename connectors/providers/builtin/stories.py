"""STORY_CONCEPTION by the built-in engine: different turns of the same premise."""

from collections.abc import Sequence

from connectors.providers.builtin import motifs
from connectors.providers.builtin.audiences import audience_of
from connectors.providers.builtin.bank.plots import Turn
from connectors.providers.builtin.choice import Choice
from connectors.providers.builtin.grammar import familiar, fit, heading
from connectors.providers.builtin.idea import Idea
from connectors.providers.builtin.model import Model
from connectors.providers.builtin.says import says
from connectors.providers.builtin.wishes import Ending, Wishes
from genesis.content.concept import Concept
from genesis.content.story import Story
from genesis.session.brief import Brief

WORDS_PER_CHAPTER = 2800

ENDINGS: tuple[Ending, ...] = ("bittersweet", "happy", "open", "tragic")
DARK = ("dark", "grim", "bleak", "tragic", "noir", "horror")
LIGHT = ("light", "funny", "humor", "humour", "cosy", "cozy", "hopeful", "warm", "uplifting")


def turns_for(model: Model, choice: Choice, count: int, seen: Sequence[Turn | None] = ()) -> list[Turn]:
    """So many turns of the premise's plot, those not seen before first."""
    ordered = choice.order("turns", model.genre.turns_of(model.premise.plot))
    ids = {each.id for each in seen if each}
    ordered.sort(key=lambda each: each.id in ids)
    return [ordered[place % len(ordered)] for place in range(count)]


def tell(
    model: Model,
    turn: Turn,
    choice: Choice,
    brief: Brief,
    idea: Idea,
    wishes: Wishes,
    concept: Concept | None,
    place: int = 0,
    former: Story | None = None,
) -> Story:
    """The model as a story with this turn; `former` is the story it revises."""
    path = f"s/{place}"
    genre, premise = model.genre, model.premise
    kind = _ending(wishes, place, turn, concept, former)
    ending = model.say(choice.pick(f"{path}/ending", getattr(premise.endings, kind)), 400)
    said = model.having(**says(model, choice, ending=ending))
    parts = _parts(said, turn, choice, path, place)
    parts[1] = " ".join([parts[1], *motifs.in_story(model)])
    if wishes.length < 0:
        del parts[3]
    parts = _within(parts, 2400)
    chapters, words = _size(brief, wishes, turn, former)
    themes = [said.say(each, 160) for each in premise.themes]
    themes += [f"{each.capitalize()}, and what it is worth" for each in idea.all("abstracts")[:2]]
    red = [*choice.order(f"{path}/red_lines", genre.pools.red_lines)[:4], *(each[:120] for each in brief.avoid[:4])]
    return Story(
        title=_title(model, choice, path, concept, place),
        synopsis=familiar("\n\n".join(parts), [said.person(part) for part in "LNAMRW"]),
        themes=tuple(themes[:4]),
        promise=said.say(choice.pick(f"{path}/promise", turn.promise), 300),
        red_lines=tuple(red),
        ending=ending,
        ending_kind=kind,
        pov=wishes.pov or (former.pov if former else choice.pick(f"{path}/pov", turn.povs)),
        tense=wishes.tense or (former.tense if former else "past"),
        style=said.say(choice.pick(f"{path}/style", genre.pools.styles), 300),
        audience=audience_of(brief.audience) or (former.audience if former else genre.meta.audience),
        target_chapters=chapters,
        target_words=words,
    )


AGAINST = (
    "It has a price, and the price shows early: {price}. {N} answers each step with one of {N.their} own: {blow1}; "
    "{blow2}.",
    "Nothing of it comes free. First {price}; then, in short order, {blow1}, and {blow2}.",
)
ALONE = (
    "Then {blow3}. What {L.f} has left is {A}, whom {L.they} {L.v:has|have} not treated well, and one more thing "
    "that nobody else has put together: {sign4}.",
    "Then everything happens at once: {blow3}; and in the midst of it comes the last thing, {sign4}. {A} stays, and "
    "of all the others only {W}.",
)
OUT = (
    "So {L.f} sets out to {plan}, in the open this time, with {R} of all people holding the door.",
    "There is one way left, and it needs more than one: to {plan}. They set out before anyone can count them.",
)


def _parts(said: Model, turn: Turn, choice: Choice, path: str, place: int) -> list[str]:
    """The synopsis in five paragraphs; every other candidate goes by the strokes and the price, not by the search."""
    plot = said.genre.plots[said.premise.plot]
    opening = said.say(choice.pick(f"{path}/opening", plot.opening), 700)
    if place % 2:
        return [
            opening,
            said.say(choice.pick(f"{path}/middle", AGAINST), 520),
            said.say(turn.middle, 520),
            said.say(choice.pick(f"{path}/dark", ALONE), 460),
            said.say(choice.pick(f"{path}/close", OUT), 420),
        ]
    return [
        opening,
        said.say(choice.pick(f"{path}/middle", plot.middle), 640),
        said.say(turn.middle, 520),
        said.say(choice.pick(f"{path}/dark", plot.dark), 460),
        said.say(choice.pick(f"{path}/close", plot.close), 420),
    ]


def _within(parts: list[str], limit: int) -> list[str]:
    """The paragraphs, the longest cut by a sentence as often as is needed to keep a limit."""
    while sum(map(len, parts)) + 2 * len(parts) > limit:
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[longest] = fit(parts[longest], len(parts[longest]) - 1)
    return parts


def _ending(wishes: Wishes, place: int, turn: Turn, concept: Concept | None, former: Story | None) -> Ending:
    if wishes.ending:
        return wishes.ending
    if wishes.mood:
        return "tragic" if wishes.mood < 0 else "happy"
    if former:
        return former.ending_kind
    tone = concept.tone.casefold() if concept else ""
    if any(word in tone for word in DARK):
        return ("tragic", "bittersweet", "tragic")[place % 3]
    if any(word in tone for word in LIGHT):
        return ("happy", "bittersweet", "happy")[place % 3]
    return turn.ending


def _title(model: Model, choice: Choice, path: str, concept: Concept | None, place: int) -> str:
    own = [heading(model.clause(each)) for each in model.premise.titles]
    if concept and concept.title:
        if place == 0 and not choice.salts:
            return concept.title
        own = [each for each in own if each != concept.title] or own
    short = [each for each in own if len(each) <= 80] or [own[0][:80]]
    # One order for all candidates, so that no two of them have the same title while there is another.
    begin = place % len(short)
    ordered = choice.order("s/titles", short)
    return choice.turned(f"{path}/title", [*ordered[begin:], *ordered[:begin]])


def _size(brief: Brief, wishes: Wishes, turn: Turn, former: Story | None) -> tuple[int, int]:
    chapters, words = brief.target_chapters, brief.target_words
    if former:
        chapters, words = former.target_chapters or chapters, former.target_words or words
    if wishes.length and not (wishes.chapters or wishes.words):
        factor = 0.75 if wishes.length < 0 else 1.25
        chapters, words = max(1, round((chapters or turn.chapters) * factor)), round(words * factor)
    chapters, words = wishes.chapters or chapters, wishes.words or words
    if not chapters:
        chapters = round(words / WORDS_PER_CHAPTER) if words else turn.chapters
    chapters = min(60, max(1, chapters))
    if not words or (wishes.chapters and not wishes.words and not brief.target_words):
        words = chapters * WORDS_PER_CHAPTER
    return chapters, min(300_000, words, chapters * 20_000)
