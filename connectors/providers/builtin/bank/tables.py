"""What a bank may hold: the tables of its TOML files, and the names that their texts may use as slots."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Part = Literal["A", "M", "R", "W", "N"]
"""Who else there is beside the lead: ally, mentor, rival, witness, nemesis."""
Role = Literal["work", "home", "seat", "common", "wild", "under"]
"""What a place is for: the lead's work, the lead's home, the opponents' house, where people meet, outside, hidden."""
Kind = Literal["object", "person", "kin", "settlement", "site", "wild", "event", "creature", "abstract"]
"""What kinds of words of an idea there are; a slot takes only words of its own kind."""

Audience = Literal["adult", "young_adult", "middle_grade", "children"]
"""Whom a book is for, the oldest first."""

PEOPLE = frozenset({"L", "N", "D", "A", "M", "R", "W"})
NOUNS = frozenset({"thing", "proof", "trade", "craft", "kind", "kin"})
NAMED = frozenset({"town", "house", "other", "third", "event", "site", "wild", "P"})
WORDS = frozenset({"office", "years", "street", "inn", "aim", "plan"})
SLOTS = PEOPLE | NOUNS | NAMED | WORDS
"""Slots that every text may use; a premise may declare more."""
SAYS = frozenset(
    {"trigger", "attempt", "price", "midpoint", "climax", "ending", "final", "wound", "lesson", "custom", "here"}
    | {f"sign{no}" for no in range(1, 5)}
    | {f"blow{no}" for no in range(1, 4)}
    | {f"secret_{part}" for part in "AMRWN"}
)
"""Slots that stand for a whole text of the premise, the cast or the world; beats and synopses may use them."""
TYPES: dict[str, Kind] = {
    "thing": "object",
    "proof": "object",
    "trade": "person",
    "kin": "kin",
    "site": "site",
    "kind": "settlement",
    "wild": "wild",
    "event": "event",
}
"""Kind of word that fills a slot of every premise."""

FORMS = frozenset("f s they them their theirs themself job v a the it its pl T in C".split())
"""Forms of slots; all but `v` may be followed by a C, which makes the first letter large."""
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?(?::([^|{}]*)\|([^|{}]*))?\}")


def _well_formed(text: str) -> str:
    rest = SLOT.sub("", text)
    if "{" in rest or "}" in rest:
        raise ValueError("a brace belongs to no slot; write {name}, {name.form} or {name.v:has|have}")
    for found in SLOT.finditer(text):
        form, singular = found[2], found[3]
        if form and form.removesuffix("C") not in FORMS - {"C", "v"} and form not in FORMS:
            raise ValueError(f"there is no form “{form}”; known: {', '.join(sorted(FORMS))}")
        if (form == "v") != (singular is not None):
            raise ValueError(f"{found[0]}: a verb is written {{name.v:has|have}}")
    if text != text.strip() or "  " in text:
        raise ValueError("spaces at an end or doubled; take them out")
    return text


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Template = Annotated[str, Field(min_length=1), AfterValidator(_well_formed)]
"""A text with slots."""
Variants = Annotated[tuple[Template, ...], BeforeValidator(_several), Field(min_length=1)]
"""One text, or several that say the same in other words."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
"""Name of an entry: small letters, digits and hyphens."""


class Table(BaseModel):
    """An entry of a bank file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Beat(Table):
    """A chapter: what happens, what it changes, and what it leaves behind."""

    id: Name
    at: Annotated[float, Field(ge=0, le=100)]
    """Place in the book, from 0 to 100."""
    weight: Annotated[int, Field(ge=1, le=3)] = 2
    """1 is never left out, 3 is the first to go."""
    place: Role
    who: tuple[Part, ...] = ()
    tension: Annotated[int, Field(ge=1, le=10)] = 5
    titles: Annotated[tuple[Template, ...], Field(min_length=2)]
    text: Variants
    so: Template
    """What has changed, as a clause: `the door is known to be open`."""
    conflict: Template
    change: Template
    hook: Template
    plant: Template | None = None
    """Something shown here that pays off in a later beat."""
    pays: tuple[Name, ...] = ()
    """Beats whose plants pay off here."""
    fresh: bool = False
    """True where the chapter must not begin with its cause."""


class Act(Table):
    """One quarter of a plot."""

    names: Annotated[tuple[Template, ...], Field(min_length=2)]
    purpose: Template
    turning: Template


class Plot(Table):
    """A dramatic skeleton: the main line of a book, without saying what it is about."""

    id: Name
    name: str
    """What such a story is called, with its article: `an inquiry`."""
    slots: tuple[str, ...] = ()
    """Slots of its own that each premise of this plot must declare."""
    title: Template
    """Title of the main thread."""
    question: Template
    opening: Variants
    middle: Variants
    dark: Variants
    close: Variants
    acts: Annotated[tuple[Act, ...], Field(min_length=4, max_length=4)]
    beats: Annotated[tuple[Beat, ...], Field(min_length=10)]


class Turn(Table):
    """What a book makes of its plot: the twist, how it is told, how it ends."""

    id: Name
    plots: tuple[Name, ...] = ()
    """Plots it goes with; empty means all."""
    middle: Template
    """The twist in the synopsis; it also tells which turn a confirmed story has."""
    promise: Variants
    title: Template
    question: Template
    ending: Literal["open", "happy", "bittersweet", "tragic"]
    chapters: Annotated[int, Field(ge=8, le=60)]
    povs: Annotated[tuple[Literal["first", "close_third", "multiple_third", "omniscient"], ...], Field(min_length=1)]
    beats: Annotated[tuple[Beat, ...], Field(min_length=3)]


class Chain(Table):
    """The story of one person beside the lead's, in three to six chapters."""

    id: Name
    part: Part
    title: Template
    question: Template
    beats: Annotated[tuple[Beat, ...], Field(min_length=3)]


class Person(Table):
    """Somebody who may play a part."""

    part: Part
    job: Annotated[str, Field(min_length=1)]
    """`baker`, or three forms for she, he and they: `widow|widower|widow or widower`."""
    profile: Template
    want: Template = "{aim.C}"
    need: Template
    secret: Template
    arc: Template
    voice: Template
    belief: Template | None = None
    """The opponent's mistake about the world."""
    chains: tuple[Name, ...] = ()
    """Chains that go with this person; empty means any of the part."""


class Look(Table):
    """How the lead looks and speaks."""

    look: Template
    voice: Template


class Wound(Table):
    """What the lead did or suffered, the wrong lesson drawn from it, and what would help."""

    line: Template
    belief: Template
    need: Template


class Place(Table):
    """A place of a world."""

    role: Role
    name: Template
    kind: Literal["region", "settlement", "building", "wild", "other"]
    description: Template
    detail: Template
    held: Literal["", "house", "other", "third"] = ""
    prep: Literal["", "in", "on", "at", "aboard", "under", "by"] = ""
    """What `{P.in}` puts before the name; empty takes what the kind of place suggests."""


class Rule(Table):
    """A rule of a world with its cost and its limit."""

    name: Template
    kind: Literal["nature", "magic", "technology", "society", "faith"]
    statement: Template
    cost: Template
    limit: Template


class Lore(Table):
    """Something worth knowing about a world."""

    name: Template
    kind: Literal["item", "creature", "culture", "law", "event", "concept"]
    text: Template
    about: tuple[Role, ...] = ()


class Faction(Table):
    """People who act together; `name` begins with its article where it has one."""

    name: Template
    goal: Template
    method: Template
    resource: Template
    secret: Template


class House(Table):
    """The opposing side of a premise."""

    names: Annotated[tuple[tuple[Template, str], ...], Field(min_length=1)]
    """(name with its article, the opponent's function in it)."""
    goal: Template
    method: Template
    resource: Template
    secret: Template


class Bond(Table):
    """What stands between two people of the cast."""

    pair: Annotated[str, Field(pattern=r"^[LAMRWN]{2}$")]
    kind: Literal["family", "love", "friendship", "rivalry", "duty", "enmity", "debt"]
    surface: Template
    tension: Template
    change: Template


class Culture(Table):
    """Names that go together."""

    id: Name
    she: Annotated[tuple[str, ...], Field(min_length=8)]
    he: Annotated[tuple[str, ...], Field(min_length=8)]
    they: Annotated[tuple[str, ...], Field(min_length=4)]
    last: Annotated[tuple[str, ...], Field(min_length=10)]
    towns: Annotated[tuple[str, ...], Field(min_length=5)]
    """Names of the place where the book begins; `aboard the Marigold` where `in` is wrong."""
    streets: Annotated[tuple[str, ...], Field(min_length=4)]
    """First words of streets, decks or lanes."""
    inns: Annotated[tuple[str, ...], Field(min_length=4)]
    """Names of inns, bars or mess halls, without article."""


class Declared(Table):
    """A slot that a premise declares for itself."""

    type: Kind
    options: Annotated[tuple[str, ...], Field(min_length=1)]
    open: bool = False
    """True where a word of the idea may take the place of the options."""


class Slots(Table):
    """What fills the slots of a premise; each list is chosen from unless the idea says better."""

    thing: Annotated[tuple[str, ...], Field(min_length=1)]
    proof: Annotated[tuple[str, ...], Field(min_length=1)]
    trade: Annotated[tuple[str, ...], Field(min_length=3)]
    site: Annotated[tuple[str, ...], Field(min_length=2)]
    kind: Annotated[tuple[str, ...], Field(min_length=2)]
    wild: Annotated[tuple[str, ...], Field(min_length=2)]
    event: Annotated[tuple[str, ...], Field(min_length=2)]
    kin: tuple[str, ...] = ("father", "mother", "brother", "sister")


class Endings(Table):
    """The last state of things, by the kind of ending."""

    happy: Variants
    bittersweet: Variants
    tragic: Variants
    open: Variants


class Premise(Table):
    """One idea for a book, with everything that only this idea has."""

    id: Name
    plot: Name
    tags: Annotated[tuple[str, ...], Field(min_length=2, max_length=4)]
    slots: Slots
    cultures: tuple[Name, ...] = ()
    """Cultures whose names and towns fit the time and country of this idea; empty means any."""
    open: tuple[Literal["thing"], ...] = ()
    """`thing` where any object of the idea may take its place."""
    more: dict[str, Declared] = Field(default_factory=dict)
    """Slots of this premise's own."""

    titles: Annotated[tuple[Template, ...], Field(min_length=3)]
    hook: Variants
    premise: Annotated[tuple[Template, ...], Field(min_length=4, max_length=6)]
    opposes: Variants
    stakes: Variants
    what_if: Variants
    question: Variants
    fresh: Variants
    themes: Annotated[tuple[Template, ...], Field(min_length=2, max_length=4)]
    aim: Template
    plan: Template

    trigger: Variants
    attempt: Variants
    price: Variants
    signs: Annotated[tuple[Template, ...], Field(min_length=4, max_length=4)]
    blows: Annotated[tuple[Template, ...], Field(min_length=3, max_length=3)]
    midpoint: Variants
    climax: Variants
    endings: Endings
    final_light: Variants
    final_dark: Variants
    nemesis_secret: Template
    lesson: Template
    """What the mentor teaches, as a noun phrase: `how to read a line that was struck out`."""

    era: Template | None = None
    overview: Annotated[tuple[Template, ...], Field(min_length=2, max_length=4)]
    atmosphere: Template | None = None
    life: Template | None = None
    order: Template | None = None
    conflict: Variants
    house: House
    other: Faction
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=4)]
    places: Annotated[tuple[Place, ...], Field(min_length=2)]
    lore: Annotated[tuple[Lore, ...], Field(min_length=1)]


class Meta(Table):
    """What a genre is called and when it is meant."""

    name: str
    """In the words of a bookshop, without article."""
    aliases: Annotated[tuple[str, ...], Field(min_length=3)]
    """Words of a free text that mean this genre."""
    she: Annotated[int, Field(ge=0, le=10)] = 6
    """Of ten leads, how many are women where nothing is said."""
    audience: Audience = "adult"
    """For whom it is where the brief doesn't say; in a genre for children lead, ally and rival are children."""


class Pools(Table):
    """Short texts of a genre that every premise may draw on."""

    years: Annotated[tuple[str, ...], Field(min_length=4)]
    tones: Annotated[tuple[str, ...], Field(min_length=5)]
    strange: Annotated[tuple[Template, ...], Field(min_length=3)]
    higher: Annotated[tuple[Template, ...], Field(min_length=3)]
    red_lines: Annotated[tuple[str, ...], Field(min_length=4)]
    styles: Annotated[tuple[Template, ...], Field(min_length=5)]
    eras: Annotated[tuple[Template, ...], Field(min_length=4)]
    atmospheres: Annotated[tuple[Template, ...], Field(min_length=5)]
    lives: Annotated[tuple[Template, ...], Field(min_length=4)]
    orders: Annotated[tuple[Template, ...], Field(min_length=4)]
    titles: Annotated[tuple[Template, ...], Field(min_length=5)]
    darker: Annotated[tuple[Template, ...], Field(min_length=2)]
    lighter: Annotated[tuple[Template, ...], Field(min_length=2)]
    keepsakes: Annotated[tuple[Template, ...], Field(min_length=3)]
    """The lead's own secret."""


class Shelf(Table):
    """All tables that one folder of the bank holds."""

    meta: Meta | None = None
    pools: Pools | None = None
    plots: tuple[Plot, ...] = ()
    turns: tuple[Turn, ...] = ()
    chains: tuple[Chain, ...] = ()
    episodes: tuple[Beat, ...] = ()
    premises: tuple[Premise, ...] = ()
    people: tuple[Person, ...] = ()
    looks: tuple[Look, ...] = ()
    wounds: tuple[Wound, ...] = ()
    places: tuple[Place, ...] = ()
    rules: tuple[Rule, ...] = ()
    lore: tuple[Lore, ...] = ()
    factions: tuple[Faction, ...] = ()
    bonds: tuple[Bond, ...] = ()
    cultures: tuple[Culture, ...] = ()
