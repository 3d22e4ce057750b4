"""Calls leave in turn, also where one must follow another: nobody waits in vain for ever."""

from typing import Any

import pytest
from tests.contract.sync.kit import OPPORTUNITY, TENANT, World, contact_wish, invoice_wish

from sfxero.model.states import Entity
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.xero.accounting import Accounting

pytestmark = pytest.mark.contract


class _Busy:
    """The organisation, while other workers queue up for their calls."""

    def __init__(self, world: World, accounting: Accounting) -> None:
        self._world = world
        self._accounting = accounting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accounting, name)

    def invoices_by_id(self, *given: Any, **named: Any) -> Any:
        found = self._accounting.invoices_by_id(*given, **named)
        self._world.sleep(2)
        for _ in range(12):
            self._world.ledger.quota.take(TENANT, LimitPolicy())
        return found


def test_an_edit_goes_though_others_queue_up_while_its_invoice_is_read(world: World) -> None:
    world.plan(contact_wish(), invoice_wish())
    world.publish()
    world.publish(Entity.INVOICE)
    world.plan(invoice_wish(amount="200.00", age=1))
    world.forget_calls()

    report = world.publish(
        Entity.INVOICE, target=_Busy(world, world.new_accounting(is_limited=True))
    )

    assert world.calls() == ["GET Invoices", "POST Invoices"]
    assert report.updated == 1
    assert world.link(OPPORTUNITY, Entity.INVOICE).target_snapshot.count('"200"')
    assert world.ledger.quota.usage(TENANT).calls == 2 + 12
