"""Read one element of a write body; what cannot be read refuses the whole request."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

from sfxero.sandbox.xero.failures import BadPostData
from sfxero.sandbox.xero.replies import Json

_MS_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fields:
    """Typed reads of one JSON object; `null` counts as left out, `""` as cleared."""

    def __init__(self, raw: Json) -> None:
        """Collects the validation messages in `errors`."""
        self.raw = raw
        self.errors: list[str] = []

    def has(self, name: str) -> bool:
        """Whether the caller sent a value."""
        return self.raw.get(name) is not None

    def text(
        self, name: str, default: str | None = None, *, longest: int | None = None
    ) -> str | None:
        """A text; an empty one clears the field."""
        value = self.raw.get(name)
        if value is None:
            return default
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise BadPostData(f"The value of {name} cannot be read as text.")
        if longest is not None and len(value) > longest:
            self.errors.append(
                f"The field {name} exceeds the maximum length of {longest} characters."
            )
        return value or None

    def number(self, name: str, default: Decimal | None = None) -> Decimal | None:
        """An exact number; numeric text is accepted."""
        value = self.raw.get(name)
        if value is None or value == "":
            return default
        number = _decimal_or_none(value)
        if number is None:
            raise BadPostData(f"The value of {name} cannot be read as a number.")
        return number

    def day(self, name: str, default: date | None = None) -> date | None:
        """A calendar day: `YYYY-MM-DD`, with or without a time, or Xero's own form."""
        value = self.raw.get(name)
        if value is None or value == "":
            return default
        try:
            found = _MS_DATE.match(str(value))
            if found:
                return (_EPOCH + timedelta(milliseconds=int(found[1]))).date()
            return datetime.fromisoformat(str(value)).date()
        except (ValueError, OverflowError):
            raise BadPostData(f"The value of {name} cannot be read as a date.") from None

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """One of a closed set; anything else makes the body unreadable (ErrorNumber 14)."""
        value = self.raw.get(name)
        if value is None or value == "":
            return default
        if value not in allowed:
            raise BadPostData(f"{name}: the value is not one of {', '.join(sorted(allowed))}.")
        return str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise BadPostData(f"The value of {name} cannot be read as true or false.")
        return value

    def guid(self, name: str) -> str | None:
        """An id in its usual spelling."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        found = guid_or_none(str(value))
        if found is None:
            raise BadPostData(f"The value of {name} cannot be read as an id.")
        return found

    def block(self, name: str) -> Json | None:
        """A nested object."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise BadPostData(f"The value of {name} cannot be read as an object.")
        return value

    def rows(self, name: str) -> list[Json] | None:
        """A nested array of objects."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise BadPostData(f"The value of {name} cannot be read as a list of objects.")
        return value


def _decimal_or_none(value: object) -> Decimal | None:
    """A finite number that sums of products of such numbers can hold exactly."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and -10 <= number.adjusted() <= 10 else None


def guid_or_none(text: str) -> str | None:
    """Normalise an id, or say that it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        return None
