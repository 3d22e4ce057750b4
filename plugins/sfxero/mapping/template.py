"""Texts with `{fields}` in them, such as an invoice number or a link."""

import re
from typing import Annotated, Final

from pydantic import StringConstraints

FIELD_PATH: Final = r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,5}"
FieldPath = Annotated[str, StringConstraints(pattern=rf"^{FIELD_PATH}$")]
"""A Salesforce field, or a path to one through parents: `Product2.Family`."""
_PLACEHOLDER: Final = re.compile(r"\{(" + FIELD_PATH + r")\}")


def split_template(text: str) -> tuple[tuple[str, str | None], ...]:
    """Return (literal, field after it) pairs; the last field is None.

    Raises ValueError for a brace that belongs to no field.
    """
    parts: list[tuple[str, str | None]] = []
    start = 0
    for match in _PLACEHOLDER.finditer(text):
        parts.append((text[start : match.start()], match.group(1)))
        start = match.end()
    parts.append((text[start:], None))
    for literal, _ in parts:
        if "{" in literal or "}" in literal:
            raise ValueError(f"'{literal}' has a brace without a field; write {{Field_Name__c}}")
    return tuple(parts)


def template_fields(text: str) -> tuple[str, ...]:
    """Return the fields that a template needs, in order."""
    return tuple(field for _, field in split_template(text) if field is not None)
