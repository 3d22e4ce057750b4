"""How `where` and `order` see the settings."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, TypeVar
from uuid import UUID

from sfxero.sandbox.xero.listing import Shape
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.settings_seed import SEEDED_AT, Account, Item, TaxRate
from sfxero.sandbox.xero.where import Value

T = TypeVar("T")
Columns: TypeAlias = Mapping[str, tuple[type, Callable[[T], Value]]]


def _shape(
    columns: Columns[T],
    record_id: Callable[[T], str],
    updated_at: Callable[[T], datetime] = lambda _: SEEDED_AT,
) -> Shape[T]:
    return Shape(
        kinds={name: kind for name, (kind, _) in columns.items()},
        value=lambda _books, one, name: columns[name][1](one),
        folded={},
        searched=(),
        updated_at=updated_at,
        record_id=record_id,
    )


def _text(name: str) -> tuple[type, Callable[[Json], Value]]:
    return str, lambda row: str(row[name])


def _applies(account_class: str) -> tuple[type, Callable[[TaxRate], Value]]:
    return bool, lambda one: account_class in one.classes


ACCOUNTS: Shape[Account] = _shape(
    {
        "AccountID": (UUID, lambda one: UUID(one.account_id)),
        "Code": (str, lambda one: one.code if one.shows_code else None),
        "Name": (str, lambda one: one.name),
        "Status": (str, lambda one: one.status),
        "Type": (str, lambda one: one.kind),
        "Class": (str, lambda one: one.account_class),
        "TaxType": (str, lambda one: one.tax_type),
        "SystemAccount": (str, lambda one: one.system or None),
        "EnablePaymentsToAccount": (bool, lambda one: one.payments),
        "UpdatedDateUTC": (datetime, lambda one: one.updated_at),
    },
    lambda one: one.account_id,
    lambda one: one.updated_at,
)
TAX_RATES: Shape[TaxRate] = _shape(
    {
        "TaxType": (str, lambda one: one.tax_type),
        "Name": (str, lambda one: one.name),
        "Status": (str, lambda _: "ACTIVE"),
        "EffectiveRate": (Decimal, lambda one: one.rate),
        "CanApplyToRevenue": _applies("REVENUE"),
        "CanApplyToExpenses": _applies("EXPENSE"),
        "CanApplyToAssets": _applies("ASSET"),
        "CanApplyToLiabilities": _applies("LIABILITY"),
        "CanApplyToEquity": _applies("EQUITY"),
    },
    lambda one: one.tax_type,
)
ITEMS: Shape[Item] = _shape(
    {
        "ItemID": (UUID, lambda one: UUID(one.item_id)),
        "Code": (str, lambda one: one.code),
        "Name": (str, lambda one: one.name),
        "IsSold": (bool, lambda one: one.is_sold),
        "UpdatedDateUTC": (datetime, lambda _: SEEDED_AT),
    },
    lambda one: one.item_id,
)
CURRENCIES: Shape[Json] = _shape(
    {"Code": _text("Code"), "Description": _text("Description")}, lambda row: str(row["Code"])
)
TRACKING: Shape[Json] = _shape(
    {
        "TrackingCategoryID": (UUID, lambda row: UUID(str(row["TrackingCategoryID"]))),
        "Name": _text("Name"),
        "Status": _text("Status"),
    },
    lambda row: str(row["TrackingCategoryID"]),
)
