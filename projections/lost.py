"""Commands that the pipe has lost are sent again, in order: only what it has provably passed by (design §4).

A proof takes the steps of the pipe one after the other, at most one per look, and waits at each for as long as
the pipe needs: while Connect, the worker or the projector stands, nothing is proven and nothing is sent.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from connectors.outbox import repairs
from connectors.outbox.unsettled import UnsettledCommands
from connectors.pipe import Offsets, PipeSilent, PipeView, passed, slot_passed
from connectors.postgres import Connection
from connectors.settings import Settings
from genesis.topics import APP_ID, COMMANDS, EVENTS, Topic

log = logging.getLogger(__name__)

SUSPECTS = 1000
"""Commands that one proof looks at, those that wait longest first."""

SESSION_LIMIT = 500
"""Commands of one session that are sent again at once; what is left is ahead of its turn and found later."""

# The k-th sending is looked at after 1, 3, 9, 27, 30 times the first wait: with 30 s up to 15 min.
WITHOUT_OUTCOME = """
SELECT id FROM door.command_inbox
WHERE status = 'RECEIVED' AND given_up_at IS NULL AND sent_at <= now() - $1::interval
    AND sent_at <= now() - $1::interval * least(30, 3 ^ resent_count) AND sent_at >= $3
ORDER BY sent_at LIMIT $2
"""

# `stands`: sent again before, provably passed once more, and all lower numbers have an outcome. So the pipe has not
# lost it, the machine takes it for one ahead of its turn: the saved state is behind its events.
STILL_WITHOUT = """
SELECT lost.session_id, lost.first, lost.resent > 0 AND NOT EXISTS (
        SELECT FROM door.command_inbox lower
        WHERE lower.session_id = lost.session_id AND lower.command_no < lost.first AND lower.status = 'RECEIVED'
    ) AS stands
FROM (
    SELECT session_id, min(command_no) AS first, min(sent_at) AS sent_at,
        (array_agg(resent_count ORDER BY command_no))[1] AS resent
    FROM door.command_inbox
    WHERE id = ANY($1::uuid[]) AND status = 'RECEIVED' AND given_up_at IS NULL
    GROUP BY session_id
) AS lost
ORDER BY lost.sent_at
"""


@dataclass(slots=True)
class Proof:
    """What is known so far of whether the pipe has passed the suspects by."""

    view: PipeView
    suspects: list[UUID]
    place: str
    """End of the WAL after the suspects were seen in the inbox."""
    probes: list[UUID]
    """Rows written behind that place, any of which tells when it arrives; the pipe may lose the first ones too."""
    probed_at: float
    """When the last of them was written, by the clock of the search."""
    command_ends: Offsets = field(default_factory=dict)
    """Ends of genesis.commands after Debezium had passed `place`."""
    event_ends: Offsets = field(default_factory=dict)
    """Ends of genesis.events after the worker had passed `command_ends`."""


class LostCommands:
    """Looks for commands without an outcome and sends those again that were lost."""

    def __init__(
        self,
        settings: Settings,
        view: Callable[[Settings], PipeView] = PipeView,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._view = view
        self._clock = clock
        self._commands = UnsettledCommands()
        self._proof: Proof | None = None
        self._silent = False

    async def sweep(self, connection: Connection) -> int:
        """One look: begin a proof or take it on as far as the pipe has come; how many commands were sent again."""
        try:
            if self._proof is None:
                self._proof = await self._begin(connection)
            proof = self._proof
            if proof is None or not await self._passed_by(proof, connection):
                return 0
            await self.close()
        except PipeSilent as error:
            if not self._silent:
                log.warning("whether commands were lost can't be told: %s", error)
            self._silent = True
            return 0
        self._silent = False
        return await self._send_again(proof, connection)

    async def close(self) -> None:
        """Ends a proof that is under way; the next look begins anew."""
        proof, self._proof = self._proof, None
        if proof is not None:
            await proof.view.close()

    async def _begin(self, connection: Connection) -> Proof | None:
        since = self._commands.since
        waiting = await self._commands.look(connection, 1)
        if waiting.oldest is None:
            return None
        rows = await connection.fetch(WITHOUT_OUTCOME, self._settings.lost_after, SUSPECTS, since)
        if not rows:
            return None
        view = self._view(self._settings)
        await view.open()
        try:
            # In this order: the suspects, then the place behind them, then the row behind that.
            probe, place = await _probe(connection)
        except BaseException:
            await view.close()
            raise
        return Proof(view, [row["id"] for row in rows], place, [probe], self._clock())

    async def _passed_by(self, proof: Proof, connection: Connection) -> bool:
        """True once every hop is beyond the suspects; each end is noted only when the hop before has passed."""
        if not proof.command_ends:
            if not await proof.view.saw(proof.probes):
                # Also where the slot stands: it may do so for want of anything that arrives.
                if self._clock() - proof.probed_at > self._settings.lost_seconds:
                    proof.probes.append((await _probe(connection))[0])
                    proof.probed_at = self._clock()
                return False
            # Not the probe alone: a slot made anew stands behind rows that are still to come from its snapshot.
            if not await slot_passed(connection, proof.place):
                return False
            proof.command_ends = await proof.view.ends(COMMANDS)
        if not proof.event_ends:
            reached = await proof.view.committed(APP_ID, COMMANDS)
            if not passed(reached, proof.command_ends, await proof.view.begins(COMMANDS)):
                await self._begin_anew_where_shorter(proof, COMMANDS, proof.command_ends)
                return False
            proof.event_ends = await proof.view.ends(EVENTS)
        rows = await connection.fetch("SELECT kafka_partition, next_offset FROM projection_positions")
        done = passed({row["kafka_partition"]: row["next_offset"] for row in rows}, proof.event_ends)
        if not done:
            await self._begin_anew_where_shorter(proof, EVENTS, proof.event_ends)
        return done

    async def _begin_anew_where_shorter(self, proof: Proof, topic: Topic, noted: Offsets) -> None:
        """A topic made anew begins at 0: nobody would come to the end that was noted before."""
        if not passed(await proof.view.ends(topic), noted):
            log.warning("%s was made anew; whether commands were lost is asked from the beginning", topic.name)
            await self.close()

    async def _send_again(self, proof: Proof, connection: Connection) -> int:
        sent = 0
        for lost in await connection.fetch(STILL_WITHOUT, proof.suspects):
            session, first = lost["session_id"], lost["first"]
            if lost["stands"] and await repairs.ask(connection, session, "unanswered"):
                # They go out again once it is repaired: before that they would be left alone once more.
                log.warning(
                    "session %s: command %d came twice to no outcome; the session is repaired", session, first
                )
                continue
            done = await connection.fetchrow(
                "SELECT sent, given_up FROM door.resend_commands($1, $2, $3)", session, first, SESSION_LIMIT
            )
            assert done is not None
            if done["given_up"]:
                log.error("session %s: command %d was lost five times and is given up", session, first)
            elif done["sent"]:
                log.warning("session %s: command %d was lost; %d are sent again", session, first, done["sent"])
            sent += done["sent"]
            if sent >= SUSPECTS:
                break
        return sent


async def _probe(connection: Connection) -> tuple[UUID, str]:
    """Id of a row that was written just now, and the end of the WAL before it."""
    row = await connection.fetchrow("SELECT probe, place FROM door.probe_pipe()")
    assert row is not None  # a function with OUT parameters: always one row
    return row["probe"], row["place"]
