"""Reconcile: Salesforce, ledger and Xero compared whole; each difference named, aged and kept."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sfxero.model.differences import KINDS, Difference, DifferenceKind
from sfxero.model.ids import SourceId, TenantId, is_lead
from sfxero.model.states import ACTIVE, Entity
from sfxero.staging.manifest import load
from sfxero.sync.books_reading import Books, BooksReading, aged_reports, look_again, look_up
from sfxero.sync.identity.following import merged_contacts
from sfxero.sync.org_rates import rates_if_used
from sfxero.sync.org_reading import ACCOUNT, OPPORTUNITY, OrgReading, Period
from sfxero.sync.scope import Scope
from sfxero.xero.zones import zone_of

if TYPE_CHECKING:
    from sfxero.ledger.differences import StoredDifference
    from sfxero.ledger.links import Link
    from sfxero.mapping.organisation import OrganisationFacts
    from sfxero.proof.aged import AgedContact
    from sfxero.proof.pairs import ThreeSides
    from sfxero.proof.proof import People, Proof
    from sfxero.xero.organisation import Organisation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconciliation found, for its verdict and its report."""

    proof: "Proof"
    stored: "Sequence[StoredDifference]"
    resolved: int
    aged: "Sequence[AgedContact]"
    """Contacts whose aged receivables were compared."""
    aged_trouble: str | None
    """Why there are no more of them."""
    period: Period | None
    as_of: date
    began_at: datetime

    @property
    def open(self) -> "list[StoredDifference]":
        """What fails the run: not explained, and accepted by nobody."""
        return [
            one
            for one in self.stored
            if not KINDS[one.difference.kind].is_explained and one.accepted_at is None
        ]

    @property
    def verdict(self) -> str:
        """The outcome in one line."""
        sums = self.proof.sums
        currencies = sorted({*sums.won, *sums.invoiced} - {""})
        totals = "; ".join(
            f"{one} {sums.won.get(one, 0):,.2f} won, {sums.invoiced.get(one, 0):,.2f} invoiced"
            for one in currencies
        )
        accepted = sum(one.accepted_at is not None for one in self.stored)
        explained = len(self.stored) - len(self.open) - accepted
        rest = f"{self.proof.links} links, {totals or 'nothing won'}; {explained} explained"
        if accepted:
            rest += f", {accepted} accepted"
        if not self.open:
            return f"in step: {rest}"
        kinds: dict[str, int] = {}
        for one in self.open:
            kinds[one.difference.kind] = kinds.get(one.difference.kind, 0) + 1
        named = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return f"FAILED: {len(self.open)} differences: {named} ({rest})"


def books_read_to(scope: Scope) -> datetime | None:
    """Return up to when the sync has read the books.

    To be asked before the org is read: what is read of the books later may be shown in the org
    after that was read.
    """
    return scope.ledger.windows.watermark(scope.route, Entity.INVOICE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison over what was read."""

    scope: Scope
    org: OrgReading
    read: BooksReading
    services: Books
    organisation: "Organisation"
    began_at: datetime
    books_read_to: datetime | None
    """Up to when the sync had read the books before the org was read; see `books_read_to`."""

    def run(self) -> Outcome:
        """Compare, keep the differences, and return what was found."""
        from sfxero.mapping.organisation import View
        from sfxero.proof.pair_checks import Moments
        from sfxero.proof.proof import prove

        scope, zone = self.scope, zone_of(self.organisation.timezone)
        as_of = scope.clock.now().astimezone(zone).date()
        overdue_at = scope.ledger.windows.watermark(scope.route, Entity.OPEN_INVOICE)
        moments = Moments(
            began_at=self.began_at,
            org_read_to=scope.ledger.windows.watermark(scope.route, Entity.OPPORTUNITY),
            books_read_to=self.books_read_to,
            overdue_read_on=overdue_at and overdue_at.astimezone(zone).date(),
            accounts_read_to=scope.ledger.windows.watermark(scope.route, Entity.ACCOUNT),
        )
        view = View(today_on=as_of, short_code=self.organisation.short_code)
        books = self._three_sides()
        proof = prove(books, self._people(), scope.spec, moments=moments, view=view)
        aged, unlike, trouble = self._aged(books, as_of)
        found = [*proof.differences, *unlike]
        store = scope.ledger.differences
        unseen = self._unasked(books, [one.contact_id for one in aged])
        resolved = store.store(
            scope.run_id, scope.route, found, period=self.org.period, unseen=unseen
        )
        log.info("compared links=%d differences=%d resolved=%d", proof.links, len(found), resolved)
        return Outcome(
            proof=proof,
            stored=store.listing(scope.route),
            resolved=resolved,
            aged=aged,
            aged_trouble=trouble,
            period=self.org.period,
            as_of=as_of,
            began_at=self.began_at,
        )

    def _three_sides(self) -> "ThreeSides":
        """Read the ledger last, and look up what either list lacks, before it counts as missing.

        The ledger's links are read after all else of it: what is settled meanwhile then has both
        its entry and a link, of which the time tells that it is not to be compared.
        """
        from sfxero.proof.documents import amount_key, link_table
        from sfxero.proof.narrowing import joined, missing_invoices, missing_opportunities, within
        from sfxero.proof.pairs import ThreeSides, opportunity_table
        from sfxero.staging.reader import read_table
        from sfxero.staging.writer import record_batches

        scope, spec = self.scope, self.scope.spec
        staged = read_table([load(self.org.folder(OPPORTUNITY))])
        invoices = self.read.table()
        showing, standing = self._showing(), self._standing()
        links = link_table(
            scope.ledger.links.all(scope.tenant, Entity.INVOICE),
            amount=amount_key(spec.invoices.line_amount_types),
        )
        if self.org.period is not None:
            links = within(links, staged["Id"], invoices, period=self.org.period)
        lost = missing_opportunities(links, staged)
        if lost and self.org.period is not None:
            batches = record_batches(self.org.opportunities_by_id(lost), staged.schema)
            staged = joined(staged, batches)
        absent = missing_invoices(links, invoices)
        if absent:
            is_whole = self.org.period is None
            further = look_up(self.services.accounting, absent, is_whole=is_whole)
            invoices = joined(invoices, further.to_batches())
        return ThreeSides(
            opportunities=opportunity_table(
                staged,
                spec,
                organisation=self._facts(),
                org_rates=rates_if_used(spec, self.org.client),
                shown=self.org.shown_fields(),
            ),
            links=links,
            invoices=invoices,
            contacts={one.source_id: one.target_id for one in self._contacts()},
            merged=merged_contacts(scope),
            showing=showing,
            shown_meanwhile=self._shown_meanwhile(),
            credited=self._credited(of_total=spec.invoices.line_amount_types == "Inclusive"),
            noted=self._credited(of_total=True),
            begun=scope.ledger.outbox.credits_under_way(scope.tenant, Entity.INVOICE),
            **standing,
        )

    def _credited(self, *, of_total: bool) -> dict[str, Decimal]:
        """Return, by invoice, what our credit notes come to, with tax or before it."""
        found = self.scope.ledger.outbox.credited(self.scope.tenant, Entity.INVOICE)
        return {
            invoice_id: sum(
                (Decimal(one.total if of_total else one.sub_total) for one in notes), Decimal(0)
            )
            for invoice_id, notes in found.items()
        }

    def _facts(self) -> "OrganisationFacts":
        """Return what decides in which currency an invoice is."""
        from sfxero.mapping.organisation import OrganisationFacts

        converts = self.scope.spec.invoices.exchange.not_enabled == "convert"
        enabled = self.services.accounting.currencies() if converts else ()
        return OrganisationFacts(
            base_currency=self.organisation.base_currency,
            tax_rates={},
            accounts={},
            currencies=frozenset(enabled),
        )

    def _contacts(self) -> "Iterator[Link]":
        return self.scope.ledger.links.all(self.scope.tenant, Entity.CONTACT)

    def _standing(self) -> dict[str, Any]:
        """Return what stands for opportunities: refusals, and above them live entries."""
        scope = self.scope
        standing: dict[str, str] = {}
        reasons: dict[str, str] = {}
        sent: list[str] = []
        for row in scope.ledger.quarantine.listing(scope.route):
            if row.entity is Entity.OPPORTUNITY:
                standing[row.source_id] = "quarantined"
                reasons.setdefault(row.source_id, row.rule)
        for source_id, state, reason in scope.ledger.outbox.standing(scope.tenant, Entity.INVOICE):
            standing[source_id] = state
            reasons[source_id] = reason or reasons.get(source_id, "")
            # Xero may hold of it what the ledger has not heard of yet.
            if state in ACTIVE:
                sent.append(source_id)
        return {"standing": standing, "reasons": reasons, "sent": sent}

    def _showing(self) -> dict[str, str]:
        """Return what waits to be shown on opportunities, or was given up on."""
        org, entity = TenantId(self.org.client.org_id), Entity.OPPORTUNITY_STATUS
        return {one: state for one, state, _ in self.scope.ledger.outbox.standing(org, entity)}

    def _shown_meanwhile(self) -> "list[SourceId]":
        """Return the opportunities that were shown something since the comparison began."""
        org, entity = TenantId(self.org.client.org_id), Entity.OPPORTUNITY_STATUS
        return self.scope.ledger.links.settled_since(org, entity, self.began_at)

    def _people(self) -> "People":
        """Return accounts and contacts; a link made meanwhile is left to the next comparison.

        Leads are no accounts, and have nothing to be reconciled with.
        """
        from sfxero.proof.contacts import DIRECTORY, LINKED
        from sfxero.proof.documents import row_table
        from sfxero.proof.proof import People
        from sfxero.staging.reader import read_table

        linked = (
            {"source_id": one.source_id, "target_id": one.target_id}
            for one in self._contacts()
            if one.settled_at < self.began_at and not is_lead(one.source_id)
        )
        listed = self.scope.ledger.names.directory(self.scope.tenant)
        return People(
            accounts=read_table([load(self.org.folder(ACCOUNT))]),
            links=row_table(linked, LINKED),
            directory=row_table(listed, DIRECTORY),
        )

    def _aged(
        self, books: "ThreeSides", as_of: date
    ) -> "tuple[list[AgedContact], list[Difference], str | None]":
        """Compare Xero's own report for some contacts, those who owe most and others by turns."""
        from sfxero.proof.aged import (
            chosen_contacts,
            compare_report,
            in_currency,
            owing,
            still_listed,
        )

        count = self.scope.spec.reconcile.aged_contacts
        if self.org.period is not None:
            return [], [], None
        own = in_currency(books.invoices, self.organisation.base_currency)
        owed = owing(own, as_of=as_of)
        ours = books.links["id"].combine_chunks()
        chosen = chosen_contacts(
            owed, ours, count=count, turn=as_of.toordinal(), again=self._doubtful(books)
        )
        reports, trouble = aged_reports(self.services.sales, chosen, on=as_of)
        compared = [compare_report(one, report, owed, own) for one, report in reports.items()]
        unlike = [one for _, found in compared for one in found]
        if unlike:
            now = look_again(self.services.accounting, [one.key for one in unlike])
            unlike = still_listed(unlike, own, now)
        return [aged for aged, _ in compared], unlike, trouble

    def _doubtful(self, books: "ThreeSides") -> list[str]:
        """Return the contacts whose report said otherwise, and nobody has accepted that."""
        from sfxero.proof.aged import contacts_of

        keys = [one.difference.key for one in self._unlike() if one.accepted_at is None]
        return sorted(set(contacts_of(books.invoices, keys).values()))

    def _unasked(self, books: "ThreeSides", asked: Sequence[str]) -> list[int]:
        """Return the differences to reports that this run has not asked for; they may stand yet.

        One of an invoice that Xero does not list any more is none.
        """
        from sfxero.proof.aged import contacts_of

        if not self.scope.spec.reconcile.aged_contacts:
            return []
        unlike = self._unlike()
        contacts = contacts_of(books.invoices, [one.difference.key for one in unlike])
        is_part = self.org.period is not None
        return [
            one.difference_id
            for one in unlike
            if (is_part or one.difference.key in contacts)
            and contacts.get(one.difference.key) not in asked
        ]

    def _unlike(self) -> "list[StoredDifference]":
        kind = DifferenceKind.AGED_DIFFERS
        return self.scope.ledger.differences.listing(self.scope.route, kind=kind)
