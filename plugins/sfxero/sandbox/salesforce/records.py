"""The rows of the org, kept per object and never changed in place."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sfxero.sandbox.salesforce.schema import Schema

Value = str | bool | int | Decimal | date | datetime | None
Record = dict[str, Value]
Table = MutableMapping[str, Record]

# Which rows belong to which: the lookups that deletes, merges and sums follow.
PARENT_FIELDS: dict[str, tuple[str, ...]] = {
    "Opportunity": ("AccountId",), "OpportunityLineItem": ("OpportunityId",),
    "Contact": ("AccountId",), "OpportunityContactRole": ("OpportunityId", "ContactId"),
}  # fmt: skip
FORMULA = "Account_ABN__c"

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD = "Sb"
FIRST_SERIAL = 62**3 + 7


def id_suffix(short_id: str) -> str:
    """Return the three letters that make a 15-character id safe where case is lost."""
    parts = short_id[0:5], short_id[5:10], short_id[10:15]
    return "".join(LETTERS[capitals_of(part)] for part in parts)


def capitals_of(text: str) -> int:
    """Return which letters are capitals, as bits from the left."""
    return sum(1 << place for place, letter in enumerate(text) if "A" <= letter <= "Z")


def base62(number: int, width: int) -> str:
    """Return a number in base 62, filled up with zeros."""
    figures = ""
    while number:
        number, rest = divmod(number, 62)
        figures = _BASE62[rest] + figures
    return figures.rjust(width, "0")


def normal_id(given: str) -> str | None:
    """Return the 18-character form of an id, or None if it cannot be one."""
    if not given.isascii() or not given.isalnum():
        return None
    if len(given) == 15:
        return given + id_suffix(given)
    return given if len(given) == 18 else None


def make_id(key_prefix: str, serial: int) -> str:
    """Return the id of the serial-th record of an object."""
    short_id = f"{key_prefix}{POD}0{base62(serial + FIRST_SERIAL, 9)}"
    return short_id + id_suffix(short_id)


@dataclass(frozen=True, slots=True)
class Former:
    """What readers still see of a row whose commit is late."""

    record: Record | None
    until: datetime


class Records:
    """All rows; a changed row is replaced, so that a running query keeps what it has read."""

    def __init__(self, schema: Schema) -> None:
        """Start empty."""
        self.schema = schema
        self.tables: dict[str, Table] = {}
        self.late: dict[tuple[str, str], Former] = {}
        self.late_until: datetime | None = None
        self._serials: dict[str, int] = {}
        self._children: dict[tuple[str, str, str], dict[str, None]] = {}
        self._keys: dict[tuple[str, str, str], dict[str, None]] = {}
        self._keyed: dict[str, list[str]] = {}
        self._undo: list[tuple[str, str, Record | None]] | None = None
        self.adopt(schema)

    def adopt(self, schema: Schema) -> None:
        """Take another schema of the same org; the rows stay."""
        self.schema = schema
        for name, declared in schema.objects.items():
            self.tables.setdefault(name, {})
            self._serials.setdefault(name, 0)
            self._keyed[name] = [each.name for each in declared.fields if each.external_id]

    def new_id(self, object_name: str) -> str:
        """Return the next id of the object."""
        self._serials[object_name] += 1
        return make_id(self.schema.declared(object_name).key_prefix, self._serials[object_name])

    def serial(self, object_name: str) -> int:
        """Return how many ids the object has given out."""
        return self._serials[object_name]

    def skip_serials(self, object_name: str, count: int) -> int:
        """Reserve ids for rows that are made by a formula; return the last serial before them."""
        self._serials[object_name] += count
        return self._serials[object_name] - count

    def put(self, object_name: str, record: Record) -> None:
        """Store a new row or the next state of one."""
        record_id = str(record["Id"])
        table = self.tables[object_name]
        former = table.get(record_id)
        record = self._with_formulas(object_name, record)
        self._note(object_name, record_id, former)
        table[record_id] = record
        self._index(object_name, record, former)
        if object_name == "Account" and former is not None:
            self._recalculate(record, former)

    def _with_formulas(self, object_name: str, record: Record) -> Record:
        """Return the row with its formulas; they are not part of any save, so no stamp moves."""
        if object_name != "Opportunity":
            return record
        account = self.get("Account", str(record.get("AccountId")))
        value = None if account is None else account.get("ABN__c")
        return record if record.get(FORMULA) == value else record | {FORMULA: value}

    def _recalculate(self, account: Record, former: Record) -> None:
        if account.get("ABN__c") != former.get("ABN__c"):
            for opportunity in self.opportunities_of(str(account["Id"])):
                self.put("Opportunity", opportunity)

    def _note(self, object_name: str, record_id: str, former: Record | None) -> None:
        if self._undo is not None:
            self._undo.append((object_name, record_id, former))
        if self.late_until is not None:
            seen = self.late.get((object_name, record_id))
            self.late[object_name, record_id] = Former(
                seen.record if seen is not None else former, self.late_until
            )

    def _index(self, object_name: str, record: Record, former: Record | None) -> None:
        record_id = str(record["Id"])
        for name in PARENT_FIELDS.get(object_name, ()):
            if record.get(name):
                self._children.setdefault((object_name, name, str(record[name])), {})[record_id] = (
                    None
                )
        for name in self._keyed[object_name]:
            if former is not None and former.get(name):
                self._keys.get(_key(object_name, name, former[name]), {}).pop(record_id, None)
            if record.get(name):
                self._keys.setdefault(_key(object_name, name, record[name]), {})[record_id] = None

    def remove(self, object_name: str, record_id: str) -> None:
        """Forget a row for good."""
        former = self.tables[object_name].pop(record_id, None)
        self._note(object_name, record_id, former)
        for name in self._keyed[object_name]:
            if former is not None and former.get(name):
                self._keys.get(_key(object_name, name, former[name]), {}).pop(record_id, None)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """Collect what follows; the yielded function takes all of it back."""
        outer, self._undo = self._undo, []
        try:
            yield self._roll_back
        finally:
            done = self._undo
            self._undo = outer
            if outer is not None:
                outer.extend(done)

    def _roll_back(self) -> None:
        done, self._undo = self._undo or [], None
        for object_name, record_id, former in reversed(done):
            if former is None:
                self.remove(object_name, record_id)
            else:
                self.put(object_name, former)
        self._undo = []

    def get(self, object_name: str, record_id: str | None) -> Record | None:
        """Return a row, deleted ones included."""
        return None if record_id is None else self.tables[object_name].get(record_id)

    def rows(self, object_name: str) -> Iterable[Record]:
        """Return all stored rows of an object, deleted ones included; computed ones are not."""
        table = self.tables[object_name]
        return getattr(table, "stored", table).values()

    def children(self, object_name: str, via: str, parent_id: str) -> list[Record]:
        """Return the live rows whose field `via` names the parent."""
        table = self.tables[object_name]
        ids = self._children.get((object_name, via, parent_id), ())
        rows = (table.get(row_id) for row_id in ids)
        return [
            row for row in rows
            if row is not None and row.get(via) == parent_id and not row["IsDeleted"]
        ]  # fmt: skip

    def lines_of(self, opportunity_id: str) -> list[Record]:
        """Return the live line items of an opportunity."""
        return self.children("OpportunityLineItem", "OpportunityId", opportunity_id)

    def opportunities_of(self, account_id: str) -> list[Record]:
        """Return the live opportunities of an account."""
        return self.children("Opportunity", "AccountId", account_id)

    def with_key(self, object_name: str, field_name: str, value: Value) -> list[Record]:
        """Return the live rows that hold this external id; case does not count."""
        table = self.tables[object_name]
        found = (
            table.get(row_id) for row_id in self._keys.get(_key(object_name, field_name, value), ())
        )
        return [row for row in found if row is not None and not row["IsDeleted"]]

    def settle(self, now: datetime) -> None:
        """Show the late commits whose time has come."""
        if self.late:
            self.late = {key: late for key, late in self.late.items() if late.until > now}

    def visible(self, object_name: str, record_id: str | None) -> Record | None:
        """Return a row as readers see it."""
        late = self.late.get((object_name, record_id or ""))
        return self.get(object_name, record_id) if late is None else late.record

    def visible_rows(self, object_name: str) -> Iterable[Record]:
        """Return the rows of an object as readers see them, deleted ones included."""
        if not self.late:
            return self.rows(object_name)
        return self._with_late(object_name)

    def _with_late(self, object_name: str) -> Iterator[Record]:
        for record in self.rows(object_name):
            shown = self.visible(object_name, str(record["Id"]))
            if shown is not None:
                yield shown
        table = self.tables[object_name]
        for (name, record_id), late in self.late.items():
            if name == object_name and record_id not in table and late.record is not None:
                yield late.record


def _key(object_name: str, field_name: str, value: Value) -> tuple[str, str, str]:
    return object_name, field_name, str(value).casefold()
