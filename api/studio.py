"""What the endpoints share: pool, hub and progress, made at the start of the process and closed at its end."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from api.hub import Hub
from api.pressure import Pressure
from api.progress import Progress
from connectors.outbox import inbox
from connectors.outbox.accept import SessionNotFound
from connectors.postgres import Pool


@dataclass(frozen=True, slots=True)
class Studio:
    """The parts of one API process."""

    pool: Pool
    """Connections of the role genesis_door; search_path is the read schema."""
    hub: Hub
    progress: Progress
    pressure: Pressure

    async def require_session(self, session_id: UUID, owner: str) -> None:
        """Raises SessionNotFound unless this session was accepted and is the owner's.

        It asks the door, not the read side: a session is there from its 202 on.
        """
        if await inbox.session_accepted_at(self.pool, session_id, owner) is None:
            raise SessionNotFound


def studio_of(request: Request) -> Studio:
    """The parts of the process that serves this request."""
    studio = request.app.state.studio
    assert isinstance(studio, Studio)
    return studio
