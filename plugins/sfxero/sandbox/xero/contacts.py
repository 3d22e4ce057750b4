"""Rules for writing contacts (xero-api, 4.1 and 4.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.models import Contact, new_id
from sfxero.sandbox.xero.replies import Json

TEXT_LIMITS: Mapping[str, int] = {
    "FirstName": 255,
    "LastName": 255,
    "EmailAddress": 255,
    "ContactNumber": 50,
    "AccountNumber": 50,
    "CompanyNumber": 50,
    "TaxNumber": 50,
    "BankAccountDetails": 255,
    "AccountsReceivableTaxType": 50,
    "AccountsPayableTaxType": 50,
    "DefaultCurrency": 3,
    "SalesDefaultAccountCode": 10,
    "PurchasesDefaultAccountCode": 10,
}
ADDRESS_LIMITS: Mapping[str, int] = {
    "AddressLine1": 500,
    "AddressLine2": 500,
    "AddressLine3": 500,
    "AddressLine4": 500,
    "City": 255,
    "Region": 255,
    "PostalCode": 50,
    "Country": 50,
    "AttentionTo": 255,
}
PHONE_LIMITS: Mapping[str, int] = {
    "PhoneNumber": 50,
    "PhoneAreaCode": 10,
    "PhoneCountryCode": 20,
}
ADDRESS_TYPES = ("STREET", "POBOX")
PHONE_TYPES = ("DDI", "DEFAULT", "FAX", "MOBILE")
STATUSES = frozenset({"ACTIVE", "ARCHIVED", "GDPRREQUEST"})
MOST_PERSONS = 5
TERMS_TYPES = frozenset(
    {"DAYSAFTERBILLDATE", "DAYSAFTERBILLMONTH", "OFCURRENTMONTH", "OFFOLLOWINGMONTH"}
)
MOST_DAYS = 31
ARCHIVED_EDIT = "The contact is archived: archived contacts cannot be edited."

_EMAIL = re.compile(r"[!#-'*+./0-9=?A-Z^_`a-z{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """What a contact would become, or why it may not."""

    contact: Contact
    errors: tuple[str, ...]


def find_existing(books: Books, raw: Json) -> tuple[Contact | None, str | None]:
    """The contact that a POST would update, or the message that there is none of that id.

    The last key is the name: a POST with a known name overwrites that contact silently (4.2).
    """
    fields = Fields(raw)
    contact_id = fields.guid("ContactID")
    if contact_id is not None:
        found = books.contacts.get(contact_id)
        return found, None if found else "The contact with the specified ContactID was not found."
    number = fields.text("ContactNumber")
    if number and (found := books.numbered(number)):
        return found, None
    name = fields.text("Name")
    return (books.active_named(squeezed(name)) if name else None), None


def plan_contact(books: Books, raw: Json, existing: Contact | None) -> ContactPlan:
    """Read and check one contact; nothing is stored."""
    fields = Fields(raw)
    old = existing or Contact(new_id(), "", books.clock.now())
    if existing is not None and existing.status == "ARCHIVED":
        return ContactPlan(existing, (ARCHIVED_EDIT,))
    contact = replace(
        old,
        name=squeezed(fields.text("Name", old.name) or ""),
        status=fields.choice("ContactStatus", old.status, STATUSES),
        texts=_texts(fields, old),
        addresses=_addresses(fields, old),
        phones=_phones(fields, old),
        persons=_persons(fields, old),
        payment_terms=_payment_terms(fields, old, replaced=books.switches.payment_terms_replaced),
        updated_at=books.clock.now(),
    )
    errors = (
        *fields.errors,
        *_name_errors(books, contact),
        *_key_errors(books, contact),
        *_reference_errors(books, contact),
    )
    return ContactPlan(contact, errors)


def squeezed(name: str) -> str:
    """Leading, trailing and repeated spaces do not survive."""
    return " ".join(name.split())


def _texts(fields: Fields, old: Contact) -> dict[str, str]:
    found = {
        name: fields.text(name, old.texts.get(name), longest=longest)
        for name, longest in TEXT_LIMITS.items()
    }
    email = found["EmailAddress"]
    if email and not _EMAIL.fullmatch(email):
        fields.errors.append("Email address must be valid.")
    return {name: value for name, value in found.items() if value}


def _addresses(fields: Fields, old: Contact) -> dict[str, dict[str, str]]:
    found = dict(old.addresses)
    for row in fields.rows("Addresses") or []:
        address = Fields(row)
        kind = address.choice("AddressType", "POBOX", {*ADDRESS_TYPES, "DELIVERY"})
        found[kind] = _limited(address, ADDRESS_LIMITS)
        country = found[kind].get("Country", "")
        if not all(letter.isalpha() or letter == " " for letter in country):
            address.errors.append("The field Country may hold letters only.")
        fields.errors += address.errors
    return found


def _phones(fields: Fields, old: Contact) -> dict[str, dict[str, str]]:
    found = dict(old.phones)
    for row in fields.rows("Phones") or []:
        phone = Fields(row)
        kind = phone.choice("PhoneType", "DEFAULT", {*PHONE_TYPES, "OFFICE"})
        found[kind] = _limited(phone, PHONE_LIMITS)
        fields.errors += phone.errors
    return found


def _limited(fields: Fields, limits: Mapping[str, int]) -> dict[str, str]:
    values = {name: fields.text(name, longest=longest) for name, longest in limits.items()}
    return {name: value for name, value in values.items() if value}


def _persons(fields: Fields, old: Contact) -> tuple[Json, ...]:
    """Contact persons are replaced as a whole."""
    rows = fields.rows("ContactPersons")
    if rows is None:
        return old.persons
    if len(rows) > MOST_PERSONS:
        fields.errors.append(f"A contact may have at most {MOST_PERSONS} contact persons.")
    return tuple(_person(Fields(row)) for row in rows)


def _person(fields: Fields) -> Json:
    return {
        "FirstName": fields.text("FirstName") or "",
        "LastName": fields.text("LastName") or "",
        "EmailAddress": fields.text("EmailAddress") or "",
        "IncludeInEmails": fields.flag("IncludeInEmails"),
    }


def _payment_terms(fields: Fields, old: Contact, *, replaced: bool) -> Json | None:
    """Terms of bills and of sales; whether one that is left out stays is not documented."""
    sent = Fields(fields.block("PaymentTerms") or {})
    terms: Json = {
        name: _terms(Fields(block), fields, name)
        for name in ("Bills", "Sales")
        if (block := sent.block(name)) is not None
    }
    if not terms:
        return old.payment_terms
    return terms if replaced else {**(old.payment_terms or {}), **terms}


def _terms(block: Fields, fields: Fields, name: str) -> Json:
    day, kind = block.number("Day"), block.choice("Type", "", TERMS_TYPES)
    if day is None or not kind:
        fields.errors.append(f"The payment terms of {name} must have a day and a type.")
    elif day != int(day) or not 0 <= day <= MOST_DAYS:
        fields.errors.append(f"The day of payment terms must be a number from 0 to {MOST_DAYS}.")
    return {"Day": int(day or 0), "Type": kind}


def _name_errors(books: Books, contact: Contact) -> list[str]:
    name, errors = contact.name, []
    if not name:
        return ["The contact name must be specified."]
    if len(name) > 255:
        errors.append("The field Name exceeds the maximum length of 255 characters.")
    if "<" in name or ">" in name:
        errors.append("The contact name cannot contain the characters < or >.")
    other = books.active_named(name) if books.switches.unique_names else None
    if contact.status == "ACTIVE" and other and other.contact_id != contact.contact_id:
        errors.append(
            f"The contact name {name} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    return errors


def _key_errors(books: Books, contact: Contact) -> list[str]:
    errors, is_unique = [], books.switches.unique_contact_numbers
    other = books.numbered(contact.number) if contact.number and is_unique else None
    if other and other.contact_id != contact.contact_id:
        errors.append(
            f"The contact number {contact.number} is already assigned to another contact. "
            "The contact number must be unique across all contacts."
        )
    account_number = contact.texts.get("AccountNumber")
    other = books.with_account_number(account_number) if account_number else None
    if other and other.contact_id != contact.contact_id:
        errors.append("The Account Number already exists. Please enter a different Account Number.")
    return errors


def _reference_errors(books: Books, contact: Contact) -> list[str]:
    errors = []
    currency = contact.texts.get("DefaultCurrency")
    if currency and currency not in books.currencies:
        errors.append(f"Organisation is not subscribed to currency {currency}")
    tax_types = _given(contact, "AccountsReceivableTaxType", "AccountsPayableTaxType")
    codes = _given(contact, "SalesDefaultAccountCode", "PurchasesDefaultAccountCode")
    wrong_types = [one for one in tax_types if one not in {*books.tax_rates, "NONE"}]
    wrong_codes = [one for one in codes if one not in books.accounts]
    errors += [f"The TaxType code '{one}' does not exist." for one in wrong_types]
    errors += [f"Account code '{one}' is not a valid code." for one in wrong_codes]
    return errors


def _given(contact: Contact, *names: str) -> list[str]:
    return [contact.texts[name] for name in names if name in contact.texts]
