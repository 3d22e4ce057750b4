"""Prepare the mirror: invoices of ours, their lines and payments become outbox entries.

A line that its invoice has no longer, and a payment that was deleted, are told by nothing but their
absence. So the ledger keeps with each mirrored invoice which lines and payments it had, and of
which opportunity it was: one in whose place another was issued is mirrored to its end.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.mirror_fields import CURRENCY
from sfxero.model.ids import SourceId, TargetId, TenantId, is_lead
from sfxero.model.outbox import PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import Entity
from sfxero.sync.bodies import payload_hash
from sfxero.sync.org_ends import SNAPSHOT
from sfxero.sync.scope import Scope
from sfxero.sync.xero_extract import view_of

if TYPE_CHECKING:
    from sfxero.mapping.mirror import Children, Mirrored
    from sfxero.mapping.result import Document

_OPPORTUNITY: Final = "opportunity"
_LINES: Final = "lines"
_PAYMENTS: Final = "payments"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The lines and payments that an invoice is known to have been mirrored with, and for whom."""

    opportunities: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)


def plan_mirror(
    scope: Scope,
    frame: Any,
    pairs: Sequence[tuple[TargetId, SourceId]],
    *,
    org: TenantId,
    read_at: datetime,
) -> int:
    """Plan the mirror of invoices and their opportunities; returns how many records are new.

    Parents come first, and no child goes before its invoice is there.
    """
    if not scope.spec.mirror.enabled:
        return 0
    from sfxero.mapping.mirror import transform_mirror

    kept = _kept(scope, org, list(frame["Id"]))
    pairs = [*pairs, *_parted(kept, {invoice_id for invoice_id, _ in pairs})]
    if not pairs:
        return 0
    made = transform_mirror(
        frame,
        scope.spec.mirror,
        opportunities=pairs,
        accounts=_accounts(scope, frame),
        view=view_of(scope),
    )
    entries = _Entries(scope, org, read_at, made, kept, dict(pairs))
    answers = scope.ledger.outbox.plan(scope.run_id, entries.all())
    return sum(one.outcome is PlanOutcome.ADDED for one in answers)


def _accounts(scope: Scope, frame: Any) -> dict[str, str]:
    """Return the accounts of contacts; of a contact that several share, none can be told.

    A lead may have one as well, which is no account's.
    """
    contacts = {TargetId(one) for one in frame["ContactID"].dropna()}
    pairs = scope.ledger.links.sources_of(scope.tenant, Entity.CONTACT, sorted(contacts))
    found: dict[str, set[str]] = {}
    for contact, account in pairs:
        if is_lead(account):
            continue
        found.setdefault(contact, set()).add(account)
    return {one: accounts.pop() for one, accounts in found.items() if len(accounts) == 1}


def _kept(scope: Scope, org: TenantId, invoice_ids: Sequence[str]) -> dict[str, _Kept]:
    """Return what the invoices have been, or are about to be, mirrored with.

    Entries are read before links: one that settles meanwhile is then told by both.
    """
    ids = [SourceId(one) for one in invoice_ids]
    ledger, entity = scope.ledger, Entity.MIRROR_INVOICE
    kept: dict[str, _Kept] = {}
    for source_id, meta in ledger.outbox.live_meta(org, entity, ids):
        _keep(kept, source_id, meta.get(SNAPSHOT))
    for source_id, link in ledger.links.get_many(org, entity, ids).items():
        _keep(kept, source_id, link.target_snapshot)
    return kept


def _parted(
    kept: Mapping[str, _Kept], ours: Collection[str]
) -> Iterator[tuple[TargetId, SourceId]]:
    """Yield the mirrored invoices that stand for their opportunities no longer."""
    for invoice_id, one in kept.items():
        if invoice_id not in ours and one.opportunities:
            yield TargetId(invoice_id), SourceId(max(one.opportunities))


def _keep(kept: dict[str, _Kept], source_id: str, snapshot: str | None) -> None:
    told = json.loads(snapshot or "{}")
    one = kept.setdefault(source_id, _Kept())
    one.opportunities.update(filter(None, [told.get(_OPPORTUNITY)]))
    one.lines.update(told.get(_LINES, ()))
    one.payments.update(told.get(_PAYMENTS, ()))


@dataclass(frozen=True, slots=True)
class _Entries:
    """The entries of one reading."""

    scope: Scope
    org: TenantId
    read_at: datetime
    made: "Mirrored"
    kept: Mapping[str, _Kept]
    opportunities: Mapping[TargetId, SourceId]

    def all(self) -> Iterator[PlannedEntry]:
        """Yield them, parents first, and of each kind those that are there before those gone."""
        from sfxero.mapping.mirror import deleted_payment, removed_line

        made, mirror, invoices = self.made, self.scope.spec.mirror, dict[str, "Document"]()
        for invoice in made.invoices:
            invoices[invoice.source_id] = invoice
            yield self._invoice(invoice)
        for line in made.lines:
            yield self._child(line, Entity.MIRROR_LINE)
        gone_line = partial(removed_line, mirror)
        yield from self._gone(Entity.MIRROR_LINE, made.lines_of, invoices, gone_line)
        for payment in made.payments:
            yield self._child(payment, Entity.MIRROR_PAYMENT)
        gone_payment = partial(deleted_payment, mirror)
        yield from self._gone(Entity.MIRROR_PAYMENT, made.payments_of, invoices, gone_payment)

    def _invoice(self, one: "Document") -> PlannedEntry:
        """Return an invoice's entry; that its lines or payments are others counts as a change."""
        snapshot = {
            _OPPORTUNITY: self.opportunities[TargetId(one.source_id)],
            _LINES: sorted(self._ids(one.source_id, Entity.MIRROR_LINE)),
            _PAYMENTS: sorted(self._ids(one.source_id, Entity.MIRROR_PAYMENT)),
        }
        text = json.dumps(snapshot, separators=(",", ":"))
        return self._entry(
            Entity.MIRROR_INVOICE,
            one.source_id,
            one.payload,
            wanted=f"{one.payload}\n{text}",
            stamp_at=one.stamp_at,
            meta={**one.meta, SNAPSHOT: text},
        )

    def _ids(self, invoice_id: str, entity: Entity) -> set[str]:
        """Return which lines or payments the invoice has had, gone ones too."""
        is_line = entity is Entity.MIRROR_LINE
        now = (self.made.lines_of if is_line else self.made.payments_of)[invoice_id]
        before = self.kept.get(invoice_id, _Kept())
        return {*now.ids, *(before.lines if is_line else before.payments)}

    def _child(self, one: "Document", entity: Entity) -> PlannedEntry:
        return self._entry(
            entity,
            one.source_id,
            one.payload,
            wanted=one.content_hash,
            stamp_at=one.stamp_at,
            parent=one.parent_source_id,
            meta=one.meta,
        )

    def _gone(
        self,
        entity: Entity,
        children: "Mapping[str, Children]",
        invoices: "Mapping[str, Document]",
        payload_in: Callable[[str], str | None],
    ) -> Iterator[PlannedEntry]:
        """Yield what invoices had once and have no longer, where all that they have is known."""
        for invoice_id, now in children.items():
            payload = payload_in(invoice_id)
            if now.is_known and payload is not None:
                for one in sorted(self._ids(invoice_id, entity) - set(now.ids)):
                    yield self._entry(
                        entity,
                        SourceId(one),
                        payload,
                        wanted=payload,
                        stamp_at=invoices[invoice_id].stamp_at,
                        parent=SourceId(invoice_id),
                        meta=_currency_in(invoices[invoice_id].meta),
                    )

    def _entry(
        self,
        entity: Entity,
        source_id: SourceId,
        payload: str,
        *,
        wanted: str,
        stamp_at: datetime,
        meta: Mapping[str, str],
        parent: SourceId | None = None,
    ) -> PlannedEntry:
        """Return an entry; another currency, which not every org keeps, is a change as well."""
        return PlannedEntry(
            route=self.scope.route,
            tenant=self.org,
            entity=entity,
            source_id=source_id,
            payload=payload,
            content_hash=payload_hash(f"{wanted}\n{meta.get(CURRENCY)}"),
            version=SourceVersion(stamp_at=stamp_at, read_at=self.read_at),
            mapping_version=self.scope.spec.status_version,
            parent_entity=None if parent is None else Entity.MIRROR_INVOICE,
            parent_source_id=parent,
            meta={
                **meta,
                "rule": str(entity),
                "synced_at": self.read_at.isoformat(timespec="seconds"),
            },
        )


def _currency_in(meta: Mapping[str, str]) -> dict[str, str]:
    return {CURRENCY: meta[CURRENCY]} if CURRENCY in meta else {}
