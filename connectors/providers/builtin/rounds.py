"""What each kind of request asks of a stage: fresh candidates, a revision, one anew, some paths, a blend."""

from connectors.providers.builtin.candidates import anew, blended, fresh, next_number, only, revised
from connectors.providers.builtin.granting import renamed
from connectors.providers.builtin.mending import by_name, called_as_today
from connectors.providers.builtin.single import single
from connectors.providers.builtin.work import Work
from genesis.content.catalog import DEFAULT_CANDIDATES, MAX_CANDIDATES, Content
from genesis.session.stages import CHOICE, Stage


def made(work: Work) -> tuple[Content, ...]:
    """The candidates that the request asks for, with the ids of what they are the same as."""
    request = work.request
    if request.stage in CHOICE:
        found = _choice_stage(work)
    else:
        found = (single(work),)
    if request.what == "stale":
        found = tuple(called_as_today(each, request.stale) for each in found)
        work.unchanged[:] = [path for path in work.unchanged if path not in by_name(request.stale)]
    people = request.confirmed.get(Stage.CHARACTERS)
    return renamed(found, work.wishes, people)


def _choice_stage(work: Work) -> tuple[Content, ...]:
    request = work.request
    previous = list(request.previous)
    if request.what in ("paths", "stale") and previous:
        return tuple(anew(work, place, each) for place, each in enumerate(previous))
    named = [each for each in previous if each.id in request.candidates]
    if request.what == "blend" and (named or previous):
        return (blended(work, (named or previous)[:3]),)
    if request.what == "candidate":
        one = fresh(work, 1, previous)[0]
        return (one.model_copy(update={"id": request.candidates[0] if request.candidates else one.id}),)
    if work.revises:
        if work.wishes.only:
            return tuple(only(work, place, each) for place, each in enumerate(previous))
        return tuple(revised(work, place, each) for place, each in enumerate(previous))
    count = request.count or request.brief.candidates or len(previous) or DEFAULT_CANDIDATES[request.stage]
    fresh_ones = fresh(work, min(max(1, count), MAX_CANDIDATES[request.stage]), previous)
    prefix = fresh_ones[0].PREFIX
    return tuple(
        each.model_copy(update={"id": f"{prefix}{no}"}) for no, each in enumerate(fresh_ones, next_number(previous))
    )
