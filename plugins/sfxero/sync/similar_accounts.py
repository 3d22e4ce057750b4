"""Accounts that a few contacts could be: looked up by what tells one from another, then matched.

Of a large org not all accounts are read for a single contact. What is asked for is the number of
the contact's id, tax number, account number, e-mail address, domain, phone, the name, and a similar
name at the same postal code; the rules of `sfxero match` then judge what comes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.matching import keys
from sfxero.mapping.new_in_xero_rules import NewInXeroSection
from sfxero.mapping.shared_fields import KINDS
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import fits_rest, literal, select
from sfxero.sync.org_records import NO_TEXTS, check_texts
from sfxero.sync.related import read_related
from sfxero.sync.scope import OBJECT_OF, Scope
from sfxero.sync.staged import typed_schema

if TYPE_CHECKING:
    from sfxero.mapping.matching.matching import Match

from sfxero.model.states import Entity

_TOGETHER: Final = 10
"""Contacts that one query asks for."""
_MOST_ROWS: Final = 2_000
"""What one page holds; a contact that could be more accounts is left to a person."""
_SHORTEST: Final = 3
"""Letters of a name, below which only the name itself is asked for."""
_EXTRAS: Final = ("AccountNumber", "Website")

Element = Mapping[str, Any]


@dataclass(slots=True)
class Similar:
    """What was found, by contact: accounts with what they have in common, the best first."""

    accounts: dict[str, "Sequence[Match]"] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """Accounts that hold the contact's id."""
    too_many: set[str] = field(default_factory=set)


class SimilarAccounts:
    """Asks one org."""

    def __init__(self, scope: Scope, client: SalesforceClient, section: NewInXeroSection) -> None:
        """The section names the field that holds contacts' ids.

        Raises ConfigurationError if the org lacks a field, or has one of numbers for a text.
        """
        self._spec = scope.spec
        self._client = client
        self._key = section.external_id
        self._name = OBJECT_OF[Entity.ACCOUNT]
        described = client.describe(self._name)
        check_texts(described, scope.spec.contacts)
        self._texts = {
            name
            for name, one in described.fields.items()
            if one.filterable and one.type not in NO_TEXTS
        }
        self._extras = [one for one in _EXTRAS if one in self._texts]
        self._fields = sorted({*needed_fields(scope.spec)[self._name], *self._extras})
        self._schema = typed_schema(client, self._name, self._fields)

    def of(self, contacts: Sequence[Element]) -> Similar:
        """Look for the accounts that contacts, in Xero's shape, could be."""
        similar = Similar()
        for start in range(0, len(contacts), _TOGETHER):
            self._look(contacts[start : start + _TOGETHER], similar)
        return similar

    def _look(self, contacts: Sequence[Element], similar: Similar) -> None:
        """Ask for several contacts at once, or for fewer if that is too much."""
        where = " OR ".join(one for contact in contacts for one in self._conditions(contact))
        soql = select(self._name, self._fields, where=where)
        rows = None
        if fits_rest(soql):
            rows = self._client.query_few(soql, most_rows=_MOST_ROWS, most_calls=1)
        if rows is not None:
            self._judge(contacts, rows, similar)
        elif len(contacts) == 1:
            similar.too_many.add(str(contacts[0]["ContactID"]))
        else:
            middle = len(contacts) // 2
            self._look(contacts[:middle], similar)
            self._look(contacts[middle:], similar)

    def _judge(
        self, contacts: Sequence[Element], rows: Sequence[Mapping[str, object]], similar: Similar
    ) -> None:
        from sfxero.mapping.matching.few import resembling
        from sfxero.staging.records import frame_of

        live = [row for row in rows if not row["IsDeleted"]]
        if not live:
            return
        for row in live:
            if row[self._key]:
                similar.named[str(row[self._key]).lower()] = str(row["Id"])
        frame = frame_of(live, schema=self._schema)
        frame = read_related(self._spec, self._client, self._name, frame)
        similar.accounts |= resembling(frame, self._spec, contacts)

    def _conditions(self, contact: Element) -> Iterator[str]:
        """Yield conditions, any of which an account must meet that could be the contact."""
        rules = self._spec.contacts
        yield f"{self._key} = {literal(str(contact['ContactID']))}"
        names = self._own(rules.name)
        yield from _named(names, str(contact.get("Name") or ""))
        tax_number = keys.tax_number_key(str(contact.get("TaxNumber") or ""))
        if tax_number:
            yield from (f"{one} LIKE {_loosely(tax_number)}" for one in self._own(rules.tax_number))
        yield from self._of_email(contact.get("EmailAddress"))
        for number in filter(None, (contact.get("AccountNumber"), contact.get("ContactNumber"))):
            if "AccountNumber" in self._extras:
                yield f"AccountNumber = {literal(str(number))}"
        yield from self._of_phones(contact)
        yield from self._of_place(contact, names)

    def _of_email(self, email: str | None) -> Iterator[str]:
        key, domain = keys.email_key(email or ""), keys.domain_of(email or "")
        for one in self._own(self._spec.contacts.email):
            if key:
                yield f"{one} = {literal(key)}"
            if domain:
                yield f"{one} LIKE {_text(f'%@{domain}')}"
        if domain and "Website" in self._extras:
            yield f"Website LIKE {_text(f'%{domain}%')}"

    def _of_phones(self, contact: Element) -> Iterator[str]:
        phones = self._spec.contacts.phones
        rules = [getattr(phones, kind) for kind in KINDS] if phones else []
        fields = dict.fromkeys(one for rule in rules for one in self._own(rule))
        for phone in contact.get("Phones") or ():
            key = keys.phone_key("".join(filter(None, (phone.get(one) for one in _PHONE))))
            if key:
                yield from (f"{one} LIKE {_loosely(key)}" for one in fields)

    def _of_place(self, contact: Element, names: Sequence[str]) -> Iterator[str]:
        """Yield accounts at the same postal code whose name begins alike."""
        place = self._spec.contacts.postal_address
        codes = self._own(place.postal_code) if place else []
        first = next(iter(keys.patterns_of(str(contact.get("Name") or ""))), "")
        for address in contact.get("Addresses") or ():
            code = address.get("PostalCode")
            if code and _letters(first) >= _SHORTEST:
                for one in codes:
                    of_name = " OR ".join(f"{name} LIKE {_text(f'%{first}%')}" for name in names)
                    yield f"({one} = {literal(str(code))} AND ({of_name}))"

    def _own(self, rule: FieldRule | None) -> list[str]:
        """Return the fields of the account itself that a rule reads and a query can ask for."""
        return [one for one in rule.read_fields if one in self._texts] if rule else []


_PHONE: Final = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")


def _named(fields: Sequence[str], name: str) -> Iterator[str]:
    """Yield what finds a name: as it is written, and its own words in order."""
    words = keys.patterns_of(name)
    for one in fields:
        if name:
            yield f"{one} = {literal(name)}"
        if _letters("".join(words)) >= _SHORTEST:
            yield f"{one} LIKE {_text('%' + '%'.join(words) + '%')}"


def _letters(pattern: str) -> int:
    return len(pattern.replace("%", ""))


def _loosely(key: str) -> str:
    """Return a pattern that finds letters and digits whatever stands between them."""
    return _text(f"%{'%'.join(key)}%")


def _text(pattern: str) -> str:
    # Only in LIKE is this an escape, so that `literal` does not know it (SOQL, quoted strings).
    return literal(pattern).replace("_", r"\_")
