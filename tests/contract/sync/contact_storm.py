"""Random edits of accounts and contacts on both sides, with runs and faults between them."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import httpx
from tests.contract.sync.kit import TENANT, Seam, World
from tests.contract.sync.showing import Showing

from sfxero.errors import SyncError
from sfxero.ledger.merging import StoredConflict
from sfxero.mapping.names import name_key
from sfxero.mapping.shared_fields import ONE_WAY, SharedField, shared_fields
from sfxero.model.ids import RouteName, SourceId
from sfxero.model.states import Entity
from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.xero.hands import NotPossible
from sfxero.sync import prepare
from sfxero.sync.contact_prepare import prepare_accounts
from sfxero.sync.shared_values import snapshot_of
from sfxero.sync.xero_lists import CONTACTS

MASTERS = ("salesforce", "xero", "newest", "ask")
_FIELDS = ("name", "tax_number", "email", "phones", "postal_address", "payment_terms")
_PAUSES_S = (1, 61, 400, 700, 3600)
_ABNS = ("51824753556", "53004085616", "33102417032", "83914571673")
_WRITES = frozenset({"PUT", "POST", "PATCH"})


class Killed(Exception):
    """The worker is gone, whatever it has sent."""


class Storming(Seam):
    """A network that loses now and then a write, its answer, or the worker itself."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = Random(0)  # noqa: S311 - repeatable, nothing secret
        self.rate = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        is_write = request.method in _WRITES and (
            "/api.xro/" in path or "/composite/sobjects" in path
        )
        if not is_write or self.chance.random() >= self.rate:
            return super().handle_request(request)
        fate = self.chance.choice(["unsent", "unanswered", "killed"])
        if fate == "unsent":
            raise httpx.ConnectError("no way", request=request)
        super().handle_request(request)
        if fate == "killed":
            raise Killed
        raise httpx.ReadTimeout("no answer", request=request)


@dataclass(frozen=True, slots=True)
class EditMade:
    """What a person wrote: the token is in no other value, in whichever of its spellings."""

    side: str
    account: str
    field: str
    token: str
    contact: str = ""
    """Of an edit in Xero: whose. A merge there keeps what the winner holds, and nothing else."""

    def is_told_in(self, text: str) -> bool:
        """Say whether a text has the token, in whichever spelling."""
        return any(one in text for one in self.token.split("|"))


class Storm:
    """One seed's history: people edit, runs come in between, and in the end all is calm."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.showing = Showing(world)
        self.chance = Random(seed)  # noqa: S311 - repeatable, nothing secret
        assert isinstance(world.seam, Storming)
        self.seam = world.seam
        self.seam.chance = self.chance
        self.edits: list[EditMade] = []
        self.accounts: list[str] = []
        self._billed: set[str] = set()
        """Contacts that a person gave terms of bills."""
        self._number = 0
        self._has_moved = False
        self._is_beside = False
        # Few fields, so that both sides meet in them.
        self._edited = self.chance.sample(_TOKENS, self.chance.randint(1, 3))
        self._share()

    def play(self) -> None:
        """Play the history to its end."""
        for _ in range(self.chance.randint(1, 2)):
            fields = self._account_values()
            self.accounts.append(rules.create(self.world.sandbox.org, "Account", fields))
        self._run()
        self._run()
        for _ in range(self.chance.randint(2, 5)):
            self._edit(times=self.chance.randint(0, 3))
            self.seam.rate = self.chance.choice([0.0, 0.0, 0.3])
            self._run()
            self._decide()
        self.seam.rate = 0.0
        # What a dead worker held becomes free, and what was put off is due.
        self.world.sleep(7200)
        self._replay()

    def calm(self) -> None:
        """Let both directions run twice: all must be in step after that.

        Where records were merged or archived, links follow first, and a writer may change.
        """
        for _ in range(4 if self._has_moved else 2):
            self._from_xero(is_whole=True)
            self.world.sleep(3600)
            self._to_xero(is_whole=True)
            self.world.sleep(3600)

    def writes_at_rest(self) -> list[str]:
        """Run both directions once more, and return what was written to either side."""
        self.world.forget_calls()
        self._from_xero(is_whole=True)
        self.world.sleep(3600)
        self._to_xero(is_whole=True)
        return [*self.world.writes(), *self.showing.org_writes()]

    # What people do.

    def _share(self) -> None:
        masters = {
            name: self.chance.choice(MASTERS)
            for name in _FIELDS
            if self.chance.random() < 0.8
        }  # fmt: skip
        self.world.respec(
            contacts={
                "email": {"from": "Invoice_Email__c"},
                "phones": {"region": "AU", "default": {"from": "Phone"}, "fax": {"from": "Fax"}},
                "payment_terms": {"by": "Payment_Terms__c", "table": _TABLE},
                "two_way": masters or {"email": "newest"},
            }
        )
        self.fields = shared_fields(self.world.spec.contacts)

    def _edit(self, *, times: int) -> None:
        for _ in range(times):
            self.world.sleep(self.chance.choice(_PAUSES_S))
            account = self.chance.choice(self.accounts)
            edit: Callable[[str], None] = self.chance.choice(
                [self._edit_account, self._edit_contact] * 5
                + [self._merge_accounts, self._merge_contacts, self._archive, self._restore]
            )
            with suppress(ApiFailure, NotPossible):
                edit(account)

    def _edit_account(self, account: str) -> None:
        field = self.chance.choice(self._edited)
        values, token = _SALESFORCE[field](self._token())
        if field == "payment_terms" and self.chance.random() < 0.3:
            values, token = {"Payment_Terms__c": None}, ""
        rules.update(self.world.sandbox.org, "Account", account, values)
        self.edits.append(EditMade("salesforce", account, field, token))

    def _edit_contact(self, account: str) -> None:
        link = self.world.link(account)
        if link is None:
            return
        field = self.chance.choice(self._edited)
        values, token = _XERO[field](self._token())
        if self.chance.random() < 0.1 and field != "name":
            values, token = _EMPTY[field], ""
        if field == "payment_terms":
            self._enter_terms(link.target_id, values)
        else:
            self.showing.hands.write_contact(values, link.target_id)
        self.edits.append(EditMade("xero", account, field, token, link.target_id))

    def _enter_terms(self, contact_id: str, terms: dict[str, Any]) -> None:
        """Enter terms in Xero, whose people may take them away as well."""
        books = self.world.books
        held = books.contacts[contact_id]
        if held.status != "ACTIVE":
            raise NotPossible("archived")
        self._billed.add(contact_id)
        with books.writing():
            books.put_contact(
                replace(held, payment_terms={**_BILLS, **terms}, updated_at=books.clock.now())
            )

    def _merge_accounts(self, account: str) -> None:
        other = self.chance.choice(self.accounts)
        if other != account:
            self._has_moved = True
            removal.merge(self.world.sandbox.org, "Account", account, [other])

    def _merge_contacts(self, account: str) -> None:
        winner, loser = (
            self.world.link(one) for one in (account, self.chance.choice(self.accounts))
        )
        if winner and loser and winner.target_id != loser.target_id:
            self._has_moved = True
            self.showing.hands.merge(loser.target_id, winner.target_id)

    def _archive(self, account: str) -> None:
        link = self.world.link(account)
        if link is not None:
            self._has_moved = True
            self.showing.hands.archive(link.target_id)

    def _restore(self, account: str) -> None:
        link = self.world.link(account)
        if link is not None and self.world.books.contacts[link.target_id].merged_to is None:
            fields = {"ContactStatus": "ACTIVE"}
            self.showing.hands.write_contact(fields, link.target_id)

    def _decide(self) -> None:
        for one in self.world.ledger.merging.listing(None):
            if one.decision is None and self.chance.random() < 0.5:
                side = self.chance.choice(["salesforce", "xero"])
                self.world.ledger.merging.decide([one.conflict_id], side, actor="Jo")

    def _replay(self) -> None:
        """Send again what Xero refused for a contact that was archived after it was read."""
        outbox = self.world.ledger.outbox
        outbox.replay(outbox.open_letters(None), actor="Jo")

    def _token(self) -> int:
        self._number += 1
        return self._number

    def _account_values(self) -> dict[str, Any]:
        number = self._token()
        values: dict[str, Any] = {"Name": f"Firm {number}"}
        for field in _TOKENS[1:]:
            if self.chance.random() < 0.7:
                values |= _SALESFORCE[field](self._token())[0]
        return values

    # What runs do.

    def _run(self) -> None:
        run: Callable[[], None] = self.chance.choice(
            [self._from_xero, self._to_xero] * 2 + [self._of_payments]
        )
        with suppress(SyncError, Killed):
            run()
        self.world.sleep(self.chance.choice(_PAUSES_S))

    def _meanwhile(self, beside: Callable[[], None], *, is_whole: bool) -> None:
        """Let people edit in the middle of a run, and the other direction have one `beside` it."""
        if is_whole:
            return
        if self.chance.random() < 0.5:
            self._edit(times=1)
        if not self._is_beside and self.chance.random() < 0.2:
            self.world.sleep(self.chance.choice(_PAUSES_S))
            self._is_beside = True
            try:
                beside()
            finally:
                self._is_beside = False

    def _of_payments(self) -> None:
        """A run from Xero that reads no contacts, as most do."""
        scope = self.showing.begin()
        self.showing.read(scope, lists=["Payments"])
        prepare_accounts(scope, self.world.salesforce)
        self._prepared(scope)

    def _from_xero(self, *, is_whole: bool = False) -> None:
        scope = self.showing.begin()
        self.showing.read(scope, lists=[CONTACTS])
        self._meanwhile(self._to_xero, is_whole=is_whole)
        prepare_accounts(scope, self.world.salesforce)
        self._meanwhile(self._to_xero, is_whole=is_whole)
        if is_whole or self.chance.random() < 0.9:
            self.showing.publish(Entity.ACCOUNT_UPDATE, run_id=scope.run_id)

    def _to_xero(self, *, is_whole: bool = False) -> None:
        scope = self.world.begin()
        self.world.stage(scope)
        self._meanwhile(self._from_xero, is_whole=is_whole)
        prepare.prepare_contacts(scope)
        self._prepared(scope)
        self._meanwhile(self._from_xero, is_whole=is_whole)
        if is_whole or self.chance.random() < 0.9:
            self.world.publish(Entity.CONTACT, run_id=scope.run_id)

    def _prepared(self, scope: Any) -> None:
        windows = self.world.ledger.windows
        windows.mark_prepared([one.window_id for one in windows.of_run(scope.run_id)])

    # What must hold in the end.

    def differences(self) -> list[str]:
        """Return the fields that are not in step, and that nobody is asked or warned about."""
        asked = {one.conflict.key: one for one in self.world.ledger.merging.listing(None)}
        found = []
        for account in self._living():
            ours, theirs = self._held(account)
            for field in self.fields:
                left, right = (field.text(field.part_of(one)) for one in (ours, theirs))
                stored = asked.get((SourceId(account), field.key))
                if left != right and not self._is_excused(field, stored, account, (left, right)):
                    found.append(f"{account} {field.key}: {left} and {right}")
        return found

    def lost(self) -> list[str]:
        """Return what a person wrote last on a side and is neither there nor in the log."""
        log = self._log()
        last = {(one.side, one.contact or one.account, one.field): one for one in self.edits}
        shared = {field.key for field in self.fields if field.policy != ONE_WAY}
        found = []
        living = set(self._living())
        for one in last.values():
            if one.account not in living:
                continue
            if one.contact not in {"", self.world.link(one.account).target_id}:
                continue
            ours, theirs = self._held(one.account)
            held = json.dumps(ours if one.side == "salesforce" else theirs)
            if one.field in shared and not one.is_told_in(held) and not one.is_told_in(log):
                found.append(str(one))
        return found

    def _is_excused(
        self,
        field: SharedField,
        stored: StoredConflict | None,
        account: str,
        held: tuple[str | None, str | None],
    ) -> bool:
        """Say whether a field may differ: it is asked about, or was changed in Xero alone.

        One-way terms stay in Xero when the account is emptied, and so do terms without a name.
        What an account does not have stays in a contact that it has taken over from another.
        """
        ours, xero = held
        if stored is not None:
            return stored.decision is None
        if field.policy == ONE_WAY:
            edits = [one for one in self.edits if one.account == account]
            stays = field.key == "payment_terms"
            is_kept = any(one.side == "xero" or (stays and not one.token) for one in edits)
            return is_kept or (ours is None and self._has_another(account))
        if field.key == "name":
            return self._is_kept_for_another(account, xero or "")
        return field.key == "payment_terms" and "OFCURRENTMONTH" in (xero or "")

    def _has_another(self, account: str) -> bool:
        """Say whether an account has taken over a contact: the two have never agreed."""
        changes = self.world.ledger.link_changes.listing(TENANT, Entity.CONTACT)
        return any(one.after.source_id == account for one in changes)

    def _is_kept_for_another(self, account: str, name: str) -> bool:
        """Say whether a name stays that of an account which was merged: ours has a suffix then."""
        owner = self.world.ledger.names.owners(TENANT).get(name_key(name), account)
        return owner not in {account, *self._living()}

    def _living(self) -> list[str]:
        """Return the accounts that stand alone for an active contact: others are nobody's to edit.

        Where several accounts share a contact, a person decides which of them counts.
        """
        rows = {row["Id"]: row for row in self.world.sandbox.org.records.rows("Account")}
        links = {one: self.world.link(one) for one in self.accounts}
        targets = [link.target_id for link in links.values() if link]
        return [
            one
            for one, link in links.items()
            if link is not None
            and not rows[one]["IsDeleted"]
            and targets.count(link.target_id) == 1
            and self.world.books.contacts[link.target_id].status == "ACTIVE"
        ]

    def _held(self, account: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return both sides in one form; the account as the mapping would write it now."""
        from sfxero.sync.contact_reading import account_frame

        scope = self.world.scope("look")
        frame = account_frame(scope, self.world.salesforce, [SourceId(account)])
        (document,) = prepare.named_contacts(scope, frame).documents
        link = self.world.link(account)
        (contact,) = self.world.accounting.contacts_by_id([link.target_id])
        return snapshot_of(document.payload), snapshot_of(contact)

    def _log(self) -> str:
        events = self.world.ledger.audit.export(RouteName("demo"))
        values = (one.values for one in events if one.values)
        return "\n".join(f"{one.before} {one.after} {one.note}" for one in values)

    def bills(self) -> list[str]:
        """Return the contacts whose terms of bills were lost: nobody has touched them."""
        contacts = self.world.books.contacts.values()
        terms = {one.name: one.payment_terms for one in contacts if one.contact_id in self._billed}
        return [
            name for name, held in terms.items() if (held or {}).get("Bills") != _BILLS["Bills"]
        ]


_TOKENS = (
    "name", "tax_number", "email", "phones.default", "phones.fax", "postal_address",
    "payment_terms",
)  # fmt: skip
# Names for all days but those of the current month, which stay in Xero alone.
_TABLE = {
    f"{day} {terms}": {"days": day, "terms": terms}
    for day in range(1, 29)
    for terms in ("after_date", "after_month_end", "day_of_next_month")
}
_XERO_TYPES = {
    "after_date": "DAYSAFTERBILLDATE",
    "after_month_end": "DAYSAFTERBILLMONTH",
    "day_of_next_month": "OFFOLLOWINGMONTH",
    "day_of_month": "OFCURRENTMONTH",
}
_BILLS = {"Bills": {"Day": 31, "Type": "OFFOLLOWINGMONTH"}}


def _number_of(token: int) -> str:
    return f"9374{token:04d}"


def _terms_of(number: int, *, may_be_unnamed: bool = False) -> tuple[int, str]:
    """Return days and terms that no other edit of this many has."""
    words = list(_XERO_TYPES)
    is_unnamed = may_be_unnamed and number % 5 == 0
    return number % 28 + 1, words[3] if is_unnamed else words[number // 28 % 3]


def _spellings(days: int, terms: str) -> str:
    """Return how terms stand in accounts, contacts, snapshots, entries and notes."""
    kind = _XERO_TYPES[terms]
    found = [
        f'"Day"{colon}{day}{comma}"Type"{colon}"{kind}"'
        for comma, colon in ((", ", ": "), (",", ":"))
        for day in (f'"{days}"', str(days))
    ]
    return "|".join([f"{days} {terms}", f"{days} {kind}", *found])


def _account_terms(number: int) -> tuple[dict[str, Any], str]:
    days, terms = _terms_of(number)
    return {"Payment_Terms__c": f"{days} {terms}"}, _spellings(days, terms)


def _contact_terms(number: int) -> tuple[dict[str, Any], str]:
    days, terms = _terms_of(number, may_be_unnamed=True)
    sales = {"Day": days, "Type": _XERO_TYPES[terms]}
    return {"Sales": sales}, _spellings(days, terms)


_SALESFORCE: dict[str, Callable[[int], tuple[dict[str, Any], str]]] = {
    "name": lambda n: ({"Name": f"Firm {n}"}, f"Firm {n}"),
    "tax_number": lambda n: ({"ABN__c": _ABNS[n % 4]}, _ABNS[n % 4]),
    "email": lambda n: ({"Invoice_Email__c": f"sf{n}@firm.au"}, f"sf{n}@firm.au"),
    "phones.default": lambda n: ({"Phone": f"(02) {_number_of(n)}"}, _number_of(n)),
    "phones.fax": lambda n: ({"Fax": f"+61 2 {_number_of(n)}"}, _number_of(n)),
    "postal_address": lambda n: (
        {"BillingStreet": f"Level {n}\n{n} Main St", "BillingCity": f"Town {n}"},
        f"{n} Main St",
    ),
    "payment_terms": _account_terms,
}
_XERO: dict[str, Callable[[int], tuple[dict[str, Any], str]]] = {
    "name": lambda n: ({"Name": f"Books {n}"}, f"Books {n}"),
    "tax_number": lambda n: ({"TaxNumber": _ABNS[n % 4]}, _ABNS[n % 4]),
    "email": lambda n: ({"EmailAddress": f"xero{n}@firm.au"}, f"xero{n}@firm.au"),
    "phones.default": lambda n: (_phone("DEFAULT", n), _number_of(n)),
    "phones.fax": lambda n: (_phone("FAX", n), _number_of(n)),
    "postal_address": lambda n: (_address(AddressLine1=f"{n} Queen St"), f"{n} Queen St"),
    "payment_terms": _contact_terms,
}


def _phone(kind: str, number: int) -> dict[str, Any]:
    parts = {"PhoneCountryCode": "61", "PhoneAreaCode": "2", "PhoneNumber": _number_of(number)}
    return {"Phones": [{"PhoneType": kind, **parts}]}


def _address(**parts: str) -> dict[str, Any]:
    return {"Addresses": [{"AddressType": "POBOX", **parts}]}


_EMPTY: dict[str, dict[str, Any]] = {
    "tax_number": {"TaxNumber": ""},
    "email": {"EmailAddress": ""},
    "phones.default": {"Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": ""}]},
    "phones.fax": {"Phones": [{"PhoneType": "FAX", "PhoneNumber": ""}]},
    "postal_address": _address(AddressLine1=""),
    "payment_terms": {},
}
