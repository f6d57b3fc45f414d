"""Chapters of an outline written anew: beats that the book has not used yet take the place of the old ones."""

from genesis.content.outline import Chapter, Outline


def chapters_anew(former: Outline, fresh: Outline, salt: int) -> Outline:
    """The fresh outline in the former one's shape: for each chapter one that the former does not have."""
    known = {each.summary for each in former.chapters}
    spare = [each for each in fresh.chapters if each.summary not in known]
    chapters = []
    for place, chapter in enumerate(former.chapters):
        chapters.append(_instead(chapter, spare, place, salt) if spare else chapter)
    return fresh.model_copy(update={"chapters": tuple(chapters)})


def _instead(chapter: Chapter, spare: list[Chapter], place: int, salt: int) -> Chapter:
    """The unused chapter nearest in the book, in the old one's place in all that other chapters rely on."""
    nearest = sorted(spare, key=lambda each: abs(each.no - (place + 1)))
    fresh = nearest[salt % min(3, len(nearest))]
    keep = ("id", "no", "act", "threads", "words")
    return fresh.model_copy(update={name: getattr(chapter, name) for name in keep})
