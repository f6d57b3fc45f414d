"""A thousand kinds of junk on genesis.commands, beside healthy sessions and under their keys."""

import json
import random
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer

from chaos.faults.registry import fault
from chaos.ground import Ground
from genesis import topics

KINDS = 1000
"""Messages that are sent, each made by chance of its own."""

_WORDS = ("CONFIRM_STAGE", "GENERATION_SUCCEEDED", "STATE_REPAIRED", "", "null", "\u202e", "\U0001f4a9" * 50)


@fault("poison", "poison")
async def poison(ground: Ground) -> None:
    """Junk with the keys of living sessions, of none, and without a key."""
    rows = await ground.database("SELECT id FROM door.genesis_sessions ORDER BY created_at DESC LIMIT 20")
    sessions = [UUID(int=row["id"].int) for row in rows]
    producer = AIOKafkaProducer(bootstrap_servers=ground.stack.bootstrap, max_request_size=topics.MESSAGE_BYTES)
    await producer.start()
    try:
        for number in range(round(KINDS * min(1.0, max(0.05, ground.long)))):
            chance = random.Random(f"{ground.chance.random()}/{number}")
            key = chance.choice([*sessions, *sessions, None, b"", b"\xff", UUID(int=chance.getrandbits(128))])
            await producer.send(
                topics.COMMANDS.name,
                junk(chance, sessions),
                key=str(key).encode() if isinstance(key, UUID) else key,
                headers=_headers(chance),
            )
        await producer.flush()
    finally:
        await producer.stop()


def junk(chance: random.Random, sessions: list[UUID]) -> bytes:
    """One message that is no message: bytes, JSON of another kind, or an envelope with something wrong in it.

    Never one that is right: a forged command that a healthy session may take would be no poison but a lie.
    """
    match chance.randrange(5):
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return json.dumps(_value(chance, 3)).encode()
        case 2:
            return b"[" * chance.randrange(1, 20_000)
        case 3:
            return json.dumps(_envelope(chance, sessions)).encode()[: chance.randrange(1, 60)]
        case _:
            body = _envelope(chance, sessions)
            for _ in range(chance.randrange(1, 4)):
                body[chance.choice(sorted(body))] = _value(chance, 2)
            # Whatever the rest has become: this is in no payload.
            body["payload"] = {"poison": _value(chance, 2)}
            return json.dumps(body).encode()


def _envelope(chance: random.Random, sessions: list[UUID]) -> dict[str, Any]:
    session = chance.choice(sessions) if sessions else UUID(int=1)
    return {
        "id": str(UUID(int=chance.getrandbits(128))),
        "session_id": str(session),
        "user_id": "local",
        "command_no": None,
        "correlation_id": str(UUID(int=chance.getrandbits(128))),
        "at": "2026-01-01T00:00:00Z",
        "expected_version": None,
        "type": chance.choice(_WORDS),
        "payload": {"stage": "NOWHERE"},
    }


def _headers(chance: random.Random) -> list[tuple[str, bytes]]:
    """Headers of junk: never a whole set of id, number and type, with which a command that exists would be meant."""
    names = chance.sample(["command_type", "created_at", "traceparent", "sequence"], chance.randrange(4))
    return [(name, chance.randbytes(chance.randrange(12))) for name in names]


def _value(chance: random.Random, depth: int) -> Any:
    match chance.randrange(8 if depth else 6):
        case 0:
            return None
        case 1:
            return chance.choice([0, -1, 2**63, 2**200, 1e308, 0.1])
        case 2:
            return chance.choice(_WORDS)
        case 3:
            return "\x00" * chance.randrange(3)
        case 4:
            return chance.choice([True, False])
        case 5:
            return "\ud800" if chance.random() < 0.5 else "x" * chance.randrange(5000)
        case 6:
            return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
        case _:
            return {
                chance.choice([*_WORDS, "type", "id"]): _value(chance, depth - 1) for _ in range(chance.randrange(4))
            }
