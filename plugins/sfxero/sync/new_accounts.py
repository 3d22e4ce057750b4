"""Contacts that were made in Xero and become accounts: which of them, and with which values."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.matching.keys import account_id, email_key, tax_number_key, words_of
from sfxero.mapping.new_in_xero import account_of
from sfxero.mapping.new_in_xero_rules import NewInXeroSection
from sfxero.mapping.shared_fields import Part, shared_fields, shown
from sfxero.model.agreed import Pair, canonical
from sfxero.model.findings import DispositionRow, Finding, Severity, row_of
from sfxero.model.ids import SourceId, TargetId, chain_end, is_lead
from sfxero.model.outbox import NOTE, PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import Disposition, Entity, EntryState
from sfxero.salesforce.client import SalesforceClient
from sfxero.sync.bodies import payload_hash
from sfxero.sync.contact_reading import ACTIVE, ReadContact, ids_meeting_route
from sfxero.sync.flowing_back import NO_WAY_BACK, NO_WAY_BACK_HINT
from sfxero.sync.org_creating import (
    CONTACT,
    CONTACT_NUMBER,
    IS_TWO_WAY,
    KEY,
    TRIED,
    accounts_named,
)
from sfxero.sync.related import without_related
from sfxero.sync.releasing import refused_by, with_releases
from sfxero.sync.scope import OBJECT_OF, Scope
from sfxero.sync.shared_values import AGREED_IN, CHANGES, parts_of, snapshot_of
from sfxero.sync.similar_accounts import Similar, SimilarAccounts
from sfxero.sync.staged import schema_of
from sfxero.sync.status_prepare import org_of

if TYPE_CHECKING:
    from sfxero.mapping.matching.matching import Match
    from sfxero.mapping.result import TransformResult

RULE: Final = "new_in_xero"
LOOKS_LIKE: Final = "looks_like_account"
"""Rule of a contact that could be an account that is there: a person says whether it is."""
_LOOKS_LIKE_HINT: Final = (
    "Link the two with `sfxero match`, or merge the contact in Xero if the account has one. If it "
    "is another company, `sfxero quarantine release` lets it become an account."
)
_REFUSED: Final = (
    "cannot_become_account",
    "Correct it in Xero: the route would refuse an account with these values.",
)
NO_ACCOUNT: Final = frozenset({LOOKS_LIKE, _REFUSED[0]})
"""Rules by which a contact does not become an account, though it was to."""
OUT_OF_SCOPE: Final = "contact_out_of_scope"
"""Rule of a contact that does not meet the route's condition."""
NOT_ACTIVE: Final = "contact_not_active"
_NOT_WANTED: Final = "the contact is not to become an account, as it is now"
_MOST_SHOWN: Final = 5
_TOO_MANY: Final = "too many accounts to compare"


@dataclass(frozen=True, slots=True)
class _New:
    """A contact with what is to be written of it; `parts` by field, as Xero holds them."""

    contact: ReadContact
    parts: Mapping[str, Part]
    given: Mapping[str, Mapping[str, str | None]]
    """By field of the contact, what the account's fields are to hold for it."""

    @property
    def contact_id(self) -> SourceId:
        """Its id."""
        return self.contact.contact_id


@dataclass(slots=True)
class NewAccountsPlan:
    """What came of the contacts of a run."""

    rows: list[DispositionRow] = field(default_factory=list)
    refused: set[SourceId] = field(default_factory=set)
    planned: int = 0


class NewAccounts:
    """Plans accounts for contacts that stand for none."""

    def __init__(self, scope: Scope, client: SalesforceClient, section: NewInXeroSection) -> None:
        """The run must know its org."""
        self._scope = scope
        self._client = client
        self._section = section
        self._fields = shared_fields(scope.spec.contacts)
        self._read: AbstractSet[SourceId] = frozenset()
        self._waiting: AbstractSet[SourceId] = frozenset()
        self._former: Mapping[SourceId, TargetId] = {}

    def plan(
        self, contacts: Mapping[TargetId, ReadContact], *, read: Iterable[SourceId]
    ) -> NewAccountsPlan:
        """Plan accounts for those of the contacts that qualify; withdraw what waits for others.

        `read` are all that the run has read, refused ones too.
        """
        done, scope = NewAccountsPlan(), self._scope
        read_at, self._read = scope.clock.now(), set(read)
        keys = self._waits(self._read)
        self._waiting = keys.keys()
        made = self._made(keys)
        done.rows += (
            DispositionRow(Entity.CONTACT, one, Disposition.WAITING) for one in sorted(made)
        )
        left = {key: one for key, one in contacts.items() if one.contact_id not in made}
        wanted = self._qualified(left, done)
        entries: list[PlannedEntry] = []
        findings: list[Finding] = []
        if wanted:
            self._former = self._former_accounts(wanted)
            findings = self._findings(wanted, self._heirs(left))
            done.refused |= refused_by(findings)
            passed = [one for one in wanted if one.contact_id not in done.refused]
            entries = list(self._entries(passed, findings, done, read_at=read_at))
            scope.ledger.quarantine.put(scope.run_id, scope.route, findings)
        done.rows += (
            DispositionRow(Entity.CONTACT, one, Disposition.QUARANTINED, _rule_of(one, findings))
            for one in sorted(done.refused)
        )
        for planned in scope.ledger.outbox.plan(scope.run_id, entries):
            done.planned += planned.outcome is PlanOutcome.ADDED
            done.rows.append(row_of(planned, Entity.CONTACT, planned.source_id))
        self._withdraw(self._read - made - {one.source_id for one in entries}, read_at=read_at)
        return done

    def _waits(self, contact_ids: Iterable[SourceId]) -> dict[SourceId, str]:
        """Return for whom an account waits or is under way, with its field for the id."""
        wished = self._scope.ledger.merging.wished(
            org_of(self._scope), Entity.ACCOUNT_CREATE, contact_ids
        )
        return {
            one: wish.meta[KEY] for one, wish in wished.items() if wish.state is not EntryState.DEAD
        }

    def _made(self, keys: Mapping[SourceId, str]) -> set[SourceId]:
        """Return those whose accounts are there already: who publishes next links them."""
        named: dict[str, str] = {}
        for key in set(keys.values()):
            waiting = sorted(one for one, own in keys.items() if own == key)
            named |= accounts_named(self._client, key, waiting)
        return {one for one in keys if one.lower() in named}

    def _withdraw(self, ids: AbstractSet[SourceId], *, read_at: datetime) -> None:
        scope = self._scope
        scope.ledger.outbox.withdraw(
            scope.run_id,
            org_of(scope),
            Entity.ACCOUNT_CREATE,
            sorted(ids),
            read_at=read_at,
            reason=_NOT_WANTED,
        )

    def _qualified(
        self, contacts: Mapping[TargetId, ReadContact], done: NewAccountsPlan
    ) -> list[ReadContact]:
        """Return the contacts that stand for nobody, did not come from us, and meet the route."""
        scope = self._scope
        linked = scope.ledger.outbox.linked_among(scope.tenant, Entity.CONTACT, contacts)
        meeting = ids_meeting_route(scope, self._section.when)
        wanted = []
        for target_id, one in contacts.items():
            if target_id in linked or _is_ours(one):
                continue
            if one.status != ACTIVE:
                rule = NOT_ACTIVE
            elif one.contact_id not in meeting:
                rule = OUT_OF_SCOPE
            else:
                wanted.append(one)
                continue
            done.rows.append(
                DispositionRow(Entity.CONTACT, one.contact_id, Disposition.SKIPPED, rule)
            )
        return wanted

    def _former_accounts(self, wanted: Sequence[ReadContact]) -> dict[SourceId, TargetId]:
        """Return the accounts that were made of some before, whatever became of them."""
        ids = [one.contact_id for one in wanted]
        links = self._scope.ledger.links
        made = links.get_many(org_of(self._scope), Entity.ACCOUNT_CREATE, ids)
        return {one: link.target_id for one, link in made.items()}

    def _heirs(self, contacts: Mapping[TargetId, ReadContact]) -> dict[str, str]:
        """Return by contact the accounts whose own one was merged into it.

        Their links follow in the next run from Salesforce; until then it stands for nobody.
        """
        went = {
            one: TargetId(contact.held["MergedToContactID"])
            for one, contact in contacts.items()
            if contact.status != ACTIVE and contact.held.get("MergedToContactID")
        }
        heirs: dict[str, list[str]] = {}
        links, tenant = self._scope.ledger.links, self._scope.tenant
        for contact_id, account in links.sources_of(tenant, Entity.CONTACT, went):
            heirs.setdefault(chain_end(contact_id, went), []).append(account)
        return {one: " ".join(sorted(accounts)) for one, accounts in heirs.items()}

    def _findings(self, wanted: Sequence[ReadContact], heirs: Mapping[str, str]) -> list[Finding]:
        """Return why some are left to a person: an account looks like them, or one was made."""
        scope = self._scope
        similar = SimilarAccounts(scope, self._client, self._section).of(
            [_element(one) for one in wanted]
        )
        released = scope.ledger.releases.of(scope.route, Entity.CONTACT)
        before = self._before()
        findings: list[Finding] = []
        let_go = {source_id for source_id, rule, _ in released if rule == LOOKS_LIKE}
        # Who waits already comes first: its account may be under way. Whom a person let go is next,
        # since nobody before it could hold it up.
        for one in sorted(
            wanted,
            key=lambda one: (one.contact_id not in self._waiting, one.contact_id not in let_go),
        ):
            contact_id = one.contact_id
            told = _looks_like(contact_id, similar, self._former.get(contact_id))
            if told is None and contact_id in heirs:
                told = heirs[contact_id], "MergedToContactID"
            told = told or before.like(one.held)
            found: tuple[Finding, ...] = ()
            if told is not None:
                value, shared = told
                looks = Finding(
                    Entity.CONTACT, contact_id, LOOKS_LIKE, shared, value, _LOOKS_LIKE_HINT
                )
                found = with_releases([looks], released)
            if not refused_by(found):
                before.note(contact_id, one.held)
            findings += found
        return findings

    def _before(self) -> "_Before":
        """Return the contacts whose accounts are still to be made, of those not read anew."""
        before = _Before()
        wished = self._scope.ledger.merging.all_wished(org_of(self._scope), Entity.ACCOUNT_CREATE)
        for contact_id, wish in wished.items():
            if contact_id not in self._read and wish.state is not EntryState.DEAD:
                before.note(contact_id, json.loads(wish.meta[CONTACT]))
        return before

    def _entries(
        self,
        wanted: Sequence[ReadContact],
        findings: list[Finding],
        done: NewAccountsPlan,
        *,
        read_at: datetime,
    ) -> Iterator[PlannedEntry]:
        """Make entries of contacts, each tried out on the mapping first."""
        new = [self._new(one) for one in wanted]
        if not new:
            return
        result = self._tried(new)
        after = {one.source_id: one for one in result.documents}
        for one in new:
            document = after.get(one.contact_id)
            if document is None:
                findings.append(_refusal(one.contact_id, result))
                done.refused.add(one.contact_id)
                continue
            ours = parts_of(snapshot_of(document.payload), self._fields)
            # Nobody else's name counts here: the contact has it already.
            ours["name"] = document.meta["base_name"]
            lost = [key for key in one.given if ours[key] is None and one.parts[key] is not None]
            findings.extend(
                Finding(
                    Entity.CONTACT,
                    one.contact_id,
                    NO_WAY_BACK,
                    key,
                    shown(one.parts[key]),
                    NO_WAY_BACK_HINT,
                    Severity.WARN,
                )
                for key in lost
            )
            yield self._entry(one, ours, lost, read_at=read_at)

    def _new(self, contact: ReadContact) -> _New:
        parts = parts_of(contact.held, self._fields)
        return _New(contact, parts, account_of(self._scope.spec.contacts, self._fields, parts))

    def _tried(self, new: Sequence[_New]) -> "TransformResult":
        """Return what the mapping would make of the accounts."""
        from sfxero.mapping.transform import transform_contacts
        from sfxero.staging.records import frame_of

        scope, name = self._scope, OBJECT_OF[Entity.ACCOUNT]
        records = [
            {
                **self._section.values,
                **{key: text for given in one.given.values() for key, text in given.items()},
                "Id": one.contact_id,
                "IsDeleted": False,
                "SystemModstamp": one.contact.updated_at.astimezone(UTC).isoformat(),
            }
            for one in new
        ]
        frame = frame_of(records, schema=schema_of(scope.spec, self._client, name))
        frame = without_related(scope.spec, self._client, name, frame)
        return transform_contacts(frame, scope.spec, owners={}, own_names={})

    def _entry(
        self, one: _New, ours: Mapping[str, Part], lost: Sequence[str], *, read_at: datetime
    ) -> PlannedEntry:
        scope, contact = self._scope, one.contact
        given = {
            name: text
            for key, texts in one.given.items()
            if key not in lost
            for name, text in texts.items()
            if text
        }
        payload = canonical({**given, **self._section.values})
        former = self._former.get(one.contact_id)
        meta = {
            "rule": RULE,
            KEY: self._section.external_id,
            AGREED_IN: scope.tenant,
            CONTACT: canonical(contact.held),
            NOTE: f"made of a contact of Xero's, since {self._section.when.told()}",
        }
        if one.contact_id in self._waiting:
            meta[TRIED] = "yes"
        if contact.held.get("ContactNumber"):
            meta[CONTACT_NUMBER] = contact.held["ContactNumber"]
        if scope.spec.contacts.two_way is not None:
            agreed = {key: Pair(ours[key], part) for key, part in one.parts.items()}
            meta |= {IS_TWO_WAY: "yes", CHANGES: canonical(agreed)}
        return PlannedEntry(
            route=scope.route,
            tenant=org_of(scope),
            entity=Entity.ACCOUNT_CREATE,
            source_id=one.contact_id,
            payload=payload,
            # Another account is another wish, though it be of the same values.
            content_hash=payload_hash(f"{payload}\n{former}" if former else payload),
            version=SourceVersion(stamp_at=contact.updated_at, read_at=read_at),
            mapping_version=scope.spec.mapping_version,
            meta=meta,
        )


class _Before:
    """What contacts that become accounts have in common: two of one company make one account."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], SourceId] = {}

    def like(self, held: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return an earlier contact that may be the same, and in what."""
        for key in _keys_of(held):
            if key in self._seen:
                return self._seen[key], key[0]
        return None

    def note(self, contact_id: SourceId, held: Mapping[str, Any]) -> None:
        """Remember a contact that becomes an account."""
        for key in _keys_of(held):
            self._seen.setdefault(key, contact_id)


def _keys_of(held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    makers = (("TaxNumber", tax_number_key), ("EmailAddress", email_key), ("Name", words_of))
    for name, make in makers:
        key = make(str(held.get(name) or ""))
        if key:
            yield name, key


def _looks_like(
    contact_id: SourceId, similar: Similar, made: TargetId | None
) -> tuple[str, str] | None:
    """Return the accounts that a contact could be, and what speaks for it."""
    named = similar.named.get(contact_id.lower()) or made
    if named:
        return named, "ContactID"
    if contact_id in similar.too_many:
        return _TOO_MANY, "Name"
    near: Sequence[Match] = similar.accounts.get(contact_id, ())[:_MOST_SHOWN]
    if not near:
        return None
    told = ", ".join(rule.name for rule in near[0].reasons)
    return " ".join(sorted(one.account_id for one in near)), told


def _refusal(contact_id: SourceId, result: "TransformResult") -> Finding:
    """Say by which rule the mapping would refuse an account of these values."""
    rule, hint = _REFUSED
    told = next(
        one
        for one in result.findings
        if one.source_id == contact_id and one.severity is Severity.REFUSE
    )
    value = f"{told.rule}: {told.value or 'empty'}"
    return Finding(Entity.CONTACT, contact_id, rule, told.field, value, hint)


def _is_ours(contact: ReadContact) -> bool:
    """Say whether the sync itself made a contact, whatever became of its link."""
    number = str(contact.held.get("ContactNumber") or "").strip()
    return account_id(number) is not None or (is_lead(number) and len(number) in {15, 18})


def _element(contact: ReadContact) -> dict[str, Any]:
    """Return a contact in Xero's own shape."""
    held = contact.held
    phones = held.get("Phones") or {}
    return {
        **held,
        "ContactID": contact.contact_id,
        "Addresses": [{"AddressType": "POBOX", **held["POBOX"]}] if "POBOX" in held else [],
        "Phones": [{"PhoneType": kind, **parts} for kind, parts in phones.items()],
    }


def _rule_of(contact_id: SourceId, findings: Iterable[Finding]) -> str:
    return next(
        one.rule
        for one in findings
        if one.source_id == contact_id and one.severity is Severity.REFUSE
    )
