"""Payment terms of contacts, as Xero keeps them: those of sales; those of bills are not ours."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, flags, map_unique
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import Json
from sfxero.mapping.terms_rules import PaymentTermsSection, TermsSection
from sfxero.model.findings import Severity

_SEVERITY: Final = {"warn": Severity.WARN, "refuse": Severity.REFUSE}


def payment_terms(table: pa.Table, spec: PaymentTermsSection | None, findings: Findings) -> Json:
    """Return the JSON object of the terms per record; null where the account says none."""
    if spec is None:
        return Json(pa.nulls(table.num_rows, TEXT))
    said = clean_text(table, spec.by)
    known = {name: _object(terms) for name, terms in spec.table.items()}
    terms = map_unique(said, known.get)
    findings.add(
        "payment_terms_unknown",
        flags(pc.and_(pc.is_valid(said), pc.is_null(terms))),
        field=spec.by,
        values=said,
        hint="Correct the field, or name the value in contacts.payment_terms.table.",
        severity=_SEVERITY[spec.on_unknown],
    )
    return Json(terms)


def _object(terms: TermsSection) -> str:
    day, kind = terms.in_xero
    return f'{{"Sales":{{"Day":{day},"Type":"{kind}"}}}}'
