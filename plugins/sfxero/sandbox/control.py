"""The control plane under `/_sandbox`: never part of a service's own paths."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.faults import FaultPlan, FaultRule
from sfxero.sandbox.journal import Journal
from sfxero.sandbox.salesforce.models import SalesforceOrg


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeedOrder(_Body):
    """How many rows the org is filled with; the same seed gives the same rows."""

    seed: int = 42
    accounts: Annotated[int, Field(ge=0)] = 300
    opportunities: Annotated[int, Field(ge=0)] = 1200


class ClockOrder(_Body):
    """How the virtual clock moves."""

    advance_s: Annotated[float, Field(ge=0)] = 0.0
    speed: Annotated[float, Field(ge=0)] | None = None


def content_router(
    *,
    reset: Callable[[], None],
    seed: Callable[[SeedOrder], None],
    state: Callable[[bool], dict[str, object]],
) -> APIRouter:
    """Empty, fill and show both services."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    @router.post("/reset")
    async def reset_all() -> dict[str, object]:
        reset()
        return state(False)

    @router.post("/seed")
    async def seed_org(order: SeedOrder) -> dict[str, object]:
        seed(order)
        return state(False)

    @router.get("/state")
    async def show_state(full: bool = False) -> dict[str, object]:
        return state(full)

    return router


def journal_router(journal: Journal) -> APIRouter:
    """Show the requests of both services."""
    router = APIRouter()

    @router.get("/journal")
    async def show_journal(after: int = 0, service: str | None = None) -> list[dict[str, object]]:
        return [entry.as_json() for entry in journal.entries(after=after, service=service)]

    @router.delete("/journal")
    async def clear_journal() -> dict[str, str]:
        journal.clear()
        return {"status": "cleared"}

    return router


def clock_router(clock: SandboxClock) -> APIRouter:
    """Show and move the virtual clock."""
    router = APIRouter()

    def clock_state() -> dict[str, object]:
        return {"now": clock.now().isoformat(), "speed": clock.speed}

    @router.get("/clock")
    async def show_clock() -> dict[str, object]:
        return clock_state()

    @router.post("/clock")
    async def move_clock(order: ClockOrder) -> dict[str, object]:
        clock.advance(order.advance_s)
        if order.speed is not None:
            clock.set_speed(order.speed)
        return clock_state()

    return router


def fault_router(faults: FaultPlan) -> APIRouter:
    """Schedule faults."""
    router = APIRouter()

    @router.get("/fault")
    async def show_faults() -> list[dict[str, object]]:
        return faults.as_json()

    @router.post("/fault")
    async def add_fault(rule: FaultRule) -> list[dict[str, object]]:
        faults.arm(rule)
        return faults.as_json()

    @router.delete("/fault")
    async def clear_faults() -> list[dict[str, object]]:
        faults.clear()
        return faults.as_json()

    return router


def salesforce_state(org: SalesforceOrg) -> dict[str, object]:
    """Row counts per object."""
    return {name: len(rows) for name, rows in sorted(org.records.tables.items())}
