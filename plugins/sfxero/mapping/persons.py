"""Contact persons as Xero keeps them: up to five, replaced as a whole."""

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, flags, join_filled
from sfxero.mapping.phones import plain_address
from sfxero.mapping.refusals import Findings
from sfxero.mapping.related_sources import persons_source
from sfxero.mapping.render import Json, json_array_of_one, json_object, json_text
from sfxero.mapping.rules import too_long
from sfxero.mapping.spec import ContactsSection
from sfxero.model.findings import Severity

_LIMIT = 255


def contact_persons(table: pa.Table, spec: ContactsSection, findings: Findings) -> Json:
    """Return the JSON array of the persons per record; null where there is none."""
    if spec.persons is None:
        return Json(pa.nulls(table.num_rows, TEXT))
    rules, source = spec.persons, persons_source(spec.source, spec.persons)
    elements = []
    for place in range(source.most):
        first, last, address = (
            clean_text(table, source.column(field, place))
            for field in (rules.first_name, rules.last_name, rules.email)
        )
        _check_length(findings, (first, last, address), rules.object)
        email = _usable(address, findings, field=f"{rules.object}.{rules.email}")
        element = json_object(
            {
                "IncludeInEmails": Json(
                    pc.if_else(
                        pc.and_(pc.is_valid(email), pa.scalar(rules.in_emails)),
                        pa.scalar("true", TEXT),
                        pa.scalar("false", TEXT),
                    )
                ),
                "FirstName": json_text(first),
                "LastName": json_text(last),
                "EmailAddress": json_text(email),
            }
        )
        is_someone = pc.or_(pc.or_(pc.is_valid(first), pc.is_valid(last)), pc.is_valid(email))
        elements.append(pc.if_else(is_someone, element, pa.scalar(None, TEXT)))
    return json_array_of_one(join_filled(elements, ","))


def _check_length(findings: Findings, texts: tuple[pa.Array, ...], object_name: str) -> None:
    for values in texts:
        findings.add(
            "person_too_long",
            flags(too_long(values, _LIMIT)),
            field=object_name,
            values=values,
            hint=f"Shorten it to {_LIMIT} characters: Xero takes no more.",
        )


def _usable(addresses: pa.Array, findings: Findings, *, field: str) -> pa.Array:
    """Return e-mail addresses; one that is none is left out."""
    kept = plain_address(addresses)
    findings.add(
        "person_email_invalid",
        flags(pc.and_(pc.is_valid(addresses), pc.is_null(kept))),
        field=field,
        values=addresses,
        hint="Correct the address, in plain letters: the person goes without it.",
        severity=Severity.WARN,
    )
    return kept
