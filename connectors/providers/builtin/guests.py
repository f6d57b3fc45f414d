"""Chapters for people whom the person put into the cast and whom no part of the bank is for."""

from connectors.providers.builtin.bank.plots import Beat
from connectors.providers.builtin.bank.templates import SLOT, Part, Role
from connectors.providers.builtin.grammar import Person, capital, inside
from connectors.providers.builtin.ruling import plain
from genesis.content.cast import Character

GUESTS = "guests"
"""The line of these beats."""
TOLD: tuple[tuple[str, str, str, str, tuple[Part, ...], Role, float], ...] = (
    (
        "{G} has been waiting {P.in} since morning.{want} {L} has no time for it, and takes the time; and before "
        "they part {G.f} tells, unasked, who else has been here with questions.{secret}",
        "a small request against a large hurry",
        "from stranger to somebody with a name",
        "Whoever asked the questions has left a number of answers behind.",
        (),
        "common",
        19.4,
    ),
    (
        "Nobody has reckoned with {G}.{want} {P.inC} {A} is shown a thing found where nobody had looked, and {G.f} "
        "will give it to no one but {L}. It is no proof, but it is a date; and the date is the wrong one for "
        "{N}.{secret}",
        "a find against the question of what it is worth",
        "from bystander to keeper of a date",
        "The date has been written over once before, in another hand.",
        ("A",),
        "work",
        41.3,
    ),
    (
        "They need somebody whom {N} has never thought of, and {A.f} names {G}.{want} {P.inC} {G.f} listens to the "
        "end, asks one question, and says no. In the evening there is a knock, and it is yes, on a condition."
        "{secret}",
        "caution against being needed",
        "from no to yes, on a condition",
        "The condition is easy to keep until Thursday.",
        ("A",),
        "home",
        58.9,
    ),
)
"""Text, conflict, change, hook, who else, where, when."""


def guest_beat(number: int, guest: Character) -> Beat:
    """A chapter in which somebody of the person's own matters; `number` from 0 says how."""
    text, conflict, change, hook, who, place, at = TOLD[number % len(TOLD)]
    person = Person(plain(guest.name), guest.pronouns)
    want = inside(plain(guest.want.strip()), [person.first]).rstrip(".")
    secret = inside(plain(guest.secret.strip()), [person.first]).rstrip(".")
    text = text.replace("{want}", f" What it is about is soon said: {want}." if want else "")
    text = text.replace("{secret}", f" One thing {person.first} does not say: {secret}." if secret else "")
    told = SLOT.sub(lambda found: person.form(found[2] or "") if found[1] == "G" else found[0], text)
    return Beat.model_construct(
        id=f"guest-{guest.id}",
        at=at,
        weight=1,
        place=place,
        who=who,
        tension=5,
        titles=(capital(person.name), f"What {person.first} Saw"),
        text=(told,),
        so=f"{person.first} is on their side of the street",
        conflict=conflict,
        change=change,
        hook=hook,
        plant=None,
        pays=(),
        fresh=True,
    )


def guest_of(beat: Beat) -> str:
    """The id of the character whom a beat of this line is about."""
    return beat.id.removeprefix("guest-")
