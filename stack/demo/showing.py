"""What the demo prints: contents of the five stages, and a proposal while it grows."""

from dataclasses import dataclass
from typing import Any, assert_never

from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from genesis.content.cast import Cast
from genesis.content.catalog import Content
from genesis.content.concept import Concept
from genesis.content.outline import Outline
from genesis.content.story import Story
from genesis.content.world import World
from genesis.session.stages import Stage

TITLES = {
    Stage.CONCEPT_SELECTION: "The concept",
    Stage.STORY_CONCEPTION: "The story",
    Stage.WORLDVIEW: "The world",
    Stage.CHARACTERS: "The characters",
    Stage.PLOT_OUTLINE: "The outline",
}


def plain(text: object) -> str:
    """Text as a terminal may show it: line breaks stay, no other control character gets through."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in str(text))


@dataclass
class Waiting:
    """A proposal in the making, shown as it grows."""

    task_id: str
    live: Live | None

    def show(self, partial: dict[str, Any]) -> None:
        """Show the end of the partial text, if it is this one's."""
        if self.live and partial.get("task_id") == self.task_id:
            lines = plain(partial.get("text", "")).strip().splitlines()[-8:]
            text = Text("\n".join(lines), style="dim", overflow="fold")
            self.live.update(Group(Spinner("dots", "the proposal is being written"), Padding(text, (0, 0, 0, 2))))

    def end(self) -> None:
        """Take it off the screen: what comes is the proposal itself."""
        if self.live:
            self.live.stop()


def shown(content: Content, mark: str) -> RenderableType:
    """A candidate as the terminal shows it; `mark` stands before its title."""
    match content:
        case Concept():
            facts = {
                "Lead": content.lead,
                "Against": content.opposition,
                "At stake": content.stakes,
                "What if": content.what_if,
                "Genre": ", ".join(each for each in (content.genre, content.tone) if each),
            }
            return _panel(mark + content.title, content.hook, content.premise, facts)
        case Story():
            facts = {
                "Themes": "; ".join(content.themes),
                "Ending": content.ending,
                "Style": content.style,
                "Length": f"{content.target_chapters} chapters, {content.target_words:,} words",
            }
            return _panel(mark + content.title, content.promise, content.synopsis, facts)
        case World():
            facts = {"Era": content.era, "Conflict": content.conflict}
            facts |= {f"Rule: {each.name}": _joined(each.statement, each.cost) for each in content.rules}
            facts |= {f"Place: {each.name}": each.description for each in content.places}
            facts |= {f"Faction: {each.name}": each.goal for each in content.factions}
            return _panel(mark + content.name, content.atmosphere, content.overview, facts)
        case Cast():
            names = {each.id: each.name for each in content.characters}
            facts = {
                f"{each.name} ({each.role.replace('_', ' ')})": _joined(each.profile, f"Wants: {each.want}")
                for each in content.characters
            }
            facts |= {
                f"{names.get(each.a, '?')} and {names.get(each.b, '?')}": _joined(each.surface, each.tension)
                for each in content.relationships
            }
            return _panel(mark + "The cast", "", "", facts)
        case Outline():
            return _outline(content)
        case never:
            assert_never(never)


def _joined(*parts: str) -> str:
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)


def _panel(title: str, lead: str, body: str, facts: dict[str, str]) -> RenderableType:
    parts: list[RenderableType] = []
    if lead:
        parts.append(Text(plain(lead), style="italic"))
    if body:
        parts.append(Text(plain(body)))
    table = Table.grid(padding=(0, 1))
    table.add_column(style="cyan", max_width=28)
    table.add_column()
    for name, text in facts.items():
        if text:
            table.add_row(Text(plain(name)), Text(plain(text)))
    parts.append(table)
    return Panel(Group(*parts), title=Text(plain(title), style="bold"), title_align="left")


def _outline(outline: Outline) -> RenderableType:
    trees: list[RenderableType] = []
    for act in outline.acts:
        tree = Tree(Text(f"{plain(act.name)}: {plain(act.purpose)}", style="bold"))
        for chapter in outline.chapters:
            if chapter.act == act.id:
                tree.add(
                    Text.assemble((f"{chapter.no}. {plain(chapter.title)}", "cyan"), "  ", plain(chapter.summary))
                )
        trees.append(tree)
    if outline.final_image:
        trees.append(Text(f"The last image: {plain(outline.final_image)}", style="italic"))
    return Group(*trees)
