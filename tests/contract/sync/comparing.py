"""A reconciliation around one world."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.contract.sync.kit import World

from sfxero.sync.books_reading import Books, BooksReading
from sfxero.sync.org_reading import OrgReading
from sfxero.sync.reconcile import Comparison, Outcome, books_read_to
from sfxero.xero.sales_books import SalesBooks

HOUR = 3600


@dataclass
class Comparer:
    """Invoices opportunities, lets a test tamper with them, and compares."""

    world: World
    _runs: Any = field(default_factory=lambda: itertools.count(1))

    def invoiced(self, *prices: str, account: str | None = None, **fields: Any) -> str:
        """Win an opportunity and let the sync invoice it."""
        world = self.world
        opportunity = world.won(account or world.account(f"Firm {prices}"), *prices, **fields)
        world.sleep(HOUR)
        world.run()
        world.sleep(HOUR)
        return opportunity

    def compare(
        self,
        period: tuple[date, date] | None = None,
        *,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Outcome:
        """Compare whole; `meanwhile` happens when the org is read and the books are not."""
        world = self.world
        scope = world.scope(f"reconcile-{next(self._runs)}")
        began_at, read_to = world.clock.now(), books_read_to(scope)
        org = OrgReading(scope, world.salesforce, period=period)
        org.submit()
        while not org.is_done():
            world.sleep(5)
        org.read()
        meanwhile()
        services = Books(world.accounting, SalesBooks(world.accounting._client))
        reading = BooksReading(scope, period=period)
        reading.read(services)
        outcome = Comparison(
            scope=scope,
            org=org,
            read=reading,
            services=services,
            organisation=world.accounting.organisation(),
            began_at=began_at,
            books_read_to=read_to,
        ).run()
        world.sleep(HOUR)
        return outcome

    def kinds(self, period: tuple[date, date] | None = None) -> list[str]:
        """The kinds of what is open after a comparison."""
        return [one.difference.kind.value for one in self.compare(period).open]
