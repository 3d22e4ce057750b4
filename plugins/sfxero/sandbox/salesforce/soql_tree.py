"""What a parsed query consists of."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "LIKE", "IN", "NOT IN"]


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field path such as Account.Name, where it stands in the text."""

    path: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class DateLiteral:
    """A named range of days such as LAST_N_DAYS:30."""

    name: str
    count: int | None


@dataclass(frozen=True, slots=True)
class LiteralValue:
    """One literal of the text."""

    value: str | bool | Decimal | date | datetime | DateLiteral | None
    position: int


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; `value` is a literal, a list of them, or a query for a semi-join."""

    ref: FieldRef
    operator: Operator
    value: "LiteralValue | tuple[LiteralValue, ...] | Query"


@dataclass(frozen=True, slots=True)
class Not:
    """A negation."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class Both:
    """Conditions joined by AND or by OR."""

    joint: Literal["AND", "OR"]
    parts: tuple["Condition", ...]


Condition = Compare | Not | Both


@dataclass(frozen=True, slots=True)
class Order:
    """One ORDER BY term."""

    ref: FieldRef
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query."""

    text: str
    object_name: str
    object_position: int
    fields: tuple[FieldRef, ...]
    is_count: bool
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int | None
