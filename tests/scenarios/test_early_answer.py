"""An answer before the pause, in memory, where the generation can be held (the kernel's stories tell the rest)."""

from genesis.session.stages import Stage
from tests.scenarios.memory import MemoryStudio
from tests.scenarios.studio import Novelist


async def test_an_answer_before_the_proposal_is_kept_and_applied():
    studio = MemoryStudio()
    studio.hold()
    novelist = Novelist(studio)
    await novelist.start(idea="early")
    requested = await novelist.until("generation-requested")
    sent = await novelist.send(
        "CONFIRM_STAGE",
        {
            "stage": Stage.CONCEPT_SELECTION,
            "proposal_id": requested["payload"]["task"]["task_id"],
            "candidate": "k1",
        },
    )
    await novelist.until("input-received")
    assert (await studio.outcome(sent.command_id))["status"] == "PROCESSING"
    studio.release()
    confirmed = await novelist.until("stage-confirmed")
    assert confirmed["causation_id"] == str(sent.command_id)
    await novelist.must_have_lost_and_doubled_nothing()
