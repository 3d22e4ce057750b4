"""The columns of staged Xero records, named as Xero names them; `Id` is the record's own id."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

STAMP: Final = "UpdatedDateUTC"
_MOMENT: Final = pa.timestamp("us", tz="UTC")
_CENTS: Final = pa.decimal128(20, 2)
_TEXT: Final = pa.string()

_CREDIT: Final = {
    "Id": _TEXT,
    "Type": _TEXT,
    "Status": _TEXT,
    "ContactID": _TEXT,
    "CurrencyCode": _TEXT,
    "Total": _CENTS,
    "RemainingCredit": _CENTS,
    "Date": pa.date32(),
    "InvoiceIDs": _TEXT,
    STAMP: _MOMENT,
}
_COLUMNS: Final[Mapping[str, Mapping[str, pa.DataType]]] = {
    "Invoices": {
        "Id": _TEXT,
        "Type": _TEXT,
        "InvoiceNumber": _TEXT,
        "Status": _TEXT,
        "ContactID": _TEXT,
        "CurrencyCode": _TEXT,
        "Reference": _TEXT,
        "SubTotal": _CENTS,
        "TotalTax": _CENTS,
        "Total": _CENTS,
        "AmountDue": _CENTS,
        "AmountPaid": _CENTS,
        "AmountCredited": _CENTS,
        "CreditNotesApplied": _CENTS,
        "Date": pa.date32(),
        "DueDate": pa.date32(),
        "FullyPaidOnDate": pa.date32(),
        # JSON, numbers as texts; empty unless a mirror needs them.
        "LineItems": _TEXT,
        "Payments": _TEXT,
        STAMP: _MOMENT,
    },
    "Contacts": {
        "Id": _TEXT,
        "Name": _TEXT,
        "Status": _TEXT,
        "ContactNumber": _TEXT,
        "AccountNumber": _TEXT,
        "TaxNumber": _TEXT,
        "EmailAddress": _TEXT,
        "MergedToContactID": _TEXT,
        "IsCustomer": pa.bool_(),
        "IsSupplier": pa.bool_(),
        # All that it holds, in the form in which links keep it.
        "Snapshot": _TEXT,
        STAMP: _MOMENT,
    },
    "Payments": {
        "Id": _TEXT,
        "PaymentType": _TEXT,
        "Status": _TEXT,
        "Amount": _CENTS,
        "Date": pa.date32(),
        "InvoiceIDs": _TEXT,
        STAMP: _MOMENT,
    },
    "CreditNotes": _CREDIT,
    "Overpayments": _CREDIT,
    "Prepayments": _CREDIT,
}


def schema_of(plural: str) -> pa.Schema:
    """Return the schema of one list of Xero's."""
    return pa.schema(list(_COLUMNS[plural].items()))
