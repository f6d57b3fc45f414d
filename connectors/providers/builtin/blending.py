"""Blends: one concept or story made from two or three, each of which gives something that can be told apart."""

from collections.abc import Sequence
from dataclasses import replace

from connectors.providers.builtin.model import Model, Slot, lending, refreshed
from genesis.content.story import Story

LEAD = ("L", "trade", "craft", "kin", "D", "wound")
"""Slots that make the lead."""
OPPONENT = ("N",)
SCENE = ("town", "kind", "wild", "street", "inn")


def blend_concepts(models: Sequence[Model]) -> Model:
    """The first one's premise with the second one's lead and rule, and the last one's opponent and setting."""
    first, second, last = models[0], models[min(1, len(models) - 1)], models[-1]
    slots: dict[str, Slot] = {name: second.slots[name] for name in LEAD}
    slots |= {name: last.slots[name] for name in (*OPPONENT, *(SCENE if len(models) > 2 else ()))}
    if last is second:
        # Of two the second gives lead and rule; the opponent stays the first one's.
        slots["N"] = first.slots["N"]
    motifs = tuple(dict.fromkeys((*first.motifs, *second.motifs, *last.motifs)))[:4]
    blend = replace(refreshed(first.having(**slots), None), motifs=motifs)
    return lending(second.premise, blend) if second.premise is not first.premise else blend


def blend_stories(named: Sequence[Story]) -> Story:
    """The first one's way, the second one's twist and ending, the last one's voice."""
    first, second, last = named[0], named[min(1, len(named) - 1)], named[-1]
    mine, theirs = first.synopsis.split("\n\n"), second.synopsis.split("\n\n")
    if len(mine) >= 3 and len(theirs) >= 3:
        mine[2] = theirs[2]
    synopsis = "\n\n".join(mine)
    return first.model_copy(
        update={
            "synopsis": synopsis if len(synopsis) <= 2400 else first.synopsis,
            "themes": tuple(dict.fromkeys((*first.themes[:2], *second.themes, *last.themes)))[:4],
            "promise": second.promise,
            "ending": second.ending,
            "ending_kind": second.ending_kind,
            "pov": last.pov,
            "tense": last.tense,
            "style": last.style,
            "target_chapters": round((first.target_chapters + second.target_chapters) / 2),
            "target_words": round((first.target_words + second.target_words) / 2, -2),
        }
    )
