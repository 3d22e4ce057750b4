"""Puts both services, the control plane and the doorway into one ASGI application."""

from collections.abc import Callable
from typing import Protocol

from fastapi import APIRouter, FastAPI

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.control import (
    SeedOrder,
    clock_router,
    content_router,
    fault_router,
    journal_router,
    salesforce_state,
)
from sfxero.sandbox.fault_levers import levers_of
from sfxero.sandbox.faults import FaultPlan
from sfxero.sandbox.journal import Journal
from sfxero.sandbox.loading import loading_router
from sfxero.sandbox.middleware import CONTROL_PATH, Doorway
from sfxero.sandbox.paths import XeroPaths
from sfxero.sandbox.salesforce.control import build_router as salesforce_control_router
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.routes import build_router as salesforce_router
from sfxero.sandbox.strikes import Strikes
from sfxero.sandbox.xero.control import build_router as xero_control_router
from sfxero.sandbox.xero.dumps import xero_state
from sfxero.sandbox.xero.routes import build_router as xero_service_router
from sfxero.sandbox.xero.service import XeroService


class SandboxParts(Protocol):
    """What the application is put together from."""

    clock: SandboxClock
    org: SalesforceOrg
    xero: XeroService
    journal: Journal
    faults: FaultPlan


def build_app(
    parts: SandboxParts, *, reset: Callable[[], None], seed: Callable[[SeedOrder], None]
) -> Doorway:
    """One port serves both services; paths keep them apart."""
    api = FastAPI(openapi_url=None, redirect_slashes=False)

    def state(full: bool) -> dict[str, object]:
        return {
            "clock": parts.clock.now().isoformat(),
            "xero": xero_state(parts.xero, full=full),
            "salesforce": salesforce_state(parts.org),
        }

    control = APIRouter(redirect_slashes=False)
    for router in (
        content_router(reset=reset, seed=seed, state=state),
        journal_router(parts.journal),
        clock_router(parts.clock),
        fault_router(parts.faults),
        loading_router(parts),
    ):
        control.include_router(router)
    # Mounted and not included: including builds each route anew, which is most of the start.
    api.mount(f"{CONTROL_PATH}/xero", xero_control_router(parts.xero))
    api.mount(f"{CONTROL_PATH}/salesforce", salesforce_control_router(parts.org))
    api.mount(CONTROL_PATH, control)
    api.include_router(xero_service_router(parts.xero))
    api.include_router(salesforce_router(parts.org))
    services = XeroPaths(api)
    return Doorway(
        services,
        clock=parts.clock,
        journal=parts.journal,
        faults=parts.faults,
        strikes=Strikes(services, now=parts.clock.now, levers=levers_of(parts)),
    )
