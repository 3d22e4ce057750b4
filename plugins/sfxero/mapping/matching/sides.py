"""Both sides as tables of the same columns: accounts as the route maps them, and contacts."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, read_frame
from sfxero.mapping.contacts import transform_contacts
from sfxero.mapping.spec import RouteSpec
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId

if TYPE_CHECKING:
    import pandas as pd

EXTRA_FIELDS: Final = ("AccountNumber", "Website")
"""Fields of an account that help to match it, mapped or not, where the org has them."""

COLUMNS: Final = (
    "id", "name", "contact_number", "account_number", "tax_number", "email", "website", "phone",
    "street", "city", "region", "postal_code", "country", "status", "merged_to",
)  # fmt: skip
_ACTIVE: Final = "ACTIVE"
_BATCH: Final = 4_096
_TEXTS: Final = {
    "id": "ContactID",
    "name": "Name",
    "contact_number": "ContactNumber",
    "account_number": "AccountNumber",
    "tax_number": "TaxNumber",
    "email": "EmailAddress",
    "website": "Website",
    "status": "ContactStatus",
    "merged_to": "MergedToContactID",
}
_ADDRESS: Final = {
    "city": "City",
    "region": "Region",
    "postal_code": "PostalCode",
    "country": "Country",
}


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts that would become contacts, and those that the mapping refuses, with the rule."""

    table: pa.Table
    refused: Mapping[SourceId, str]
    names: Mapping[SourceId, str]
    """Names of the refused ones."""


def accounts_of(frame: "pd.DataFrame", spec: RouteSpec) -> Accounts:
    """Return live accounts as the contacts that the route makes of them."""
    result = transform_contacts(frame, spec, owners={}, own_names={})
    extras = _extras(frame, spec)
    parties = (
        {
            **json.loads(one.payload),
            **extras.get(one.source_id, {}),
            "ContactID": one.source_id,
            "ContactNumber": None,
            "Name": one.meta["base_name"],
        }
        for one in result.documents
    )
    return Accounts(table_of(parties), *_refused(frame, result.findings))


def table_of(elements: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return records in Xero's shape as columns of text."""
    batches = []
    schema = pa.schema([(name, TEXT) for name in COLUMNS])
    rows: list[dict[str, str | None]] = []
    for element in elements:
        rows.append(_party(element))
        if len(rows) == _BATCH:
            batches.append(pa.RecordBatch.from_pylist(rows, schema))
            rows = []
    batches.append(pa.RecordBatch.from_pylist(rows, schema))
    return pa.Table.from_batches(batches, schema).combine_chunks()


def without(table: pa.Table, ids: Iterable[str]) -> pa.Table:
    """Return the records that are none of these."""
    named = pa.array(list(ids), TEXT)
    return table.filter(pc.invert(pc.is_in(table["id"], named)))


def _party(element: Mapping[str, Any]) -> dict[str, str | None]:
    party = {column: _text(element.get(name)) for column, name in _TEXTS.items()}
    address = _address(element)
    party |= {column: _text(address.get(name)) for column, name in _ADDRESS.items()}
    lines = (_text(address.get(f"AddressLine{place}")) for place in range(1, 5))
    party["street"] = _text(", ".join(line for line in lines if line))
    party["phone"] = _phone(element)
    party["status"] = party["status"] or _ACTIVE
    return party


def _address(element: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the address that invoices show, else the street address."""
    by_kind = {one.get("AddressType"): one for one in element.get("Addresses") or ()}
    for kind in ("POBOX", "STREET"):
        found: Mapping[str, Any] = by_kind.get(kind, {})
        if any(_text(value) for name, value in found.items() if name != "AddressType"):
            return found
    return {}


def _phone(element: Mapping[str, Any]) -> str | None:
    by_kind = {one.get("PhoneType"): one for one in element.get("Phones") or ()}
    for kind in ("DEFAULT", "DDI", "MOBILE"):
        one = by_kind.get(kind, {})
        if _text(one.get("PhoneNumber")):
            parts = (one.get(f"Phone{part}") for part in ("CountryCode", "AreaCode", "Number"))
            return " ".join(text for part in parts if (text := _text(part)))
    return None


def _extras(frame: "pd.DataFrame", spec: RouteSpec) -> dict[str, dict[str, str]]:
    """Return the account number and the web address of each account that has one."""
    table = read_frame(frame)
    number = spec.contacts.name_suffix or "AccountNumber"
    found: dict[str, dict[str, str]] = {}
    for name, field in (("AccountNumber", number), ("Website", "Website")):
        if field not in table.column_names:
            continue
        rows = zip(frame["Id"], clean_text(table, field).to_pylist(), strict=True)
        for source_id, value in rows:
            if value is not None:
                found.setdefault(source_id, {})[name] = value
    return found


def _refused(
    frame: "pd.DataFrame", findings: Iterable[Finding]
) -> tuple[dict[SourceId, str], dict[SourceId, str]]:
    rules: dict[SourceId, str] = {}
    for one in findings:
        if one.severity is Severity.REFUSE:
            rules.setdefault(one.source_id, one.rule)
    names: dict[SourceId, str] = {}
    if rules and "Name" in frame.columns:
        rows = zip(frame["Id"], frame["Name"], strict=True)
        names = {one: str(name) for one, name in rows if one in rules}
    return rules, names


def _text(value: object) -> str | None:
    text = str(value).strip() if value is not None else ""
    return text or None
