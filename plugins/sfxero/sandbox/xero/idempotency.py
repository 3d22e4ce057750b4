"""Stored replies per `Idempotency-Key` (xero-api, 3.6)."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.failures import PlainRefusal
from sfxero.sandbox.xero.replies import Reply
from sfxero.sandbox.xero.switches import Switches

KEPT = timedelta(minutes=6)
LONGEST_KEY = 128
KEYED_VERBS = frozenset({"POST", "PUT", "PATCH"})


@dataclass(slots=True)
class Slot:
    """One key's first request and, once done, its reply."""

    fingerprint: str
    first_at: datetime
    done: asyncio.Event
    reply: Reply | None = None


class IdempotencyStore:
    """Replays a stored reply for the same key and request; keys belong to an app."""

    def __init__(self, clock: SandboxClock, switches: Callable[[], Switches]) -> None:
        """Keys live six minutes of the virtual clock from the first call."""
        self._clock = clock
        self._switches = switches
        self._slots: dict[tuple[str, str], Slot] = {}

    def reset(self) -> None:
        """Forget all keys."""
        self._slots.clear()

    async def once(
        self, key: tuple[str, str], fingerprint: str, carry_out: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Carry the request out, or repeat what its first call was answered."""
        if len(key[1]) > LONGEST_KEY:
            raise PlainRefusal(400, f"Idempotency Key: longer than {LONGEST_KEY} characters.")
        slot = self._live(key)
        if slot is not None:
            return await self._repeat(key[1], slot, fingerprint)
        slot = Slot(fingerprint, self._clock.now(), asyncio.Event())
        self._slots[key] = slot
        try:
            slot.reply = await carry_out()
            return slot.reply
        finally:
            if not self._keeps(slot.reply):
                self._slots.pop(key, None)
            slot.done.set()

    def _live(self, key: tuple[str, str]) -> Slot | None:
        """Drop what is older than six minutes; dicts keep the order of first calls."""
        limit = self._clock.now() - KEPT
        for old, slot in list(self._slots.items()):
            if slot.first_at > limit:
                break
            del self._slots[old]
        return self._slots.get(key)

    async def _repeat(self, key: str, slot: Slot, fingerprint: str) -> Reply:
        if slot.fingerprint != fingerprint:
            text = f"Idempotency Key: {key} is used with a different request."
            raise PlainRefusal(400, text)
        if slot.reply is None and self._switches().idempotency_in_flight == "conflict":
            raise PlainRefusal(409, f"Idempotency Key: {key} is used by a request in progress.")
        await slot.done.wait()
        if slot.reply is None:
            raise PlainRefusal(500, "The first request with this Idempotency Key failed.")
        return slot.reply

    def _keeps(self, reply: Reply | None) -> bool:
        if reply is None:
            return False
        return reply.status != 400 or self._switches().idempotency_stores_400


def fingerprint_of(method: str, url: str, body: bytes) -> str:
    """Same verb, same URL, same bytes: the same request."""
    digest = hashlib.sha256(f"{method} {url}\n".encode())
    digest.update(body)
    return digest.hexdigest()
