"""The commands that have no outcome yet: how many, and since when the oldest is on its way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.postgres import Connection, Pool

EVERYTHING = datetime(1970, 1, 1, tzinfo=UTC)

MARGIN = timedelta(minutes=1)
"""How much earlier than the oldest a command may have been sent that is seen later: its transaction was open."""

ANEW = timedelta(minutes=10)
"""How often a look begins at the very beginning, should the server's clock have been put back."""

LOOK = """
WITH waiting AS MATERIALIZED (
    SELECT sent_at, resent_count FROM door.command_inbox
    WHERE status = 'RECEIVED' AND given_up_at IS NULL AND sent_at >= $1
    ORDER BY sent_at LIMIT $2
)
SELECT clock_timestamp() AS at, count(*) AS count, min(sent_at) AS oldest,
    min(sent_at) FILTER (WHERE resent_count = 0) AS oldest_unlost
FROM waiting
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What one look found."""

    count: int
    """Commands without an outcome, none counted beyond the limit of the look."""
    oldest: datetime | None
    """When the one that waits longest was put into the outbox last."""
    age: float
    """Seconds since then, those left out that were lost before: they wait for their proof, not for the machine."""


class UnsettledCommands:
    """Looks at them again and again at a cost that does not grow with the inbox.

    In the index of those without an outcome every command was once; the entries of the settled stay until a vacuum.
    So a look begins where the one before has found the first that counts.
    """

    def __init__(self) -> None:
        self.since = EVERYTHING
        """No command without an outcome was sent before."""
        self._anew_at = EVERYTHING

    async def look(self, connection: Connection | Pool, limit: int) -> Unsettled:
        """Count at most `limit` of them and find the oldest."""
        row = await connection.fetchrow(LOOK, self.since, limit)
        assert row is not None  # an aggregate: always one row
        at, oldest, unlost = row["at"], row["oldest"], row["oldest_unlost"]
        if at > self._anew_at or at < self.since:
            self.since, self._anew_at = EVERYTHING, at + ANEW
        else:
            self.since = (oldest or at) - MARGIN
        return Unsettled(row["count"], oldest, (at - unlost).total_seconds() if unlost else 0.0)
