"""Postal addresses as Xero keeps them (limits: its page on contacts)."""

import unicodedata
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, flags, map_unique
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import Json, json_array_of_one, json_constant, json_object, json_text
from sfxero.mapping.rules import apply_rule, source_of, too_long
from sfxero.mapping.spec import AddressSection
from sfxero.model.findings import Severity

_STREET_LINES: Final = 4
_LINE_LIMIT: Final = 500
_TOO_LONG: Final = "address_too_long"


def postal_addresses(table: pa.Table, spec: AddressSection | None, findings: Findings) -> Json:
    """Return the JSON array with the POBOX address per record; null where nothing is filled."""
    if spec is None:
        return Json(pa.nulls(table.num_rows, TEXT))
    street = _street(table, spec, findings)
    parts = {f"AddressLine{place}": line for place, line in enumerate(street, start=1)}
    for key, rule, limit in (
        ("City", spec.city, 255),
        ("Region", spec.region, 255),
        ("PostalCode", spec.postal_code, 50),
    ):
        parts[key] = apply_rule(table, rule, findings, name="address", limit=limit)
    parts["Country"] = _country(table, spec, findings)
    fields = {key: json_text(values) for key, values in parts.items()}
    address = json_object({"AddressType": json_constant("POBOX"), **fields})
    filled = pc.is_valid(pc.coalesce(*parts.values()))
    return json_array_of_one(pc.if_else(filled, address, pa.scalar(None, TEXT)))


def _street(table: pa.Table, spec: AddressSection, findings: Findings) -> list[pa.Array]:
    """Split a street at its line breaks; lines after the fourth join it, parted by commas."""
    if spec.street is None:
        return [pa.nulls(table.num_rows, TEXT)] * _STREET_LINES
    street = apply_rule(table, spec.street, findings, name="address")
    text = pc.replace_substring_regex(street, r"\s*\n\s*", "\n")
    split = pc.split_pattern(text, "\n", max_splits=_STREET_LINES - 1)
    fixed = pc.list_slice(split, 0, _STREET_LINES, return_fixed_size_list=True)
    lines = [pc.list_element(fixed, place) for place in range(_STREET_LINES)]
    lines[-1] = pc.replace_substring(lines[-1], "\n", ", ")
    for line in lines:
        findings.add(
            _TOO_LONG,
            flags(too_long(line, _LINE_LIMIT)) & ~findings.refused,
            field=source_of(spec.street),
            values=line,
            hint=f"Shorten the street: Xero takes four lines of {_LINE_LIMIT} characters.",
        )
    return lines


def _country(table: pa.Table, spec: AddressSection, findings: Findings) -> pa.Array:
    """Return the country; Xero takes letters only, so accents go, and odd ones stay out."""
    rule = spec.country
    if rule is None:
        return pa.nulls(table.num_rows, TEXT)
    given = apply_rule(table, rule, findings, name="address", limit=50)
    letters = map_unique(given, _letters)
    findings.add(
        "country_not_letters",
        flags(pc.and_(pc.is_valid(given), pc.is_null(letters))),
        field=source_of(rule),
        values=given,
        hint="Write the country in letters only; the contact goes without it.",
        severity=Severity.WARN,
    )
    return letters


def _letters(text: str) -> str | None:
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    )
    return plain if plain.isascii() and plain.replace(" ", "").isalpha() else None
