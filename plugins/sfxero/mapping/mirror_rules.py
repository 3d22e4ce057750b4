"""The section of a route file that mirrors invoices, lines and payments in objects of the org."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, StringConstraints, model_validator

from sfxero.mapping.mirror_fields import (
    INVOICE,
    MIRRORED_INVOICE,
    MIRRORED_LINE,
    MIRRORED_PAYMENT,
    XERO_ID,
    MirrorObject,
)
from sfxero.mapping.section import Section
from sfxero.mapping.status_fields import StatusField
from sfxero.mapping.status_rules import CustomField

MIRROR_VERSION: Final = 2
"""Raised when the same invoice begins to be mirrored otherwise."""

CustomObject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$")]


class MirrorPart(Section):
    """One object of the mirror; `fields` renames some of its fields, null leaves one out."""

    defined: ClassVar[MirrorObject]
    object_name: CustomObject
    fields: Mapping[str, CustomField | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_what_there_is(self) -> "MirrorPart":
        known = {one.key for one in self.defined.fields}
        unknown = sorted(self.fields.keys() - known)
        if unknown:
            raise ValueError(f"{unknown[0]} is none of its fields: {', '.join(sorted(known))}")
        for key in (XERO_ID, INVOICE):
            if key in known and self.name_of(key) is None:
                raise ValueError(f"'{key}' cannot be left out")
        names = [name.lower() for name in self.named().values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} cannot show two things at once")
        return self

    def name_of(self, key: str) -> str | None:
        """Return the name of a field that is written; None if it is left out."""
        if key in self.fields:
            return self.fields[key]
        return next((one.name for one in self.defined.fields if one.key == key), None)

    def named(self) -> dict[str, str]:
        """Return the names of the fields that are written, by their keys."""
        return {one.key: name for one in self.written() if (name := self.name_of(one.key))}

    def written(self) -> Iterable[StatusField]:
        """Return the fields that are written."""
        return [one for one in self.defined.fields if self.name_of(one.key) is not None]

    @property
    def key(self) -> str:
        """The name of the external id."""
        return self.name_of(XERO_ID) or ""


def _keys_of(defined: MirrorObject) -> Any:
    """Let the published schema say which fields there are."""
    return Field(
        default_factory=dict,
        json_schema_extra={"propertyNames": {"enum": [one.key for one in defined.fields]}},
    )


class MirroredInvoices(MirrorPart):
    """Where invoices are mirrored."""

    defined: ClassVar[MirrorObject] = MIRRORED_INVOICE
    object_name: CustomObject = MIRRORED_INVOICE.name
    fields: Mapping[str, CustomField | None] = _keys_of(MIRRORED_INVOICE)


class MirroredLines(MirrorPart):
    """Where the lines of invoices are mirrored."""

    defined: ClassVar[MirrorObject] = MIRRORED_LINE
    object_name: CustomObject = MIRRORED_LINE.name
    fields: Mapping[str, CustomField | None] = _keys_of(MIRRORED_LINE)


class MirroredPayments(MirrorPart):
    """Where the payments of invoices are mirrored."""

    defined: ClassVar[MirrorObject] = MIRRORED_PAYMENT
    object_name: CustomObject = MIRRORED_PAYMENT.name
    fields: Mapping[str, CustomField | None] = _keys_of(MIRRORED_PAYMENT)


class MirrorSection(Section):
    """A copy of invoices, lines and payments in objects of the org, for reports there."""

    enabled: bool = False
    invoices: MirroredInvoices = MirroredInvoices()
    lines: MirroredLines = MirroredLines()
    payments: MirroredPayments = MirroredPayments()

    @property
    def version(self) -> str:
        """Tell the rules by which invoices are mirrored."""
        parts = [
            [part.object_name, part.named()] for part in (self.invoices, self.lines, self.payments)
        ]
        return json.dumps([MIRROR_VERSION, parts], sort_keys=True)
