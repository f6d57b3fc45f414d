"""The stream, the changelog and the read model must tell one and the same story."""

from genesis import wire
from tests.scenarios.studio import Novelist, Studio, eventually


async def must_agree(studio: Studio, novelist: Novelist) -> None:
    """Nothing lost, nothing doubled; and what was saved and projected equals a replay of what was seen."""
    await novelist.must_have_lost_and_doubled_nothing()
    rebuilt = novelist.replayed()
    saved = await eventually(lambda: studio.saved(rebuilt.session_id, rebuilt.sequence), "the saved state")
    assert wire.state_hash(saved) == wire.state_hash(rebuilt)
    answer = await studio.state(rebuilt.session_id)
    assert (answer["status"], answer["version"]) == (rebuilt.status.value, rebuilt.version)
