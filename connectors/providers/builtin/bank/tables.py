"""What a bank may hold: the tables of its TOML files, one model per table."""

from typing import Annotated, Literal

from pydantic import Field

from connectors.providers.builtin.bank.plots import Beat, Chain, Plot, Turn
from connectors.providers.builtin.bank.templates import Audience, Kind, Name, Part, Role, Table, Template, Variants


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
    where: dict[Name, Role] = Field(default_factory=dict)
    """Beats of the plot that happen elsewhere than the plot says, by what the place is for: `mid = "under"`."""

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
