"""The control plane under `/_sandbox`: never part of a service's own paths."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.faults import FaultPlan, FaultRule
from sfxero.sandbox.journal import Journal
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.xero.models import Contact, Invoice
from sfxero.sandbox.xero.service import NotPossible, XeroService
from sfxero.sandbox.xero.switches import SwitchValue


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


class PayOrder(_Body):
    """A payment as a bookkeeper enters it."""

    amount: Annotated[Decimal, Field(gt=0, decimal_places=2)]


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


def xero_router(service: XeroService) -> APIRouter:
    """Control of the Xero side, and the bookkeeper's hands."""
    router = APIRouter()

    @router.get("/switches")
    async def show_switches() -> dict[str, SwitchValue]:
        return service.books.switches.as_json()

    @router.post("/switches")
    async def set_switches(values: dict[str, SwitchValue]) -> dict[str, SwitchValue]:
        try:
            service.set_switches(values)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return service.books.switches.as_json()

    @router.post("/contacts/{contact_id}/archive")
    async def archive(contact_id: str) -> dict[str, object]:
        if contact_id not in service.books.contacts:
            raise HTTPException(404, "No such contact.")
        return contact_dump(service.archive(contact_id))

    @router.post("/invoices/{invoice_id}/pay")
    async def pay(invoice_id: str, order: PayOrder) -> dict[str, object]:
        if invoice_id not in service.books.invoices:
            raise HTTPException(404, "No such invoice.")
        try:
            return invoice_dump(service.pay(invoice_id, order.amount))
        except NotPossible as reason:
            raise HTTPException(409, str(reason)) from None

    return router


def xero_state(service: XeroService, *, full: bool) -> dict[str, object]:
    """Counts of the Xero side; all contacts and invoices on request, amounts as text."""
    books, app = service.books, next(iter(service.identity.apps))
    tenant_id = service.identity.connections[0].tenant_id
    meter = service.limits.meter(app, tenant_id)
    invoices = list(books.invoices.values())
    state: dict[str, object] = {
        "tenant_id": tenant_id,
        "contacts": len(books.contacts),
        "invoices": len(invoices),
        "invoices_by_status": dict(Counter(invoice.status for invoice in invoices)),
        "invoiced_total": format(sum((one.totals.total for one in invoices), Decimal("0.00")), "f"),
        "calls_today": meter.day.used_at(service.clock.now()),
        "peak_in_flight": meter.peak_in_flight,
        "refused_by_limit": meter.refused,
    }
    if full:
        state["contact_rows"] = [contact_dump(one) for one in books.contacts.values()]
        state["invoice_rows"] = [invoice_dump(one) for one in invoices]
    return state


def salesforce_state(org: SalesforceOrg) -> dict[str, object]:
    """Row counts per object."""
    return {name: len(rows) for name, rows in sorted(org.records.tables.items())}


def contact_dump(contact: Contact) -> dict[str, object]:
    """A contact for tests and tables, without Xero's wire forms."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "status": contact.status,
        "texts": contact.texts,
        "addresses": contact.addresses,
        "phones": contact.phones,
        "updated_at": contact.updated_at.isoformat(),
    }


def invoice_dump(invoice: Invoice) -> dict[str, object]:
    """An invoice for tests and tables; amounts are text."""
    return {
        "invoice_id": invoice.invoice_id,
        "type": invoice.kind,
        "number": invoice.number,
        "reference": invoice.reference,
        "contact_id": invoice.contact_id,
        "status": invoice.status,
        "url": invoice.url,
        "currency": invoice.currency_code,
        "line_amount_types": invoice.line_amount_types,
        "dated_on": invoice.dated_on.isoformat(),
        "due_on": invoice.due_on.isoformat() if invoice.due_on else None,
        "sub_total": format(invoice.totals.sub_total, "f"),
        "total_tax": format(invoice.totals.total_tax, "f"),
        "total": format(invoice.totals.total, "f"),
        "amount_paid": format(invoice.amount_paid, "f"),
        "amount_due": format(invoice.amount_due, "f"),
        "updated_at": invoice.updated_at.isoformat(),
        "lines": [
            {
                "description": line.description,
                "quantity": _text(line.quantity),
                "unit_amount": _text(line.unit_amount),
                "discount_rate": _text(line.discount_rate),
                "discount_amount": _text(line.discount_amount),
                "line_amount": _text(line.line_amount),
                "account_code": line.account_code,
                "tax_type": line.tax_type,
                "tax_amount": _text(line.tax_amount),
            }
            for line in invoice.lines
        ],
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
