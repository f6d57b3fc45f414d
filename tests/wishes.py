"""What a person or a provider may come up with, by chance: commands that mostly fit the draft they are about."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from genesis.content.catalog import Content
from genesis.content.fields import Item, specs
from genesis.content.operations import Operation
from genesis.content.paths import Area
from genesis.session import events as e
from genesis.session import messages as m
from genesis.session.actions import Action
from genesis.session.stages import CHOICE, Stage
from genesis.session.state import Draft, Generating, Review, Session
from tests import examples

TEXTS = ("the sea", "Ilse Varga", "a bell", "Mornay keeps its book", "“No,” she said.", "ein Wort", "")


def seen(state: Session, stage: Stage) -> Draft | None:
    """What the person sees in a stage: its draft, or what is confirmed in the form of a draft."""
    slot = state.slot(stage)
    if isinstance(slot.phase, Generating | Review) and slot.phase.draft:
        return slot.phase.draft
    if (confirmed := slot.confirmed) is None:
        return None
    return Draft(
        proposal_id=confirmed.proposal_id,
        stage=stage,
        round=confirmed.round,
        revision=confirmed.revision,
        candidates=(confirmed.content,),
        chosen=confirmed.content.id,
        command_id=confirmed.proposal_id,
        created_at=confirmed.confirmed_at,
    )


def paths_of(draft: Draft) -> list[str]:
    """Every path of a draft that can be locked: candidates, lists, items, fields."""
    found = []
    for candidate in draft.candidates:
        base = ""
        if draft.stage in CHOICE:
            base = f"/{candidate.id}"
            found.append(base)
        for spec in specs(type(candidate)):
            found.append(f"{base}/{spec.name}")
            for item in getattr(candidate, spec.name) if spec.items else ():
                found.append(f"{base}/{spec.name}/{item.id}")
                found += [f"{base}/{spec.name}/{item.id}/{inner.name}" for inner in specs(type(item))]
    return found


def generation(chance: random.Random, stage: Stage, draft: Draft | None) -> m.GenerateInspiration:
    """Any way of asking for a proposal; what it names mostly exists."""
    what = chance.choice(["round", "round", "candidate", "paths", "blend", "stale"])
    ids = [each.id for each in draft.candidates] if draft else []
    names = list(dict.fromkeys([*ids, "k1", "k77"]))
    paths = paths_of(draft) if draft else []
    match what:
        case "candidate":
            return m.GenerateInspiration(stage=stage, what="candidate", candidates=(chance.choice(names),))
        case "blend":
            return m.GenerateInspiration(stage=stage, what="blend", candidates=tuple(names[:2]))
        case "paths":
            chosen = chance.sample(paths, min(len(paths), 3)) or ["/nothing"]
            return m.GenerateInspiration(stage=stage, what="paths", paths=tuple(chosen))
        case "stale":
            return m.GenerateInspiration(stage=stage, what="stale")
        case _:
            return m.GenerateInspiration(stage=stage, guidance=chance.choice(TEXTS))


def answer(
    chance: random.Random, stage: Stage, draft: Draft | None, proposal: UUID, revision: int
) -> m.SelectConcept | m.ProvideFeedback | m.ConfirmStage:
    """Choosing, merging, feedback or confirming."""
    ids = [each.id for each in draft.candidates] if draft else ["k1", "w1"]
    names: dict[str, Any] = {"stage": stage, "proposal_id": proposal, "revision": revision}
    match chance.choice(["select", "merge", "feedback", "edit and feedback", "confirm", "confirm"]):
        case "select":
            return m.SelectConcept(**names, base=chance.choice([*ids, "k9"]))
        case "merge":
            taken = m.Take(
                field=chance.choice(["title", "stakes", "themes", "id"]), source=chance.choice([*ids, "k9"])
            )
            return m.SelectConcept(**names, base=chance.choice(ids), take=(taken,))
        case "feedback":
            return m.ProvideFeedback(**names, chips=("darker",), text=chance.choice(TEXTS))
        case "edit and feedback":
            return m.ProvideFeedback(**names, text="darker", patch=(operation(chance, draft),) if draft else ())
        case _:
            return m.ConfirmStage(**names, candidate=chance.choice([*ids, ""]))


def edit(
    chance: random.Random, stage: Stage, draft: Draft | None, history: Sequence[e.Recorded]
) -> m.ProvideFeedback:
    """Own text, a patch, locks, or an earlier version."""
    if draft is None:
        return own_text(chance, stage)
    names: dict[str, Any] = {"stage": stage, "proposal_id": draft.proposal_id, "revision": draft.revision}
    paths = paths_of(draft)
    match chance.choice(["patch", "patch", "patch", "lock", "lock", "unlock", "restore"]):
        case "patch":
            operations = tuple(operation(chance, draft) for _ in range(chance.randint(1, 3)))
            return m.ProvideFeedback(**names, patch=operations, keep_unlocked=chance.random() < 0.3)
        case "lock":
            return m.ProvideFeedback(**names, lock=tuple(chance.sample(paths, min(3, len(paths)))))
        case "unlock":
            return m.ProvideFeedback(**names, unlock=tuple(draft.locks[:2]) or (chance.choice(paths),))
        case _:
            return m.ProvideFeedback(**names, restore=chance.choice(versions(stage, history) or [draft.candidates]))


def own_text(chance: random.Random, stage: Stage) -> m.ProvideFeedback:
    """The person's own beginning of a stage."""
    text = chance.choice(TEXTS[:-1])
    if stage in CHOICE:
        operation = Operation(op="add", path="/-", value={"title": text})
    else:
        path, value = {
            Stage.WORLDVIEW: ("/name", text),
            Stage.CHARACTERS: ("/characters/-", {"name": text}),
            Stage.PLOT_OUTLINE: ("/final_image", text),
        }[stage]
        operation = Operation(op="add", path=path, value=value)
    return m.ProvideFeedback(stage=stage, proposal_id=None, revision=0, patch=(operation,))


def operation(chance: random.Random, draft: Draft) -> Operation:
    """One change of a draft that may or may not fit it."""
    path = chance.choice(paths_of(draft))
    match chance.choice(["replace", "replace", "replace", "remove", "add", "test", "move"]):
        case "replace":
            return Operation(op="replace", path=path, value=chance.choice(TEXTS))
        case "remove":
            return Operation(op="remove", path=path)
        case "add":
            listed = [each for each in paths_of(draft) if each.split("/")[-1] in ("places", "characters", "rules")]
            if not listed:
                return Operation(op="add", path=path, value="an added word")
            value = {"name": chance.choice(TEXTS[:-1])}
            return Operation(op="add", path=f"{chance.choice(listed)}/-", value=value)
        case "move":
            others = [each for each in paths_of(draft) if each.rsplit("/", 1)[0] == path.rsplit("/", 1)[0]]
            return Operation(op="move", path=chance.choice(others), source=path)
        case _:
            return Operation(op="test", path=path, value=chance.choice(TEXTS))


def versions(stage: Stage, history: Sequence[e.Recorded]) -> list[tuple[Content, ...]]:
    """Every round and revision of a stage that was ever shown, oldest first."""
    found = []
    for recorded in history:
        match recorded.event:
            case e.ProposalMade(stage=where, proposal=proposal) | e.ProposalOpened(stage=where, proposal=proposal):
                if where == stage:
                    found.append(proposal.candidates)
            case e.ProposalEdited(stage=where, candidates=candidates) if where == stage and candidates:
                found.append(candidates)
    return found


def result(chance: random.Random, request: m.GenerationRequest) -> m.GenerationSucceeded:
    """What a provider may bring: fresh, or revised with ids kept, items dropped, doubled ids, or other ids."""
    source = request.previous if request.previous and chance.random() < 0.7 else examples.CANDIDATES[request.stage]
    candidates = [_revised(chance, each) for each in source] if chance.random() < 0.4 else list(source)
    if request.what in ("candidate", "blend") or (request.stage not in CHOICE):
        candidates = candidates[:1]
    chance.shuffle(candidates)
    return m.GenerationSucceeded(
        task_id=request.task_id,
        attempt=1,
        stage=request.stage,
        candidates=tuple(candidates),
        provenance=examples.PROVENANCE,
    )


def _revised(chance: random.Random, content: Content) -> Content:
    changed: dict[str, Any] = {}
    for spec in specs(type(content)):
        value = getattr(content, spec.name)
        if spec.items:
            items = [_revised_item(chance, each) for each in value if chance.random() < 0.9]
            changed[spec.name] = tuple(items or value)
        elif isinstance(value, str) and spec.name in ("title", "premise", "synopsis", "overview") and value:
            changed[spec.name] = f"{value[:60]}, again"
    return content.model_copy(update=changed)


def _revised_item(chance: random.Random, item: Item) -> Item:
    if chance.random() < 0.7:
        return item
    names = {spec.name for spec in specs(type(item))}
    if "name" in names:
        return item.model_copy(update={"name": f"Another {item.id}"})
    return item.model_copy(update={"id": f"{item.PREFIX}{chance.randint(1, 90)}"})


def command_for(action: Action, state: Session, history: Sequence[e.Recorded]) -> m.PersonCommand | None:
    """A command that does what this action offers; None where nobody could send one."""
    stage, draft = action.stage, seen(state, action.stage) if action.stage else None
    names: dict[str, Any] = {
        "stage": stage,
        "proposal_id": action.proposal_id,
        "revision": draft.revision if draft else 1,
    }
    several = draft is not None and len(draft.candidates) > 1
    match action.action:
        case "generate" | "regenerate":
            return m.GenerateInspiration(stage=stage)
        case "blend":
            ids = tuple(each.id for each in draft.candidates[:2]) if draft and several else ("k1", "k2")
            return m.GenerateInspiration(stage=stage, what="blend", candidates=ids)
        case "mend":
            return m.GenerateInspiration(stage=stage, what="stale")
        case "write":
            if action.proposal_id is not None:
                return None
            return own_text(random.Random(0), stage)
        case "stop":
            return m.ProvideFeedback(stage=stage, stop=True, proposal_id=action.proposal_id)
        case "select" | "merge":
            if draft is None or not several:
                return m.SelectConcept(**names, base="k1")
            one, other = (each.id for each in draft.candidates[:2])
            other, one = (other, one) if one == draft.chosen else (one, other)
            take = (m.Take(field="title", source=one),) if action.action == "merge" else ()
            return m.SelectConcept(**names, base=other, take=take)
        case "feedback":
            return m.ProvideFeedback(**names, text="less")
        case "edit":
            return m.ProvideFeedback(**names, patch=(_some_change(stage, draft),))
        case "lock":
            free = [each for each in paths_of(draft) if each not in Area(draft.locks)] if draft else ["/nothing"]
            return m.ProvideFeedback(**names, lock=tuple(free[:1]), unlock=() if free else tuple(draft.locks[:1]))
        case "restore":
            old = [each for each in versions(stage, history) if not draft or each != draft.candidates]
            last = old[-1] if old else (draft.candidates if draft else ())
            return m.ProvideFeedback(**names, restore=last) if last else None
        case "navigate":
            return m.NavigateToStage(stage=stage)
        case "confirm":
            return m.ConfirmStage(**names)
        case "finish":
            return m.FinishGenesis(accept_stale=action.accept_stale)
        case _:
            return m.AbandonGenesis()


def _some_change(stage: Stage | None, draft: Draft | None) -> Operation:
    match stage:
        case Stage.WORLDVIEW:
            return Operation(op="replace", path="/name", value="Quite another")
        case Stage.PLOT_OUTLINE:
            return Operation(op="replace", path="/final_image", value="Quite another")
        case Stage.CHARACTERS if draft and draft.candidates[0].characters:
            first = draft.candidates[0].characters[0].id
            return Operation(op="replace", path=f"/characters/{first}/arc", value="Quite another")
        case Stage.CHARACTERS:
            return Operation(op="add", path="/characters/-", value={"name": "Somebody"})
        case _:
            candidate = draft.candidates[0].id if draft else "k1"
            return Operation(op="replace", path=f"/{candidate}/title", value="Quite another")
