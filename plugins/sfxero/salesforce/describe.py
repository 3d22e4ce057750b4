"""What an org says about one of its objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from sfxero.errors import UnexpectedResponse
from sfxero.salesforce.failures import SERVICE

CURRENCY_FIELD: Final = "CurrencyIsoCode"
"""A field of each object in orgs of several currencies, and of none in others."""


@dataclass(frozen=True, slots=True)
class FieldDescribe:
    """One field; a field hidden from the integration user is absent, as if it did not exist."""

    name: str
    type: str
    length: int
    precision: int
    scale: int
    nillable: bool
    custom: bool
    calculated: bool
    filterable: bool
    updateable: bool
    createable: bool
    external_id: bool
    unique: bool
    reference_to: tuple[str, ...]
    relationship_name: str | None


@dataclass(frozen=True, slots=True)
class ObjectDescribe:
    """One object with its fields by name."""

    name: str
    fields: Mapping[str, FieldDescribe]
    createable: bool = True


def parse_describe(body: object) -> ObjectDescribe:
    """Return the describe in `body`; UnexpectedResponse if it is none."""
    try:
        described = cast("Mapping[str, object]", body)
        listed = cast("list[Mapping[str, object]]", described["fields"])
        fields = [_field(entry) for entry in listed]
        return ObjectDescribe(
            name=str(described["name"]),
            fields={field.name: field for field in fields},
            createable=bool(described.get("createable", True)),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnexpectedResponse("a describe has not the promised shape", service=SERVICE) from None


def _field(entry: Mapping[str, object]) -> FieldDescribe:
    relationship = entry.get("relationshipName")
    return FieldDescribe(
        name=str(entry["name"]),
        type=str(entry["type"]),
        length=_number(entry, "length"),
        precision=_number(entry, "precision"),
        scale=_number(entry, "scale"),
        nillable=bool(entry.get("nillable", True)),
        custom=bool(entry.get("custom", False)),
        calculated=bool(entry.get("calculated", False)),
        filterable=bool(entry.get("filterable", True)),
        updateable=bool(entry.get("updateable", True)),
        createable=bool(entry.get("createable", True)),
        external_id=bool(entry.get("externalId", False)),
        unique=bool(entry.get("unique", False)),
        reference_to=tuple(str(name) for name in cast("list[str]", entry.get("referenceTo") or [])),
        relationship_name=str(relationship) if relationship else None,
    )


def _number(entry: Mapping[str, object], name: str) -> int:
    value = entry.get(name)
    return int(str(value)) if value is not None else 0
