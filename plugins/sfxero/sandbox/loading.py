"""Loads a fixture file: rows of both services, which may name each other."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Protocol, cast

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.xero.hands import NoSuchRecord, NotPossible
from sfxero.sandbox.xero.service import XeroService

Row = dict[str, object]
REF = "_ref"


class XeroRows(BaseModel):
    """Contacts and invoices as Xero's own API takes them, and payments of these invoices."""

    model_config = ConfigDict(extra="forbid")

    contacts: tuple[Row, ...] = ()
    invoices: tuple[Row, ...] = ()
    payments: tuple[Row, ...] = ()


class Fixture(BaseModel):
    """A file; `_ref` names a row, and `@name` anywhere behind it stands for that row's id."""

    model_config = ConfigDict(extra="forbid")

    salesforce: dict[str, tuple[Row, ...]] = Field(default_factory=dict)
    xero: XeroRows = XeroRows()


class Services(Protocol):
    """The two services of a sandbox."""

    org: SalesforceOrg
    xero: XeroService


class LoadRefused(Exception):
    """A row that its service does not take; rows before it are there."""


class Loader:
    """Loads one file."""

    def __init__(self, parts: Services) -> None:
        """Fill these services."""
        self._org = parts.org
        self._hands = parts.xero.hands
        self.ids: dict[str, str] = {}

    def load(self, fixture: Fixture) -> dict[str, str]:
        """Create all rows, Salesforce first; returns the ids of the named ones."""
        for object_name, rows in fixture.salesforce.items():
            self._each(object_name, rows, partial(self._record, object_name))
        self._each("contacts", fixture.xero.contacts, self._contact)
        self._each("invoices", fixture.xero.invoices, self._invoice)
        self._each("payments", fixture.xero.payments, self._payment)
        return self.ids

    def _each(self, kind: str, rows: tuple[Row, ...], create: Callable[[Row], str]) -> None:
        for place, row in enumerate(rows, start=1):
            fields = {name: value for name, value in row.items() if name != REF}
            try:
                row_id = create(cast(Row, self._resolved(fields)))
            except (ApiFailure, NotPossible, NoSuchRecord, LoadRefused) as refusal:
                raise LoadRefused(f"{kind}, row {place}: {refusal}") from None
            if REF in row:
                self.ids[str(row[REF])] = row_id

    def _resolved(self, value: object) -> object:
        if isinstance(value, str) and value.startswith("@"):
            if value[1:] not in self.ids:
                raise LoadRefused(f"no row before this one is named {value[1:]!r}")
            return self.ids[value[1:]]
        if isinstance(value, Mapping):
            return {name: self._resolved(one) for name, one in value.items()}
        return [self._resolved(one) for one in value] if isinstance(value, list) else value

    def _record(self, object_name: str, row: Row) -> str:
        return rules.create(self._org, object_name, row)

    def _contact(self, row: Row) -> str:
        return self._hands.write_contact(row).contact_id

    def _invoice(self, row: Row) -> str:
        return self._hands.write_invoice(row).invoice_id

    def _payment(self, row: Row) -> str:
        unknown = sorted(row.keys() - {"invoice", "amount"})
        if unknown or "invoice" not in row:
            raise LoadRefused("a payment has an 'invoice' and perhaps an 'amount'")
        amount = Decimal(str(row["amount"])) if "amount" in row else None
        return self._hands.pay(str(row["invoice"]), amount).invoice_id


def loading_router(parts: Services) -> APIRouter:
    """`POST /load` with the file as the body."""
    router = APIRouter()

    @router.post("/load")
    async def load(request: Request) -> dict[str, object]:
        try:
            # Not by the framework: it would read amounts as floats.
            given = json.loads(await request.body(), parse_float=Decimal)
            return {"ids": Loader(parts).load(Fixture.model_validate(given))}
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            raise HTTPException(422, str(problems)) from None
        except ValueError as error:
            raise HTTPException(422, f"not JSON: {error}") from None
        except LoadRefused as refusal:
            raise HTTPException(409, str(refusal)) from None

    return router
