"""The canonical form of what Xero says a record holds: the same values give the same text."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from sfxero.errors import UnexpectedResponse
from sfxero.model.states import Entity
from sfxero.xero.dates import parse_xero_day
from sfxero.xero.replies import SERVICE

Canonical: TypeAlias = "dict[str, Any]"

_CONTACT_TEXTS: Final = (
    "ContactID", "Name", "FirstName", "LastName", "EmailAddress", "ContactNumber", "AccountNumber",
    "TaxNumber", "ContactStatus", "MergedToContactID",
)  # fmt: skip
_ADDRESS_TEXTS: Final = (
    "AddressLine1", "AddressLine2", "AddressLine3", "AddressLine4", "City", "Region", "PostalCode",
    "Country", "AttentionTo",
)  # fmt: skip
_PERSON_TEXTS: Final = ("FirstName", "LastName", "EmailAddress")
_PHONE_TEXTS: Final = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")
_INVOICE_TEXTS: Final = (
    "InvoiceID", "InvoiceNumber", "Type", "Status", "Reference", "LineAmountTypes", "CurrencyCode",
    "Url",
)  # fmt: skip
_NOTE_TEXTS: Final = ("CreditNoteID", "CreditNoteNumber", "Status", "CurrencyCode", "Reference")
_NOTE_NUMBERS: Final = ("SubTotal", "TotalTax", "Total", "RemainingCredit", "Amount")
_EMAILED: Final = ("InvoiceID", "SentToContact")
_INVOICE_NUMBERS: Final = (
    "CurrencyRate", "SubTotal", "TotalTax", "Total", "AmountDue", "AmountPaid", "AmountCredited",
)  # fmt: skip
_LINE_TEXTS: Final = ("Description", "ItemCode", "AccountCode", "TaxType")
_LINE_NUMBERS: Final = (
    "Quantity", "UnitAmount", "DiscountRate", "DiscountAmount", "LineAmount", "TaxAmount",
)  # fmt: skip


def snapshot(entity: Entity, element: Mapping[str, Any]) -> str:
    """Return canonical JSON of the fields we own: keys sorted, numbers as texts, nothing empty."""
    if entity is Entity.CONTACT:
        canonical = _contact(element)
    elif entity is Entity.INVOICE:
        canonical = canonical_invoice(element)
    elif entity is Entity.CREDIT_NOTE:
        canonical = _texts(element, _NOTE_TEXTS) | _numbers(element, _NOTE_NUMBERS)
    elif entity is Entity.INVOICE_EMAIL:
        canonical = {name: element[name] for name in _EMAILED if name in element}
    else:
        raise ValueError(f"Xero has no {entity}")
    return json.dumps(canonical, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _contact(element: Mapping[str, Any]) -> Canonical:
    canonical = _texts(element, _CONTACT_TEXTS)
    for address in _objects(element, "Addresses"):
        if address.get("AddressType") == "POBOX":
            texts = _texts(address, _ADDRESS_TEXTS)
            if texts:
                canonical["POBOX"] = texts
    phones = {
        str(phone.get("PhoneType")): texts
        for phone in _objects(element, "Phones")
        if (texts := _texts(phone, _PHONE_TEXTS))
    }
    # Their order means nothing, and Xero promises none.
    persons = sorted(map(_person, _objects(element, "ContactPersons")), key=json.dumps)
    found = {"Phones": phones, "ContactPersons": persons, "SalesTerms": _sales_terms(element)}
    return canonical | {name: value for name, value in found.items() if value}


def _sales_terms(element: Mapping[str, Any]) -> Canonical:
    """Return the payment terms of sales; those of bills are not ours."""
    terms = element.get("PaymentTerms")
    sales = terms.get("Sales") if isinstance(terms, dict) else None
    if not isinstance(sales, dict):
        return {}
    return _numbers(sales, ("Day",)) | _texts(sales, ("Type",))


def _person(person: Mapping[str, Any]) -> Canonical:
    canonical = _texts(person, _PERSON_TEXTS)
    return canonical | ({"IncludeInEmails": True} if person.get("IncludeInEmails") is True else {})


def canonical_invoice(element: Mapping[str, Any]) -> Canonical:
    """Return the fields of an invoice that we own, as values of canonical JSON."""
    canonical = _texts(element, _INVOICE_TEXTS) | _numbers(element, _INVOICE_NUMBERS)
    for name in ("Date", "DueDate"):
        # The String twin needs no offset to be read, so it comes first.
        text = element.get(f"{name}String") or element.get(name)
        if isinstance(text, str) and text:
            canonical[name] = parse_xero_day(text).isoformat()
    contact = element.get("Contact")
    if isinstance(contact, dict) and contact.get("ContactID"):
        canonical["ContactID"] = str(contact["ContactID"])
    lines = [_line(line) for line in _objects(element, "LineItems")]
    if lines:
        canonical["LineItems"] = lines
    return canonical


def _line(line: Mapping[str, Any]) -> Canonical:
    canonical = _texts(line, _LINE_TEXTS) | _numbers(line, _LINE_NUMBERS)
    options = {str(one.get("Name")): str(one.get("Option")) for one in _objects(line, "Tracking")}
    return canonical | ({"Tracking": options} if options else {})


def _texts(element: Mapping[str, Any], names: Sequence[str]) -> Canonical:
    return {name: str(element[name]) for name in names if element.get(name) not in (None, "", [])}


def _numbers(element: Mapping[str, Any], names: Sequence[str]) -> Canonical:
    return {
        name: _plain(element[name]) for name in names if element.get(name) not in (None, "", [])
    }


def _plain(value: object) -> str:
    """Return a number without exponent, trailing zeroes or a negative zero."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UnexpectedResponse("an amount is not a number", service=SERVICE)
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", "", "-"} else text


def _objects(element: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = element.get(name)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
