"""Phones and e-mail of a contact as Xero keeps them (limits: its page on contacts)."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, flags, join_filled, map_unique
from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.refusals import Findings
from sfxero.mapping.render import Json, json_array_of_one, json_constant, json_object, json_text
from sfxero.mapping.rules import apply_rule, source_of
from sfxero.mapping.shared_fields import PHONE_PARTS
from sfxero.mapping.spec import PhonesSection
from sfxero.model.findings import Severity

_WHOLE_LIMIT: Final = 50
_EMAIL_LIMIT: Final = 255
# Xero refuses umlauts in addresses; more than this only a mail server can say.
_EMAIL: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
_GAP: Final = "\t"


def email(table: pa.Table, rule: FieldRule | None, findings: Findings) -> Json:
    """Return the e-mail address per record."""
    texts = apply_rule(table, rule, findings, name="email", limit=_EMAIL_LIMIT)
    if rule is None:
        return json_text(texts)
    kept = plain_address(texts)
    findings.add(
        "email_invalid",
        flags(pc.and_(pc.is_valid(texts), pc.is_null(kept))),
        field=source_of(rule),
        values=texts,
        hint="Correct the address, in plain letters: the contact goes without it.",
        severity=Severity.WARN,
    )
    return json_text(kept)


def plain_address(texts: pa.Array) -> pa.Array:
    """Return the texts that are e-mail addresses; null for others."""
    is_one = pc.fill_null(pc.match_substring_regex(texts, _EMAIL), pa.scalar(False))
    return pc.if_else(is_one, texts, pa.scalar(None, TEXT))


def phones(table: pa.Table, spec: PhonesSection | None, findings: Findings) -> Json:
    """Return the JSON array of the filled phones per record; null where there is none."""
    if spec is None:
        return Json(pa.nulls(table.num_rows, TEXT))
    elements = [
        _phone(table, rule, findings, kind=kind, region=spec.region)
        for kind, rule in (
            ("DEFAULT", spec.default),
            ("DDI", spec.direct),
            ("MOBILE", spec.mobile),
            ("FAX", spec.fax),
        )
        if rule is not None
    ]
    return json_array_of_one(join_filled(elements, ","))


def _phone(
    table: pa.Table, rule: FieldRule, findings: Findings, *, kind: str, region: str
) -> pa.Array:
    given = apply_rule(table, rule, findings, name="phone", limit=_WHOLE_LIMIT)
    split = map_unique(given, lambda text: split_number(text, region=region))
    findings.add(
        "phone_unusual",
        flags(pc.and_(pc.is_valid(given), pc.is_null(split))),
        field=source_of(rule),
        values=given,
        hint="No number of its country: it goes to Xero as it is. Write +<country code> before it.",
        severity=Severity.WARN,
    )
    parts = pc.split_pattern(pc.coalesce(split, _whole(given)), _GAP)
    fixed = pc.list_slice(parts, 0, len(PHONE_PARTS), return_fixed_size_list=True)
    columns = (pc.list_element(fixed, place) for place in range(len(PHONE_PARTS)))
    element = json_object(
        {
            "PhoneType": json_constant(kind),
            **{name: json_text(column) for name, column in zip(PHONE_PARTS, columns, strict=True)},
        }
    )
    return pc.if_else(pc.is_valid(given), element, pa.scalar(None, TEXT))


def _whole(numbers: pa.Array) -> pa.Array:
    """Return numbers that cannot be split, in the form of those that can."""
    return pc.binary_join_element_wise(pa.scalar(_GAP * 2, TEXT), numbers, pa.scalar("", TEXT))


def split_number(text: str, *, region: str) -> str | None:
    """Return country code, area code and number, a tab between them; None for no such number.

    `region` is the country of numbers without a country code.
    """
    import phonenumbers  # not while a DAG file is read

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    digits = phonenumbers.national_significant_number(number)
    area = phonenumbers.length_of_geographical_area_code(number)
    extension = f" x{number.extension}" if number.extension else ""
    return _GAP.join((str(number.country_code), digits[:area], f"{digits[area:]}{extension}"))
