"""A run from Xero to Salesforce around the sync's world, and what opportunities show after it."""

import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.contract.sync.kit import INCLUDE, World

from sfxero.ledger.runs import RunReport
from sfxero.model.ids import RunId, TenantId
from sfxero.model.states import Entity
from sfxero.quality.suites import load_suite
from sfxero.sandbox.xero.hands import Hands
from sfxero.sandbox.xero.models import Invoice
from sfxero.sync.contact_prepare import prepare_accounts
from sfxero.sync.contact_reading import check_contacts
from sfxero.sync.draining import shown_by
from sfxero.sync.org_ends import OrgLaneSpec, OrgReport
from sfxero.sync.org_lanes import run_lanes
from sfxero.sync.org_publish import OrgLane
from sfxero.sync.org_records import forms_of
from sfxero.sync.scope import Scope
from sfxero.sync.status_prepare import check_invoices, prepare_statuses
from sfxero.sync.two_way_end import end_two_way
from sfxero.sync.xero_extract import has_other_view, read_lists
from sfxero.sync.xero_lists import all_lists


class Showing:
    """What a test wants to let happen in Xero and to see in Salesforce."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hands = Hands(world.books)
        self._runs = itertools.count(1)
        self._keys = itertools.count(1)

    @property
    def org(self) -> TenantId:
        return TenantId(self.world.salesforce.org_id)

    def scope(self, run_id: str) -> Scope:
        scope = self.world.scope(run_id)
        return replace(scope, run_id=RunId(f"demo/show/{run_id}"), org=self.org)

    def begin(self, run_id: str | None = None) -> Scope:
        scope = self.scope(run_id or f"run-{next(self._runs)}")
        self.world.ledger.runs.start(
            scope.run_id,
            scope.route,
            kind="changes",
            mapping_version=scope.spec.status_version,
            actor="test",
            params="{}",
        )
        return scope

    def read(
        self, scope: Scope, *, lists: list[str] | None = None, full: bool = False
    ) -> dict[str, int]:
        is_full = full or has_other_view(scope)
        every = all_lists(with_contacts=self.reads_contacts)
        return read_lists(scope, self.world.accounting, lists or every, is_full=is_full)

    @property
    def reads_contacts(self) -> bool:
        return self.world.spec.contacts.is_read_in_xero

    def check(self, scope: Scope) -> int:
        folder = INCLUDE / "expectations"
        check_contacts(scope, load_suite(folder / "contact.yaml", {}))
        return check_invoices(scope, load_suite(folder / "invoice.yaml", {}))

    def prepare(self, scope: Scope) -> None:
        end_two_way(scope)
        prepare_statuses(scope)
        if self.reads_contacts:
            prepare_accounts(scope, self.world.salesforce)

    def publish(self, entity: Entity = Entity.OPPORTUNITY_STATUS, **changes: Any) -> OrgReport:
        world = self.world
        values: dict[str, Any] = {
            "org": self.org,
            "entity": entity,
            "run_id": RunId("demo/show/test"),
            "owner": "demo/show/test/status/0/a",
            "ends_at": world.clock.now() + timedelta(minutes=25),
            "forms": forms_of(world.spec),
        }
        return OrgLane(
            OrgLaneSpec(**values | changes),
            outbox=world.ledger.outbox,
            client=world.salesforce,
            clock=world.clock,
            sleeper=world,
            new_key=lambda: f"show-{next(self._keys)}",
        ).run()

    def run(
        self, *, lists: list[str] | None = None, full: bool = False, with_suite: bool = False
    ) -> RunReport:
        """One whole run; the suite is slow, so it is left out unless it matters."""
        scope = self.begin()
        self.read(scope, lists=lists, full=full)
        if with_suite:
            self.check(scope)
        self.prepare(scope)
        run_lanes(
            shown_by(self.world.spec), lambda one: self.publish(one, run_id=scope.run_id)
        ).raise_worst()
        return self.world.ledger.runs.settle(scope.run_id)

    def noon(self) -> None:
        """Let time pass until noon where the organisation is."""
        now = self.world.clock.now().astimezone(self.world.books.organisation.timezone)
        self.world.sleep((12 - now.hour) % 24 * 3600)

    def invoiced(self, *prices: str) -> tuple[str, Invoice]:
        """An opportunity closed today with its invoice in Xero, due in two weeks."""
        account = self.world.account(f"Acme {next(self._keys)}")
        today = self.world.books.today().isoformat()
        opportunity = self.world.won(account, *prices, CloseDate=today)
        self.world.run()
        return opportunity, self.invoice_of(opportunity)

    def invoice_of(self, opportunity: str) -> Invoice:
        link = self.world.link(opportunity, Entity.INVOICE)
        return self.world.books.invoices[link.target_id]

    def shown(self, opportunity: str) -> dict[str, Any]:
        """The fields of Xero on an opportunity, without the name's common parts."""
        (row,) = self.world.rows("Opportunity", Id=opportunity)
        return {
            name.removeprefix("Xero_").removesuffix("__c"): value
            for name, value in row.items()
            if name.startswith("Xero_")
        }

    def amounts(self, opportunity: str) -> tuple[str, str, str, str]:
        """Payment status, then paid, due and credited to the cent."""
        shown = self.shown(opportunity)
        paid, due, credited = (
            f"{Decimal(str(shown[f'Amount_{one}'])):.2f}" for one in ("Paid", "Due", "Credited")
        )
        return shown["Payment_Status"], paid, due, credited

    def org_writes(self) -> list[str]:
        """Calls that write to the org, since the journal was forgotten."""
        entries = self.world.control("GET", "/journal")
        return [
            f"{one['method']} {one['path'].split('/', 4)[-1]}"
            for one in entries
            if one["path"].startswith("/services/data/")
            and one["method"] in {"PATCH", "POST", "PUT"}
        ]
