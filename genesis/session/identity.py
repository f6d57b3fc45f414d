"""Ids are derived, never drawn: each kind has its own namespace, so that no client can occupy another's id."""

import json
from uuid import UUID, uuid5

ROOT = UUID("6f0d4b1e-6a55-5f0a-9f4e-0c4b8f6f2a11")

DOOR = uuid5(ROOT, "door")
"""Commands that came in over HTTP."""
EXPIRY = uuid5(ROOT, "expiry")
"""Commands that say a resume handle or a session has expired."""
RESULT = uuid5(ROOT, "result")
"""Results of a generation."""
DEADLINE = uuid5(ROOT, "deadline")
"""Commands that say a generation is past its deadline."""


def command_id(owner: str, key: str) -> UUID:
    """The id of the command that this owner sent under this idempotency key (design §4)."""
    return uuid5(DOOR, json.dumps([owner, key], ensure_ascii=False, separators=(",", ":")))


def session_id(command: UUID) -> UUID:
    """The id of the session that a START_GENESIS opens."""
    return uuid5(command, "session")


def handle_expiry_id(handle: UUID, expires_at: str) -> UUID:
    """The id of the command that expires this handle; a renewed handle has another (design §4)."""
    return uuid5(EXPIRY, f"{handle}/{expires_at}")


def result_id(task: UUID, attempt: int) -> UUID:
    """The id of the message that brings the result of this attempt."""
    return uuid5(RESULT, f"{task}/{attempt}")


def deadline_id(task: UUID) -> UUID:
    """The id of the command that ends this generation for being late."""
    return uuid5(DEADLINE, str(task))


def event_id(message: UUID, index: int) -> UUID:
    """The id of the index-th event (from 0) that handling this message emits (design §6)."""
    return uuid5(message, str(index))


def task_id(message: UUID, stage: str) -> UUID:
    """The id of the generation that handling this message starts; also the id of its proposal (design §5)."""
    return uuid5(message, f"task/{stage}")


def task_handle_id(task: UUID) -> UUID:
    """The id of the resume handle that is opened with a generation."""
    return uuid5(task, "handle")


def fresh_handle_id(message: UUID, stage: str) -> UUID:
    """The id of a handle opened without a generation: after a resume, or when a stage falls back to review."""
    return uuid5(message, f"handle/{stage}")


def own_proposal_id(message: UUID, stage: str) -> UUID:
    """The id of a draft that comes about without a generation: own text, or a confirmed stage opened again."""
    return uuid5(message, f"proposal/{stage}")


def session_expiry_id(session: UUID, last_sequence: int) -> UUID:
    """The id of the command that ends a session nobody has touched since this event (design §4)."""
    return uuid5(EXPIRY, f"{session}/{last_sequence}")


def novel_id(session: UUID) -> UUID:
    """The id of the novel that a session ends in."""
    return uuid5(session, "novel")
