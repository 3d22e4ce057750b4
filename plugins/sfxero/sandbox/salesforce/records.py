"""The rows of the org, kept per object and never changed in place."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from sfxero.sandbox.salesforce.schema import Schema

Value = str | bool | int | Decimal | date | datetime | None
Record = dict[str, Value]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "Sb"
_FIRST_SERIAL = 62**3 + 7


def id_suffix(short_id: str) -> str:
    """Return the three letters that make a 15-character id safe where case is lost."""
    return "".join(
        _SUFFIX[sum(1 << place for place, letter in enumerate(part) if "A" <= letter <= "Z")]
        for part in (short_id[0:5], short_id[5:10], short_id[10:15])
    )


def normal_id(given: str) -> str | None:
    """Return the 18-character form of an id, or None if it cannot be one."""
    if not given.isascii() or not given.isalnum():
        return None
    if len(given) == 15:
        return given + id_suffix(given)
    return given if len(given) == 18 else None


def make_id(key_prefix: str, serial: int) -> str:
    """Return the id of the serial-th record of an object."""
    number, figures = serial + _FIRST_SERIAL, ""
    while number:
        number, rest = divmod(number, 62)
        figures = _BASE62[rest] + figures
    short_id = f"{key_prefix}{_POD}0{figures.rjust(9, '0')}"
    return short_id + id_suffix(short_id)


class Records:
    """All rows; a changed row is replaced, so that a running query keeps what it has read."""

    def __init__(self, schema: Schema) -> None:
        """Start empty."""
        self.schema = schema
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in schema.objects}
        self._serials = dict.fromkeys(self.tables, 0)
        self._lines: dict[str, list[str]] = {}
        self._opportunities: dict[str, dict[str, None]] = {}

    def new_id(self, object_name: str) -> str:
        """Return the next id of the object."""
        self._serials[object_name] += 1
        return make_id(self.schema.declared(object_name).key_prefix, self._serials[object_name])

    def serial(self, object_name: str) -> int:
        """Return how many ids the object has given out."""
        return self._serials[object_name]

    def put(self, object_name: str, record: Record) -> None:
        """Store a new row or the next state of one."""
        record_id = str(record["Id"])
        table = self.tables[object_name]
        former = table.get(record_id)
        table[record_id] = record
        if object_name == "OpportunityLineItem" and former is None:
            self._lines.setdefault(str(record["OpportunityId"]), []).append(record_id)
        if object_name == "Opportunity" and record.get("AccountId"):
            self._opportunities.setdefault(str(record["AccountId"]), {})[record_id] = None

    def get(self, object_name: str, record_id: str | None) -> Record | None:
        """Return a row, deleted ones included."""
        return None if record_id is None else self.tables[object_name].get(record_id)

    def rows(self, object_name: str) -> Iterable[Record]:
        """Return all rows of an object, deleted ones included."""
        return self.tables[object_name].values()

    def lines_of(self, opportunity_id: str) -> list[Record]:
        """Return the live line items of an opportunity."""
        table = self.tables["OpportunityLineItem"]
        lines = (table[line_id] for line_id in self._lines.get(opportunity_id, ()))
        return [line for line in lines if not line["IsDeleted"]]

    def opportunities_of(self, account_id: str) -> list[Record]:
        """Return the live opportunities of an account."""
        table = self.tables["Opportunity"]
        rows = (table[row_id] for row_id in self._opportunities.get(account_id, ()))
        return [row for row in rows if row["AccountId"] == account_id and not row["IsDeleted"]]
