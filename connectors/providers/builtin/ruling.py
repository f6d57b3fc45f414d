"""Chapters made from the world itself: one for each of its rules and for each thing that has to appear."""

from connectors.providers.builtin.bank.plots import Beat
from connectors.providers.builtin.bank.templates import Part, Role
from connectors.providers.builtin.grammar import Noun, Person, capital, heading, inside
from connectors.providers.builtin.model import Model
from genesis.content.world import Rule

TOLD = (
    "{L} comes up against it {P.in}, the thing every child {town.in} can recite: ",
    "{P.inC} {L} has to explain it to a stranger, and hears it as if for the first time: ",
    "{L} and {A.f} argue {P.in} about what exactly the old words mean: ",
    "Somebody has written it on a wall {P.in}, and {L} stands before it as if it were news: ",
    "{L} says it over {P.in} like a sum that will not come out: ",
    "{P.inC} somebody breaks it in full view, and {L} hears it quoted from all sides: ",
)
PRICES = (
    "What it costs is known as well: ",
    "The price is part of the saying: ",
    "And nobody forgets to add: ",
    "Below it, in smaller letters: ",
    "Then comes the other half: ",
    "And at once there are people who want it paid: ",
)
STAKES = (
    (
        "what everyone knows against what it means for one person",
        "from a saying to a rule that binds",
        "There is a gap in the rule, and {L.f} is not the first to see it.",
    ),
    (
        "an honest question against an easy answer",
        "from knowing it by heart to hearing it",
        "The stranger asks who thought of that, and whom it was meant for.",
    ),
    (
        "two readings of one sentence, and both have consequences",
        "from agreement to a difference that matters",
        "{A.f} asks what {D} would have said, and then it is quiet.",
    ),
    ("a rule in public against a rule in practice", "from custom to accusation", "The writing is still wet."),
    (
        "what must be paid against what there is to pay with",
        "from hoping for an exception to counting",
        "It can be done, once, if nobody else has to pay.",
    ),
    (
        "the rule against the one who broke it",
        "from theory to a culprit",
        "Whoever broke it looks across at {L.f}, and smiles.",
    ),
)
AT = (22.7, 38.2, 49.7, 61.8, 70.2, 78.5)
PLACES: tuple[Role, ...] = ("home", "common", "wild", "work", "under", "common")
TITLES = (
    "As Every Child Knows",
    "Explained to a Stranger",
    "The Old Words",
    "On the Wall",
    "A Sum",
    "In Full View",
)


def rule_beat(number: int, rule: Rule, model: Model, own: bool = False) -> Beat:
    """A chapter in which a rule of the world binds; `number` from 0 says how it is told.

    A rule of the person's `own` is a plant that pays when it falls due.
    """
    names = [each.first for each in model.slots.values() if isinstance(each, Person)]
    statement, cost = (inside(plain(text.strip()), names).rstrip(".") for text in (rule.statement, rule.cost))
    limit = plain(rule.limit.strip()).rstrip(".")
    turn = number % len(TOLD)
    after = f" {PRICES[turn]}{cost}." if cost else ""
    after += f" This time {{L.f}} asks where it stops. {limit}." if limit and turn % 2 else ""
    conflict, change, hook = STAKES[turn]
    name = plain(rule.name) or TITLES[turn]
    return Beat.model_construct(
        id=f"rule-{number}",
        at=AT[turn],
        weight=2,
        place=PLACES[turn],
        who=("A",) if turn == 2 else (),
        tension=5 + turn % 2,
        titles=(heading(name), TITLES[turn]),
        text=(f"{TOLD[turn]}{statement}.{after}",),
        so=f"{{L.f}} has learned in earnest what “{name}” means",
        conflict=conflict,
        change=change,
        hook=hook,
        plant=f"What “{name}” says, to the letter" if own else None,
        pays=(),
        fresh=False,
    )


DUE: tuple[tuple[str, str, str, str], ...] = (
    (
        "{P.inC} everything is ready, and it is “{rule}” that stops them: whatever they do now would break it. {L} "
        "counts what that costs, and who would be asked to pay. Then they do what the words say, to the letter, and "
        "by the letter it is {N} who is left outside.",
        "the spirit of a rule against its letter",
        "from obstacle to way in",
        "{N} asks for the wording, and is given it.",
    ),
    (
        "{N} has counted on everyone having forgotten “{rule}”. {L} has not. Before witnesses, {P.in}, the words are "
        "said aloud, and {N} is held to each of them. For once the rule works for those who have always kept it.",
        "a rule for the many against an exception for one",
        "from burden to weapon",
        "What was won by a rule can be lost by it as well.",
    ),
)
"""Chapters in which a rule that a person wrote decides something: text, conflict, change, hook."""


def due_beat(number: int, rule: Rule) -> Beat:
    """A later chapter that turns on a rule of the person's own; `number` from 0 says how it is told."""
    text, conflict, change, hook = DUE[number % len(DUE)]
    name = plain(rule.name) or TITLES[number % len(TITLES)]
    return Beat.model_construct(
        id=f"rule-{number}-due",
        at=(73.6, 67.4)[number % len(DUE)],
        weight=1,
        place=("seat", "common")[number % len(DUE)],
        who=(("N", "A"), ("N",))[number % len(DUE)],
        tension=7,
        titles=(f"{heading(name)} Comes Due", "To the Letter"),
        text=(text.replace("{rule}", name),),
        so=f"“{name}” has been held up before {{N.f}}",
        conflict=conflict,
        change=change,
        hook=hook,
        plant=None,
        pays=(f"rule-{number}",),
        fresh=True,
    )


MOTIFS: tuple[tuple[str, str, str, str, Part], ...] = (
    (
        "{L} comes upon {X.a} {P.in}, where nobody would look for such a thing. {A.f} asks what it means. {L.f} does "
        "not know yet, but {D} spoke of it here once, and then at once of something else.",
        "a sign that may mean nothing against the wish that it should",
        "from chance to sign",
        "Somebody else has been here to look, not an hour ago.",
        "A",
    ),
    (
        "{W} tells {L} {P.in} what is said {town.in} about {X.the}, and that only {D} dared to laugh at it. {L.f} "
        "begins to look out for more of the same, and finds three signs before supper.",
        "gossip against memory",
        "from rumour to trace",
        "The third sign is inside the house.",
        "W",
    ),
    (
        "All through the day {L} is put in mind of {X.the}: a word here, a look there, a drawing in the dust {P.in}. "
        "{A.f} thinks it is chance. {L.f} has stopped believing in that.",
        "chance against design",
        "from doubt to alarm",
        "In the night the drawing is wiped out.",
        "A",
    ),
    (
        "{R} has heard about {X.the} as well and says so {P.in}, too lightly. {L} notes who is listening, and who "
        "takes care not to.",
        "a light word against a heavy silence",
        "from private to known",
        "One of the listeners gets up and forgets a hat.",
        "R",
    ),
)


MOTIF_PLACES: tuple[Role, ...] = ("wild", "common", "home", "common")


def motif_beat(number: int, motif: Noun) -> Beat:
    """A chapter in which a thing that has to appear does; `number` from 0 says how."""
    text, conflict, change, hook, who = MOTIFS[number % len(MOTIFS)]
    safe = Noun(plain(motif.text))
    return Beat.model_construct(
        id=f"motif-{number}",
        at=(10.5, 34.8, 55.2, 66.8)[number % 4],
        weight=2,
        place=MOTIF_PLACES[number % 4],
        who=(who,),
        tension=5,
        titles=(capital(heading(safe.form("a"))), heading(safe.form("the"))),
        text=(text.replace("{X.a}", safe.form("a")).replace("{X.the}", safe.form("the")),),
        so="there is one sign more, and it points the same way",
        conflict=conflict,
        change=change,
        hook=hook,
        plant=None,
        pays=(),
        fresh=False,
    )


def plain(text: str) -> str:
    """Text of a person or of an earlier stage inside a template: its braces are no slots."""
    return text.replace("{", "(").replace("}", ")")
