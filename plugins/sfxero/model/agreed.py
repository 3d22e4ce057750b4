"""What an account and its contact held when they last agreed, field by field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

_CANONICAL: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def canonical(values: object) -> str:
    """Write values as JSON in which equal ones have the same text; a pair is a list of two."""
    return _CANONICAL.encode(values)


class Pair(NamedTuple):
    """One field as both sides held it: as the mapping makes it of the account, and as Xero has it.

    Each is a text, or a JSON object of the texts of a phone or an address; None is an empty field.
    They differ where a service stores a value in another form than the one it was given.
    """

    salesforce: Any
    xero: Any


@dataclass(frozen=True, slots=True)
class Agreed:
    """The fields by their keys; `number` counts how often the two have come to agree."""

    number: int = 0
    fields: Mapping[str, Pair] = field(default_factory=dict)
    account_at: datetime | None = field(default=None, compare=False)
    """When they last agreed on what the account holds, other than by a write to the contact: an
    account that was read before may have held something else."""

    def __getitem__(self, key: str) -> Pair:
        """Return a field; both are empty if they never agreed on it."""
        return self.fields.get(key, Pair(None, None))

    def with_more(
        self, changed: Mapping[str, Pair], *, account_at: datetime | None = None
    ) -> "Agreed":
        """Return what holds after they agreed on more."""
        at = account_at or self.account_at
        return Agreed(self.number + 1, {**self.fields, **changed}, at)

    def to_text(self) -> str:
        """Write it as canonical JSON."""
        at = {} if self.account_at is None else {"account_at": self.account_at.isoformat()}
        return canonical({"number": self.number, "fields": self.fields, **at})

    @classmethod
    def from_text(cls, text: str) -> "Agreed":
        """Read what `to_text` writes."""
        content = json.loads(text)
        fields = {key: Pair(*pair) for key, pair in content["fields"].items()}
        at = content.get("account_at")
        return cls(content["number"], fields, datetime.fromisoformat(at) if at else None)
