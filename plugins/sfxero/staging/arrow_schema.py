"""Arrow types of staged columns, from what the org says about its fields."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pyarrow as pa

from sfxero.errors import ConfigurationError
from sfxero.model.finer import FINER

_DECIMAL_DIGITS: Final = 38
_STAMP: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final[Mapping[str, pa.DataType]] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "date": pa.date32(),
    "datetime": _STAMP,
}
_EXACT: Final = frozenset({"currency", "double", "percent"})
# Bulk queries give neither compound nor binary values (Bulk API 2.0 guide, SOQL considerations).
_UNREADABLE: Final = frozenset({"address", "location", "base64", "complexvalue"})


class DescribedField(Protocol):
    """What is needed of a field's describe."""

    @property
    def type(self) -> str:
        """Salesforce's name of the type."""
        ...

    @property
    def scale(self) -> int:
        """Digits after the point."""
        ...

    @property
    def reference_to(self) -> Sequence[str]:
        """Objects that a reference may point at."""
        ...

    @property
    def relationship_name(self) -> str | None:
        """The first part of parent paths through this reference."""
        ...


class DescribedObject(Protocol):
    """What is needed of an object's describe."""

    @property
    def name(self) -> str:
        """The object's name."""
        ...

    @property
    def fields(self) -> Mapping[str, DescribedField]:
        """Its fields by name."""
        ...


def schema_for(
    describe: DescribedObject,
    fields: Sequence[str],
    *,
    parents: Mapping[str, DescribedObject],
) -> pa.Schema:
    """Return one nullable column per field, in order; `parents` are describes by object name.

    Raises ConfigurationError for a field that the org does not show.
    """
    return pa.schema([pa.field(name, _type_of(describe, name, parents)) for name in fields])


def with_finer(schema: pa.Schema) -> pa.Schema:
    """Return the schema with a column for what is finer than its decimals, if it has any.

    Without that column, a number of more decimals than its field has cannot be staged.
    """
    if not any(pa.types.is_decimal(field.type) for field in schema):
        return schema
    return schema.append(pa.field(FINER, pa.string()))


def parent_objects(describe: DescribedObject, fields: Sequence[str]) -> tuple[str, ...]:
    """Return the objects that the parent paths among `fields` lead to in their first step."""
    heads = {name.split(".", 1)[0] for name in fields if "." in name}
    found = [
        target
        for field in describe.fields.values()
        if field.relationship_name in heads
        for target in field.reference_to
    ]
    return tuple(dict.fromkeys(found))


def _type_of(
    describe: DescribedObject, path: str, parents: Mapping[str, DescribedObject]
) -> pa.DataType:
    head, _, rest = path.partition(".")
    if rest:
        return _parent_type(describe, head, rest, parents=parents)
    field = describe.fields.get(path)
    if field is None:
        raise ConfigurationError(
            f"{describe.name} has no field {path} that the integration user may see",
            service="salesforce",
            hint="Correct the route file, or grant read access to the field.",
        )
    if field.type in _UNREADABLE:
        raise ConfigurationError(
            f"{describe.name}.{path} is of type {field.type}, which cannot be extracted",
            service="salesforce",
            hint="Name its parts, such as BillingStreet.",
        )
    if field.type in _EXACT:
        return pa.decimal128(_DECIMAL_DIGITS, field.scale)
    return _TYPES.get(field.type, pa.string())


def _parent_type(
    describe: DescribedObject, head: str, rest: str, *, parents: Mapping[str, DescribedObject]
) -> pa.DataType:
    targets = [
        parents[target]
        for field in describe.fields.values()
        if field.relationship_name == head
        for target in field.reference_to
        if target in parents
    ]
    # A reference to several objects offers the fields of any of them.
    for target in targets:
        if rest.partition(".")[0] in target.fields or "." in rest:
            return _type_of(target, rest, parents)
    raise ConfigurationError(
        f"{describe.name} has no parent path {head}.{rest} that the integration user may see",
        service="salesforce",
        hint="Correct the route file, or grant read access to the field.",
    )
