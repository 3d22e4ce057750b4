"""Contacts and lines in Xero's JSON shapes."""

from collections.abc import Iterable
from datetime import date, datetime

from sfxero.sandbox.xero.amounts import CENT, FOUR
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.contacts import PHONE_TYPES
from sfxero.sandbox.xero.models import ZERO, Contact, Invoice, Line
from sfxero.sandbox.xero.replies import Json, ms_moment
from sfxero.sandbox.xero.settings_seed import seeded_id

_ALWAYS_TEXT = ("FirstName", "LastName", "EmailAddress", "BankAccountDetails")
_DEFAULTS = (
    "AccountsReceivableTaxType",
    "AccountsPayableTaxType",
    "DefaultCurrency",
    "SalesDefaultAccountCode",
    "PurchasesDefaultAccountCode",
)
_ADDRESS_ALWAYS = ("City", "Region", "PostalCode", "Country", "AttentionTo")


def contact_json(books: Books, contact: Contact, *, detail: bool, summary: bool = False) -> Json:
    """A contact; `detail` for single and paged reads, `summary` for `summaryOnly=true`."""
    texts = contact.texts
    row: Json = {
        "ContactID": contact.contact_id,
        "ContactStatus": contact.status,
        "Name": contact.name,
        **{name: texts.get(name, "") for name in _ALWAYS_TEXT},
        **{name: text for name, text in texts.items() if _shown(name, summary=summary)},
    }
    if not summary:
        row |= {
            "Addresses": [_address(contact, kind) for kind in ("STREET", "POBOX")],
            "Phones": [_phone(contact, kind) for kind in PHONE_TYPES],
            "ContactGroups": [],
            "IsSupplier": contact.is_supplier,
            "IsCustomer": contact.is_customer,
            "ContactPersons": list(contact.persons) if detail else [],
        }
    if summary:
        row["Phones"] = [_phone(contact, kind) for kind in PHONE_TYPES]
    if detail and not summary:
        row |= _contact_detail(books, contact)
    row |= {
        "UpdatedDateUTC": _moment(books, contact.updated_at),
        "HasAttachments": False,
        "HasValidationErrors": False,
    }
    return row


def contact_stub(contact: Contact) -> Json:
    """A contact as invoices in lists show it."""
    return {
        "ContactID": contact.contact_id,
        "Name": contact.name,
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def line_json(line: Line, *, four_decimals: bool) -> Json:
    """One line; unit prices have two decimals unless `unitdp=4`."""
    row: Json = {"LineItemID": line.line_id, "Tracking": [_tracked(pair) for pair in line.tracking]}
    if line.description is not None:
        row["Description"] = line.description
    if line.unit_amount is not None:
        places = FOUR if four_decimals else CENT
        row["UnitAmount"] = line.unit_amount.quantize(places, rounding="ROUND_HALF_UP")
    optional = {
        "ItemCode": line.item_code,
        "AccountCode": line.account_code,
        "TaxType": line.tax_type,
        "Quantity": line.quantity,
        "LineAmount": line.line_amount,
        "DiscountRate": line.discount_rate,
        "DiscountAmount": line.discount_amount,
    }
    row |= {name: value for name, value in optional.items() if value is not None}
    if line.account_code is not None:
        row["AccountID"] = seeded_id("account", line.account_code)
    row["TaxAmount"] = line.tax_amount
    return row


def _shown(name: str, *, summary: bool) -> bool:
    return name not in _ALWAYS_TEXT and not (summary and name in _DEFAULTS)


def _address(contact: Contact, kind: str) -> Json:
    sent = contact.addresses.get(kind, {})
    return {"AddressType": kind, **dict.fromkeys(_ADDRESS_ALWAYS, ""), **sent}


def _phone(contact: Contact, kind: str) -> Json:
    sent = contact.phones.get(kind, {})
    blank = {"PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
    return {"PhoneType": kind, **blank, **sent}


def _contact_detail(books: Books, contact: Contact) -> Json:
    row: Json = {}
    if contact.merged_to:
        row["MergedToContactID"] = contact.merged_to
    if contact.payment_terms:
        row["PaymentTerms"] = contact.payment_terms
    open_invoices = [one for one in books.invoices_of(contact.contact_id) if _is_open(one)]
    if open_invoices:
        sales = [one for one in open_invoices if one.kind == "ACCREC"]
        bills = [one for one in open_invoices if one.kind == "ACCPAY"]
        row["Balances"] = {
            "AccountsReceivable": _balance(sales, books.today()),
            "AccountsPayable": _balance(bills, books.today()),
        }
    return row


def _is_open(invoice: Invoice) -> bool:
    return invoice.status == "AUTHORISED"


def _balance(invoices: Iterable[Invoice], today: date) -> Json:
    rows = list(invoices)
    late = [one for one in rows if one.due_on is not None and one.due_on < today]
    return {
        "Outstanding": sum((one.amount_due for one in rows), ZERO),
        "Overdue": sum((one.amount_due for one in late), ZERO),
    }


def _tracked(pair: tuple[str, str]) -> Json:
    return {"Name": pair[0], "Option": pair[1]}


def _moment(books: Books, value: datetime) -> str:
    return ms_moment(value, books.switches.date_offset)
