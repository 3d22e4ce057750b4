"""What tests of credit notes do to the books, and what they look at."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import Forward, World

from sfxero.ledger.tables import credit_notes
from sfxero.model.ids import TargetId
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Credit, Invoice

INVOICE = Entity.INVOICE
HOUR = 3_600


def reprice(world: World, opportunity: str, price: str, *, of: str = "100") -> None:
    lines = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    (line,) = [one for one in lines if Decimal(str(one["UnitPrice"])) == Decimal(of)]
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=price)


def notes(world: World) -> list[Credit]:
    return sorted(world.books.credits.values(), key=lambda one: str(one.number))


def note(world: World) -> Credit:
    (one,) = notes(world)
    return one


def invoice(world: World) -> Invoice:
    (one,) = world.invoices
    return one


def told(world: World) -> list[tuple[str, str]]:
    """By credit note: number and subtotal."""
    return [(str(one.number), str(one.totals.sub_total)) for one in notes(world)]


def credited(world: World) -> list[str]:
    """The subtotals of the credit notes that are not void."""
    return [str(one.totals.sub_total) for one in notes(world) if one.status != "VOIDED"]


def booked(world: World) -> list[tuple[str, bool, str | None]]:
    """The ledger's rows: number, whether it is ended, and the subtotal."""
    with world.ledger._database.read() as conn:
        rows = conn.execute(select(credit_notes).order_by(credit_notes.c.number))
        return [(row.number, row.ended_at is not None, row.sub_total) for row in rows]


def path(one: dict[str, Any]) -> str:
    return f"{one['method']} {one['path'].split('/api.xro/2.0/')[1].split('/')[0]}"


def writes(world: World) -> list[str]:
    return [path(one) for one in world.journal() if one["method"] in {"PUT", "POST"}]


def dies(world: World, *plans: Any) -> None:
    """Publish, and let the worker die as planned; then let its lease lapse."""
    world.seam.plans = list(plans)
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    world.seam.plans = []
    world.sleep(61)


def lowered(world: World, opportunity: str, price: str, *plans: Any, of: str = "100") -> None:
    """Lower a price; the worker that is to credit it dies as planned."""
    reprice(world, opportunity, price, of=of)
    world.run(publishes=False)
    dies(world, *plans)


def on_its_way() -> tuple[Callable[..., httpx.Response], Callable[..., httpx.Response]]:
    """A worker that dies while its request is held up, and one whose request it overtakes."""
    late: list[httpx.Request] = []

    def hold_up(request: httpx.Request, _forward: Forward) -> httpx.Response:
        late.append(request)
        raise KeyboardInterrupt

    def let_by(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward(late.pop()).close()
        return forward(request)

    return hold_up, let_by


def replay(world: World) -> None:
    """Replay all dead letters, and publish."""
    world.ledger.outbox.replay(world.ledger.outbox.open_letters(world.scope("any").route))
    world.publish(INVOICE)


def asked(world: World) -> str:
    """Why a person is asked about the one entry that waits for a word."""
    scope = world.scope("any")
    (entry_id,) = world.ledger.outbox.take_questions(scope.route, scope.run_id, for_s=60)
    question = world.ledger.outbox.question(entry_id)
    assert question is not None
    return question.why


def approve(world: World) -> None:
    """Approve what waits for a word, and publish."""
    scope = world.scope("any")
    waiting = world.ledger.outbox.take_questions(scope.route, scope.run_id, for_s=60)
    world.ledger.outbox.approve(waiting, actor="kim")
    world.publish(INVOICE)


def edit_in_xero(world: World, old: str, new: str) -> None:
    """Let a bookkeeper change the price of a line."""
    (element,) = world.accounting.invoices_by_id([TargetId(invoice(world).invoice_id)])
    computed = {"LineAmount", "TaxAmount", "LineItemID"}
    lines = [{k: v for k, v in one.items() if k not in computed} for one in element["LineItems"]]
    for one in lines:
        if Decimal(str(one["UnitAmount"])) == Decimal(old):
            one["UnitAmount"] = Decimal(new)
    world.sandbox.xero.hands.write_invoice({"LineItems": lines}, invoice(world).invoice_id)


def take_off(world: World) -> None:
    """Let a bookkeeper take the one credit note off its invoice."""
    one = note(world)
    world.sandbox.xero.hands.deallocate(one.credit_id, one.allocations[0].allocation_id)


def void_note(world: World) -> None:
    """Let a bookkeeper void the one credit note that is not void yet."""
    (one,) = [one for one in notes(world) if one.status != "VOIDED"]
    world.books.put_credit(replace(one, status="VOIDED"))


def bounced(world: World, opportunity: str) -> None:
    """A paid invoice is credited, which leaves 22 to the customer; then the payment bounces."""
    world.pay(invoice(world))
    reprice(world, opportunity, "80")
    world.run()
    (payment,) = world.books.payments.values()
    world.sandbox.xero.hands.delete_payment(payment.payment_id)
    world.sleep(HOUR)


def compared(world: World) -> list[str]:
    """The kinds of difference that a comparison finds, explained or not."""
    world.sleep(HOUR)
    return [one.difference.kind.value for one in Comparer(world).compare().stored]
