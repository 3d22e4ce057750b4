"""What the ledger remembers of a tenant's invoices, when records are looked at anew."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sfxero.model.ids import RouteName, SourceId, TenantId
from sfxero.model.states import Entity

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.ledger.links import Link
    from sfxero.ledger.releases import Release, ReleaseKey


class Memory:
    """The ledger as far as invoices go; nothing is remembered where there is none."""

    def __init__(self, ledger: "Ledger | None", tenant: TenantId) -> None:
        """Look only: nothing is stored."""
        self._ledger = ledger
        self._tenant = tenant

    def invoices_of(self, opportunities: Iterable[SourceId]) -> Mapping[SourceId, "Link"]:
        """Return the invoices that Xero has, by opportunity."""
        if self._ledger is None:
            return {}
        return self._ledger.links.get_many(self._tenant, Entity.INVOICE, opportunities)

    def invoiced(self, accounts: Iterable[SourceId]) -> set[SourceId]:
        """Return those accounts that an invoice of ours has gone to."""
        if self._ledger is None:
            return set()
        return self._ledger.outbox.invoiced_parents(self._tenant, accounts)

    def released(self, route: RouteName, entity: Entity) -> "Mapping[ReleaseKey, Release]":
        """Return what people have let pass though a check refuses it."""
        return {} if self._ledger is None else self._ledger.releases.of(route, entity)

    def is_settled(self, opportunity: SourceId, content_hash: str) -> bool:
        """Say whether an invoice has these values, or goes with them, without a further word."""
        if self._ledger is None:
            return False
        link = self.invoices_of([opportunity]).get(opportunity)
        if link is not None and link.content_hash == content_hash:
            return True
        return self._ledger.outbox.is_agreed(self._tenant, opportunity, content_hash)
