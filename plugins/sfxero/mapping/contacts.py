"""Accounts become Xero contacts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.addresses import postal_addresses
from sfxero.mapping.columns import (
    TEXT,
    clean_text,
    flag_column,
    flags,
    map_unique,
    read_records,
    stamp_column,
    text_column,
)
from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.names import base_name, name_key
from sfxero.mapping.payment_terms import payment_terms
from sfxero.mapping.persons import contact_persons
from sfxero.mapping.phones import email, phones
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import Json, json_object, json_text
from sfxero.mapping.result import Documents, TransformResult
from sfxero.mapping.rules import apply_rule, source_of
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.unique_names import Naming, unique_names
from sfxero.model.states import Entity

if TYPE_CHECKING:
    import pandas as pd

_TAX_NUMBER_LIMIT: Final = 50


def transform_contacts(
    accounts: "pd.DataFrame",
    spec: RouteSpec,
    *,
    owners: Mapping[str, str],
    own_names: Mapping[str, str],
) -> TransformResult:
    """Return a contact for every live account that meets the rules.

    `owners` and `own_names` are the names in use, see `unique_names`. Each document's `meta` has
    the `name_key` to reserve, and what another name would be made from.
    """
    table = read_records(accounts)
    # A merged account is deleted, too; its master carries on.
    merged = flags(pc.is_valid(clean_text(table, "MasterRecordId")))
    gone = flag_column(table, "IsDeleted") | merged
    removed = text_column(table, "Id").filter(pa.array(gone)).to_pylist()
    live = table.filter(pa.array(~gone))
    findings = Findings(Entity.ACCOUNT, text_column(live, "Id"))
    tax_numbers = apply_rule(
        live, spec.contacts.tax_number, findings, name="tax_number", limit=_TAX_NUMBER_LIMIT
    )
    fields = {
        "TaxNumber": json_text(tax_numbers),
        "EmailAddress": email(live, spec.contacts.email, findings),
        "ContactPersons": contact_persons(live, spec.contacts, findings),
        "Phones": phones(live, spec.contacts.phones, findings),
        "Addresses": postal_addresses(live, spec.contacts.postal_address, findings),
        "PaymentTerms": payment_terms(live, spec.contacts.payment_terms, findings),
    }
    rules = spec.contacts
    base = base_names(live, rules.name, findings)
    numbers = _suffixes(live, rules.name_suffix)
    naming = choose_names(base, numbers, rules.name, findings, owners=owners, own=own_names)
    documents = contact_documents(live, naming, fields, kept=~findings.refused)
    return TransformResult(documents, findings.rows, skipped=[], removed=removed)


def base_names(table: pa.Table, rule: FieldRule, findings: Findings) -> pa.Array:
    """Return what each record would be called, if nobody else were called so."""
    given = apply_rule(table, rule, findings, name="name", required=True)
    base = map_unique(given, lambda text: _named(base_name(text)))
    findings.add(
        "name_missing",
        flags(pc.and_(pc.is_valid(given), pc.is_null(base))),
        field=source_of(rule),
        values=given,
        hint="Give the account a name that has a letter or a digit.",
    )
    return base


def _suffixes(table: pa.Table, field: str | None) -> pa.Array:
    """Return what tells records of one name apart, where there is anything."""
    if field is None:
        return pa.nulls(table.num_rows, TEXT)
    return map_unique(clean_text(table, field), lambda text: _named(base_name(text)))


def choose_names(
    base: pa.Array,
    numbers: pa.Array,
    rule: FieldRule,
    findings: Findings,
    *,
    owners: Mapping[str, str],
    own: Mapping[str, str],
) -> dict[str, pa.Array]:
    """Choose the names; only records that nothing else holds back may take one."""
    ids = findings.ids.to_pylist()
    rows = zip(ids, base.to_pylist(), numbers.to_pylist(), findings.refused, strict=True)
    wanted = [Naming(one, name, number) for one, name, number, refused in rows if not refused]
    chosen = unique_names(wanted, owners=owners, own=own)
    names = pa.array([chosen.get(one) for one in ids], TEXT)
    findings.add(
        "name_taken",
        flags(pc.is_null(names)) & ~findings.refused,
        field=source_of(rule),
        values=base,
        hint="Rename the account: each name that could be made for it belongs to another contact.",
    )
    return {"name": names, "base_name": base, "account_number": numbers}


def _named(text: str) -> str | None:
    return text if name_key(text) else None


def contact_documents(
    table: pa.Table,
    naming: dict[str, pa.Array],
    fields: dict[str, Json],
    *,
    kept: np.ndarray,
) -> Documents:
    """Make the documents of the records of the mask; `fields` holds all but name and number."""
    mask = pa.array(kept)
    ids = text_column(table, "Id").filter(mask)
    names = {key: column.filter(mask) for key, column in naming.items()}
    payloads = json_object(
        {
            "Name": json_text(names["name"]),
            "ContactNumber": json_text(ids),
            **{key: Json(one.texts.filter(mask), one.quote) for key, one in fields.items()},
        }
    )
    return Documents(
        ids,
        payloads,
        stamp_column(table, "SystemModstamp").filter(mask),
        meta={**names, "name_key": map_unique(names["name"], name_key)},
    )
