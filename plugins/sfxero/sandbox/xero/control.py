"""Control of the Xero side: switches and the bookkeeper's hands, never under Xero's own paths."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from sfxero.sandbox.xero.dumps import contact_dump, credit_dump, invoice_dump, payment_dump
from sfxero.sandbox.xero.hands import BANK_CODE, NoSuchRecord, NotPossible
from sfxero.sandbox.xero.identity import App
from sfxero.sandbox.xero.scopes import DEFAULT_SCOPES
from sfxero.sandbox.xero.service import XeroService
from sfxero.sandbox.xero.switches import SwitchValue
from sfxero.sandbox.xero.webhook_control import add_webhook

T = TypeVar("T")
Amount = Annotated[Decimal, Field(gt=0, decimal_places=2)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PayOrder(_Order):
    """A payment as a bookkeeper enters it; without an amount all that is owed."""

    amount: Amount | None = None
    account: str = BANK_CODE
    on: date | None = None
    reference: str | None = None


class CreditOrder(_Order):
    """A credit note over an invoice, or money back; without an amount over all there is."""

    amount: Amount | None = None


class MergeOrder(_Order):
    """The contact that stays."""

    into: str


class ReceiveOrder(_Order):
    """Money that belongs to no invoice."""

    kind: Literal["RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"] = "RECEIVE-OVERPAYMENT"
    amount: Amount


class AllocateOrder(_Order):
    """A part of a credit for an invoice."""

    invoice_id: str
    amount: Amount


class LockOrder(_Order):
    """Lock dates; an empty one unlocks."""

    period: date | None = None
    year_end: date | None = None


class AppOrder(_Order):
    """An app to register beside the first ones."""

    client_id: str
    client_secret: str = ""
    name: str = "Registered app"
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    kind: Literal["custom", "web", "native"] = "custom"
    redirect_uris: tuple[str, ...] = ()


def build_router(service: XeroService) -> APIRouter:
    """Everything under `/_sandbox/xero`."""
    router = APIRouter(redirect_slashes=False)
    _add_switches(router, service)
    _add_identity(router, service)
    add_webhook(router, service.webhooks)
    _add_contacts(router, service)
    _add_invoices(router, service)
    _add_credits(router, service)
    return router


def possible(action: Callable[[], T]) -> T:
    """Carry out an action of a person, or say why it cannot be done."""
    try:
        return action()
    except NoSuchRecord as reason:
        raise HTTPException(404, str(reason)) from None
    except NotPossible as reason:
        raise HTTPException(409, str(reason)) from None


def _add_switches(router: APIRouter, service: XeroService) -> None:

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

    @router.get("/violations")
    async def violations() -> list[dict[str, object]]:
        return [asdict(one) for one in service.violations]

    @router.post("/lock")
    async def lock(order: LockOrder) -> dict[str, SwitchValue]:
        service.set_switches(
            {
                "period_lock_date": order.period.isoformat() if order.period else None,
                "end_of_year_lock_date": order.year_end.isoformat() if order.year_end else None,
            }
        )
        return service.books.switches.as_json()

    @router.post("/accounts/{code}/archive")
    async def archive_account(code: str) -> dict[str, str]:
        possible(lambda: service.hands.archive_account(code))
        return {"code": code, "status": "ARCHIVED"}


def _add_identity(router: APIRouter, service: XeroService) -> None:
    identity = service.identity

    @router.get("/connections")
    async def show() -> list[dict[str, object]]:
        return [one.as_json() for one in identity.connections]

    @router.post("/disconnect")
    async def disconnect() -> dict[str, str]:
        identity.disconnect_all()
        return {"status": "disconnected"}

    @router.post("/reconnect")
    async def reconnect() -> dict[str, str]:
        identity.reconnect()
        return {"status": "connected"}

    @router.post("/tokens/expire")
    async def expire() -> dict[str, str]:
        identity.expire_tokens()
        return {"status": "expired"}

    @router.post("/tokens/revoke")
    async def revoke() -> dict[str, str]:
        identity.revoke_tokens()
        return {"status": "revoked"}

    @router.post("/apps")
    async def register(order: AppOrder) -> dict[str, object]:
        app = App(**order.model_dump())
        identity.apps[app.client_id] = app
        if app.kind == "custom":
            identity.connect(app)
        return order.model_dump(exclude={"client_secret"})


def _add_contacts(router: APIRouter, service: XeroService) -> None:
    hands = service.hands

    @router.post("/contacts")
    async def create(fields: Annotated[dict[str, object], Body()]) -> dict[str, object]:
        return contact_dump(possible(lambda: hands.write_contact(fields)))

    @router.post("/contacts/{contact_id}/edit")
    async def edit(
        contact_id: str, fields: Annotated[dict[str, object], Body()]
    ) -> dict[str, object]:
        return contact_dump(possible(lambda: hands.write_contact(fields, contact_id)))

    @router.post("/contacts/{contact_id}/archive")
    async def archive(contact_id: str) -> dict[str, object]:
        return contact_dump(possible(lambda: hands.archive(contact_id)))

    @router.post("/contacts/{contact_id}/restore")
    async def restore(contact_id: str) -> dict[str, object]:
        fields: dict[str, object] = {"ContactStatus": "ACTIVE"}
        return contact_dump(possible(lambda: hands.write_contact(fields, contact_id)))

    @router.post("/contacts/{contact_id}/merge")
    async def merge(contact_id: str, order: MergeOrder) -> dict[str, object]:
        return contact_dump(possible(lambda: hands.merge(contact_id, order.into)))

    @router.post("/contacts/{contact_id}/receive")
    async def receive(contact_id: str, order: ReceiveOrder) -> dict[str, object]:
        return credit_dump(possible(lambda: hands.receive(contact_id, order.kind, order.amount)))


def _add_invoices(router: APIRouter, service: XeroService) -> None:
    hands = service.hands

    @router.post("/invoices")
    async def create(fields: Annotated[dict[str, object], Body()]) -> dict[str, object]:
        return invoice_dump(possible(lambda: hands.write_invoice(exact(fields))))

    @router.post("/invoices/{invoice_id}/edit")
    async def edit(
        invoice_id: str, fields: Annotated[dict[str, object], Body()]
    ) -> dict[str, object]:
        return invoice_dump(possible(lambda: hands.write_invoice(exact(fields), invoice_id)))

    @router.post("/invoices/{invoice_id}/void")
    async def void(invoice_id: str) -> dict[str, object]:
        return invoice_dump(possible(lambda: hands.void(invoice_id)))

    @router.post("/invoices/{invoice_id}/pay")
    async def pay(invoice_id: str, order: PayOrder) -> dict[str, object]:
        paid = possible(
            lambda: hands.pay(
                invoice_id,
                order.amount,
                account=order.account,
                on=order.on,
                reference=order.reference,
            )
        )
        return invoice_dump(paid)

    @router.post("/invoices/{invoice_id}/credit")
    async def credit(invoice_id: str, order: CreditOrder) -> dict[str, object]:
        return credit_dump(possible(lambda: hands.credit(invoice_id, order.amount)))


def _add_credits(router: APIRouter, service: XeroService) -> None:
    hands = service.hands

    @router.post("/payments/{payment_id}/delete")
    async def delete_payment(payment_id: str) -> dict[str, object]:
        return payment_dump(possible(lambda: hands.delete_payment(payment_id)))

    @router.post("/payments/{payment_id}/reconcile")
    async def reconcile(payment_id: str) -> dict[str, object]:
        return payment_dump(possible(lambda: hands.reconcile(payment_id)))

    @router.post("/credits/{credit_id}/refund")
    async def refund(credit_id: str, order: CreditOrder) -> dict[str, object]:
        return credit_dump(possible(lambda: hands.refund(credit_id, order.amount)))

    @router.post("/credits/{credit_id}/allocate")
    async def allocate(credit_id: str, order: AllocateOrder) -> dict[str, object]:
        return credit_dump(
            possible(lambda: hands.allocate(credit_id, order.invoice_id, order.amount))
        )

    @router.post("/credits/{credit_id}/allocations/{allocation_id}/delete")
    async def deallocate(credit_id: str, allocation_id: str) -> dict[str, object]:
        return credit_dump(possible(lambda: hands.deallocate(credit_id, allocation_id)))


def exact(value: object) -> dict[str, object]:
    """A body whose amounts may have been read as floats, with exact numbers."""
    if not isinstance(value, dict):
        raise HTTPException(422, "Send one object.")
    return {name: _exact(one) for name, one in value.items()}


def _exact(value: object) -> object:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [_exact(one) for one in value]
    return exact(value) if isinstance(value, dict) else value
