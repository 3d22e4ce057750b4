"""Prepare what comes back to accounts: contacts are merged, then planned or asked about."""

from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sfxero.ledger.merging import Conflict
from sfxero.mapping.shared_fields import shared_fields
from sfxero.model.findings import NEWER_VERSION, DispositionRow, row_of
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.outbox import PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import Disposition, Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.sync.contact_merging import Asked, MergedPair, has_moved, merge_pairs
from sfxero.sync.contact_reading import (
    ACTIVE,
    ReadPair,
    account_frame,
    pairs_of,
    read_contacts,
)
from sfxero.sync.flowing_back import FlowingBack
from sfxero.sync.identity.passive import passive_accounts
from sfxero.sync.new_accounts import NO_ACCOUNT, NOT_ACTIVE, NewAccounts
from sfxero.sync.person_changes import changed_persons
from sfxero.sync.prepare import named_contacts
from sfxero.sync.scope import Scope
from sfxero.sync.shared_values import agreed_of
from sfxero.sync.status_prepare import org_of
from sfxero.sync.two_way import GONE, contact_entry

if TYPE_CHECKING:
    from sfxero.ledger.merging import Wish

_CHUNK: Final = 5_000
"""Pairs merged at once: each chunk looks at all the names in use, so many small ones would cost."""
_OBSOLETE: Final = "both sides agree in it now"
NOT_LINKED: Final = "not_linked"
"""Rule of a contact that stands for no account."""
ACCOUNT_GONE: Final = "account_gone"
ACCOUNT_REFUSED: Final = "account_refused"
ASKED: Final = "asked"
"""Rule of a contact about which a person must decide."""
PASSIVE: Final = "passive"
"""Rule of an account whose contact another one writes."""
ONE_WAY: Final = "one_way"
"""Rule of a contact that stands for an account, in a route that brings nothing back."""
_NOT_MERGED: Final = {
    NOT_ACTIVE: "its contact is not active in Xero any more",
    ACCOUNT_GONE: GONE,
    NOT_LINKED: "the account does not stand for the contact any more",
    PASSIVE: "another account writes to its contact now",
}
"""Why a conflict ends of which nobody need decide any more, by rule."""


def prepare_accounts(scope: Scope, client: SalesforceClient) -> dict[str, int]:
    """Merge the contacts that were read with their accounts, and move the contacts' watermark.

    Makes no call if none has changed.
    """
    contacts = read_contacts(scope)
    merging = _Merging(scope, client)
    refused = _refused_by_suite(scope)
    for contact in contacts.values():
        merging.end(contact.contact_id, Disposition.SKIPPED, NOT_LINKED)
    usable = {
        one: contact for one, contact in contacts.items() if contact.contact_id not in refused
    }
    passive = passive_accounts(scope, client, usable)
    merging.leave(passive, PASSIVE)
    pairs = pairs_of(scope, usable, passive=passive)
    while chunk := list(islice(pairs, _CHUNK)):
        merging.take(chunk)
    for source_id in refused:
        merging.end(source_id, Disposition.QUARANTINED, "suite")
    read = [one.contact_id for one in contacts.values()]
    section = scope.spec.contacts.new_in_xero
    if section is not None:
        new = NewAccounts(scope, client, section).plan(usable, read=read)
        merging.add(new.rows)
        merging.counts["new_accounts"] = new.planned
        refused |= new.refused
    merging.close(usable)
    cured = sorted(set(read) - refused)
    scope.ledger.quarantine.clear(scope.run_id, scope.route, Entity.CONTACT, cured)
    scope.ledger.quarantine.clear_other_rules(scope.run_id, scope.route, Entity.CONTACT)
    windows = scope.ledger.windows
    drawn = windows.of_run(scope.run_id)
    windows.mark_prepared([one.window_id for one in drawn if one.entity is Entity.CONTACT])
    return {"contacts": len(contacts), **merging.counts}


def _refused_by_suite(scope: Scope) -> set[SourceId]:
    """Return what the run's check refused; what an earlier try of this step did is judged anew."""
    return {
        row.source_id
        for row in scope.ledger.quarantine.listing(scope.route)
        if row.entity is Entity.CONTACT
        if row.last_run_id == scope.run_id
        if row.rule not in NO_ACCOUNT
    }


@dataclass(slots=True)
class _Stand:
    """What the ledger knows of the accounts of a chunk before they are merged."""

    asked: Asked
    to_xero: "Mapping[SourceId, Wish]"
    to_salesforce: "Mapping[SourceId, Wish]"
    asked_about: AbstractSet[SourceId]

    def is_open(self, source_id: SourceId) -> bool:
        """Say whether something waits, is under way, or is asked about."""
        return (
            source_id in self.to_xero
            or source_id in self.to_salesforce
            or source_id in self.asked_about
        )

    def is_under_way(self, source_id: SourceId) -> bool:
        """Say whether either service may hold more than was read of it."""
        wishes = (self.to_xero.get(source_id), self.to_salesforce.get(source_id))
        return any(one is not None and one.is_under_way for one in wishes)


class _Merging:
    """Merges the pairs of one run, chunk by chunk, and stores what comes of it."""

    def __init__(self, scope: Scope, client: SalesforceClient) -> None:
        self._scope = scope
        self._client = client
        self._fields = shared_fields(scope.spec.contacts)
        self._is_two_way = scope.spec.contacts.two_way is not None
        self._due = scope.ledger.merging.due(scope.tenant)
        self._began_at = _began_at(scope)
        self._rows: dict[SourceId, DispositionRow] = {}
        self._merged: set[SourceId] = set()
        self._again: set[SourceId] = set()
        self._left: dict[SourceId, str] = {}
        self.counts = {"to_salesforce": 0, "to_xero": 0, "asked": 0}

    def end(self, contact_id: SourceId, disposition: Disposition, rule: str | None = None) -> None:
        """Say where a contact ended; the last word counts."""
        self._rows[contact_id] = DispositionRow(Entity.CONTACT, contact_id, disposition, rule)

    def add(self, rows: Iterable[DispositionRow]) -> None:
        """Say where contacts ended that stand for no account."""
        self._rows |= {row.source_id: row for row in rows}

    def leave(self, source_ids: Iterable[SourceId], rule: str) -> None:
        """Say by which rule accounts are merged no more; what was asked about them ends."""
        self._left |= dict.fromkeys(source_ids, rule)

    def take(self, pairs: Sequence[ReadPair]) -> None:
        """Merge those pairs whose contacts have changed, or that are to be merged again."""
        if not self._is_two_way:
            for one in pairs:
                self.end(one.contact.contact_id, Disposition.SKIPPED, ONE_WAY)
            return
        stand = self._stand(pairs)
        changed = [one for one in pairs if self._is_to_merge(one, stand)]
        if not changed:
            return
        read_at = self._scope.clock.now()
        found = self._with_documents(changed)
        merged = merge_pairs(found, self._fields, stand.asked)
        self._scope.ledger.agreeing.agree(self._scope.tenant, _met(merged))
        told = changed_persons(merged, self._fields)
        self._scope.ledger.quarantine.put(self._scope.run_id, self._scope.route, told)
        self._ask(merged, stand)
        self._plan(merged, stand, read_at=read_at)

    def close(self, read: Container[TargetId]) -> None:
        """Store where the contacts ended, and what is to be merged again.

        What was due while its contact was not read stays so: most runs read no contacts at all, and
        somebody may have decided since they were read.
        """
        ledger, scope = self._scope.ledger, self._scope
        ledger.runs.record_dispositions(scope.run_id, self._rows.values())
        links = ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(self._due))
        done = {
            one: since
            for one, since in self._due.items()
            if one not in self._again and (one not in links or links[one].target_id in read)
        }
        ledger.merging.clear_due(scope.run_id, scope.tenant, done)
        ledger.merging.mark_due(scope.tenant, self._again - self._due.keys())
        if self._is_two_way:
            self._end_conflicts()

    def _end_conflicts(self) -> None:
        """Close the conflicts of accounts that are merged no more; else they would never end."""
        ledger, scope = self._scope.ledger, self._scope
        stored = ledger.merging.listing(scope.route)
        accounts = sorted({one.conflict.source_id for one in stored})
        links = ledger.links.get_many(scope.tenant, Entity.CONTACT, accounts)
        self.leave((one for one in accounts if one not in links), NOT_LINKED)
        for rule, reason in _NOT_MERGED.items():
            ended = [one for one in accounts if self._left.get(one) == rule]
            ledger.merging.end(scope.run_id, scope.route, reason=reason, accounts=ended)

    def _stand(self, pairs: Sequence[ReadPair]) -> _Stand:
        merging, tenant = self._scope.ledger.merging, self._scope.tenant
        ids = [one.source_id for one in pairs]
        never = {
            one.source_id: agreed_of(one.link, self._fields)
            for one in pairs
            if one.link.agreed is None
        }
        self._scope.ledger.agreeing.begin(tenant, never)
        asked = merging.open_of(tenant, ids)
        return _Stand(
            asked,
            merging.wished(tenant, Entity.CONTACT, ids),
            merging.wished(org_of(self._scope), Entity.ACCOUNT_UPDATE, ids),
            asked_about={source_id for source_id, _ in asked},
        )

    def _is_to_merge(self, pair: ReadPair, stand: _Stand) -> bool:
        """Say whether a pair is merged; what was read of any other shows that it is in step."""
        contact = pair.contact
        if contact.status != ACTIVE:
            self.end(contact.contact_id, Disposition.SKIPPED, NOT_ACTIVE)
            self.leave([pair.source_id], NOT_ACTIVE)
            return False
        if pair.link.settled_at > self._began_at:
            # By what was read, the account would take back what was written to its contact since.
            self.end(contact.contact_id, Disposition.SUPERSEDED, NEWER_VERSION)
            self._again.add(pair.source_id)
            return False
        self.end(contact.contact_id, Disposition.IN_STEP)
        if pair.source_id in self._due or stand.is_open(pair.source_id):
            return True
        return has_moved(pair, agreed_of(pair.link, self._fields), self._fields)

    def _with_documents(self, pairs: Sequence[ReadPair]) -> list[tuple[ReadPair, Any]]:
        """Read the accounts, and return the pairs with what the mapping makes of them."""
        frame = account_frame(self._scope, self._client, [one.source_id for one in pairs])
        self._flowing = FlowingBack(self._scope, frame, self._fields)
        result = named_contacts(self._scope, frame)
        documents = {one.source_id: one for one in result.documents}
        read, removed = set(frame["Id"]), set(result.removed)
        found = []
        for one in pairs:
            if one.source_id in documents:
                found.append((one, documents[one.source_id]))
                continue
            is_gone = one.source_id in removed or one.source_id not in read
            rule = ACCOUNT_GONE if is_gone else ACCOUNT_REFUSED
            self.end(one.contact.contact_id, Disposition.SKIPPED, rule)
            if is_gone:
                self.leave([one.source_id], ACCOUNT_GONE)
            if one.source_id in read:
                # What is in the recycle bin may come back.
                self._again.add(one.source_id)
        return found

    def _ask(self, merged: Sequence[MergedPair], stand: _Stand) -> None:
        """Store what a person must decide, and close what nobody need decide any more."""
        from sfxero.mapping.merging import Verdict

        ledger, scope = self._scope.ledger, self._scope
        asks = [(one, key) for one in merged for key in one.with_verdict(Verdict.ASK)]
        ledger.merging.ask(
            scope.run_id,
            (
                Conflict(
                    scope.route,
                    scope.tenant,
                    one.source_id,
                    one.pair.link.target_id,
                    key,
                    one.agreed[key]._asdict(),
                    *one.now(key),
                )
                for one, key in asks
            ),
        )
        self.counts["asked"] += len(asks)
        for one, _ in asks:
            self.end(one.pair.contact.contact_id, Disposition.SKIPPED, ASKED)
        by_source = {one.source_id: one for one in merged}
        settled = [
            stored.conflict_id
            for (source_id, key), stored in stand.asked.items()
            if source_id in by_source and key not in by_source[source_id].reasons
        ]
        ledger.merging.close(scope.run_id, settled)
        # What was decided is looked at again until both sides hold it.
        self._again |= {
            source_id
            for (source_id, key), stored in stand.asked.items()
            if stored.decision and source_id in by_source and key in by_source[source_id].reasons
        }

    def _plan(self, merged: Sequence[MergedPair], stand: _Stand, *, read_at: datetime) -> None:
        outbox, run_id = self._scope.ledger.outbox, self._scope.run_id
        back, met = self._flowing.entries(merged, read_at=read_at)
        self._scope.ledger.agreeing.agree(self._scope.tenant, met)
        there = [one for one in map(self._contact_wish, merged, [read_at] * len(merged)) if one]
        contact_of = {one.source_id: one.pair.contact.contact_id for one in merged}
        for name, entries, wished, tenant in (
            ("to_xero", there, stand.to_xero, self._scope.tenant),
            ("to_salesforce", back, stand.to_salesforce, org_of(self._scope)),
        ):
            planned = list(outbox.plan(run_id, entries))
            self.counts[name] += sum(one.outcome is PlanOutcome.ADDED for one in planned)
            for one in planned:
                contact_id = contact_of[one.source_id]
                self._rows[contact_id] = row_of(one, Entity.CONTACT, contact_id)
            entity = Entity.CONTACT if name == "to_xero" else Entity.ACCOUNT_UPDATE
            gone = (contact_of.keys() & wished.keys()) - {one.source_id for one in entries}
            outbox.withdraw(run_id, tenant, entity, sorted(gone), read_at=read_at, reason=_OBSOLETE)
        self._again |= {one for one in contact_of if stand.is_under_way(one)}

    def _contact_wish(self, one: MergedPair, read_at: datetime) -> PlannedEntry | None:
        """Return what the contact is to take from the account; None if that is nothing."""
        from sfxero.mapping.merging import Verdict

        keys = one.with_verdict(Verdict.TO_XERO)
        if not keys:
            return None
        document, scope = one.document, self._scope
        entry = PlannedEntry(
            route=scope.route,
            tenant=scope.tenant,
            entity=Entity.CONTACT,
            source_id=one.source_id,
            payload=document.payload,
            content_hash=document.content_hash,
            version=SourceVersion(stamp_at=document.stamp_at, read_at=read_at),
            mapping_version=scope.spec.mapping_version,
            meta=document.meta,
        )
        return contact_entry(
            entry,
            {key: one.now(key) for key in keys},
            one.agreed,
            fields=self._fields,
            parts=one.theirs,
            notes=[one.note(key, "salesforce") for key in keys],
        )


def _began_at(scope: Scope) -> datetime:
    """Return a moment before which the run had read nothing."""
    # A run that is started again keeps what it has staged, and with it the windows.
    windows = scope.ledger.windows.of_run(scope.run_id)
    started_at = scope.ledger.runs.started_at(scope.run_id) or scope.clock.now()
    return min([started_at, *(window.opened_at for window in windows)])


def _met(merged: Iterable[MergedPair]) -> dict[SourceId, Any]:
    """Return by account the fields in which both sides came to hold the same."""
    from sfxero.mapping.merging import Verdict

    found = {
        one.source_id: {key: one.now(key) for key in one.with_verdict(Verdict.AGREED)}
        for one in merged
    }
    return {source_id: pairs for source_id, pairs in found.items() if pairs}
