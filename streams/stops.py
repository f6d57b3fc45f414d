"""Which generations need not go on, as genesis.events tells it."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from uuid import UUID

import orjson

from genesis.session.events import GenerationFailed, GenerationStopped, SessionAbandoned
from genesis.session.messages import GenerationRequest

REMEMBERED = 10_000
"""Stopped generations and ended sessions remembered, for requests that are read after their stop."""

_STOPPED = GenerationStopped.model_fields["type"].default.encode()
_FAILED = GenerationFailed.model_fields["type"].default.encode()
_ABANDONED = SessionAbandoned.model_fields["type"].default.encode()

log = logging.getLogger(__name__)


class Stops:
    """Hears events, remembers what was stopped, and calls `on_stop` with the id of the generation or session.

    What was stopped before this process listened is not known here: such a generation is made and its result
    discarded by the machine.
    """

    def __init__(self, on_stop: Callable[[UUID], None]) -> None:
        self._on_stop = on_stop
        self._stopped: OrderedDict[UUID, None] = OrderedDict()

    def hear(self, headers: Sequence[tuple[str, bytes]], value: bytes | None) -> None:
        """An event; its body is read only where its header says that it may stop something."""
        kind = next((each for name, each in headers if name == "ce_type"), b"")
        if kind not in (_STOPPED, _FAILED, _ABANDONED) or value is None:
            return
        try:
            body = orjson.loads(value)
            if kind == _ABANDONED:
                ended = UUID(body["aggregate_id"])
            elif kind == _STOPPED:
                ended = UUID(body["payload"]["stopped"]["task_id"])
            elif body["payload"]["timed_out"]:
                ended = UUID(body["payload"]["task_id"])
            else:
                return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("an event %s could not be read: %s", kind.decode(), type(error).__name__)
            return
        self._stopped[ended] = None
        while len(self._stopped) > REMEMBERED:
            self._stopped.popitem(last=False)
        self._on_stop(ended)

    def stopped(self, request: GenerationRequest) -> bool:
        """True where the generation or its session has ended already."""
        return request.task_id in self._stopped or request.session_id in self._stopped
