"""Qualified leads become Xero contacts: prospects, until an account stands for them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, flag_column, flags, read_records, text_column
from sfxero.mapping.comparing import meets
from sfxero.mapping.contacts import base_names, choose_names, contact_documents
from sfxero.mapping.phones import email, phones
from sfxero.mapping.refusals import Findings
from sfxero.mapping.result import LEAD_CONVERTED, LEAD_NOT_QUALIFIED, TransformResult
from sfxero.mapping.spec import LeadsSection
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity

if TYPE_CHECKING:
    import pandas as pd


def transform_leads(
    leads: "pd.DataFrame",
    rules: LeadsSection,
    *,
    owners: Mapping[str, str],
    own_names: Mapping[str, str],
) -> TransformResult:
    """Return a contact for every live lead that is qualified and not converted.

    `owners` and `own_names` are the names in use, as for `transform_contacts`.
    """
    table = read_records(leads)
    gone = flag_column(table, "IsDeleted") | flags(pc.is_valid(clean_text(table, "MasterRecordId")))
    converted = flag_column(table, "IsConverted") & ~gone
    qualified = meets(rules.when, table)
    wanted = table.filter(pa.array(qualified & ~gone & ~converted))
    findings = Findings(Entity.LEAD, text_column(wanted, "Id"))
    fields = {
        "EmailAddress": email(wanted, rules.email, findings),
        "Phones": phones(wanted, rules.phones, findings),
    }
    base = base_names(wanted, rules.name, findings)
    numbers = pa.nulls(wanted.num_rows, TEXT)
    naming = choose_names(base, numbers, rules.name, findings, owners=owners, own=own_names)
    ids = text_column(table, "Id")
    return TransformResult(
        contact_documents(wanted, naming, fields, kept=~findings.refused),
        findings.rows,
        skipped=[
            *((one, LEAD_CONVERTED) for one in _of(ids, converted)),
            *((one, LEAD_NOT_QUALIFIED) for one in _of(ids, ~qualified & ~gone & ~converted)),
        ],
        removed=_of(ids, gone),
    )


def _of(ids: pa.Array, mask: np.ndarray) -> list[SourceId]:
    found: list[SourceId] = ids.filter(pa.array(mask)).to_pylist()
    return found
