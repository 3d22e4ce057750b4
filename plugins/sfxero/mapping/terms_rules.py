"""Rules of a route about payment terms: one vocabulary for due dates and for contacts."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import Field, model_validator

from sfxero.mapping.section import Section
from sfxero.mapping.template import FieldPath

Terms: TypeAlias = Literal["after_date", "after_month_end", "day_of_month", "day_of_next_month"]
"""What `days` count: days after the invoice's date or its month's end, or a day of a month."""

XERO_TYPES: Final[Mapping[Terms, str]] = {
    "after_date": "DAYSAFTERBILLDATE",
    "after_month_end": "DAYSAFTERBILLMONTH",
    "day_of_month": "OFCURRENTMONTH",
    "day_of_next_month": "OFFOLLOWINGMONTH",
}
MOST_CONTACT_DAYS: Final = 31
"""Xero documents a contact's `Day` as one from 0 to 31, whatever its type."""


def check_day(days: int, terms: Terms) -> None:
    """Raise ValueError where `days` is to be a day of a month, and no month has it."""
    if terms.startswith("day_of") and not 1 <= days <= 31:
        raise ValueError(f"with terms '{terms}', days is a day of a month: 1 to 31")


class TermsSection(Section):
    """Payment terms as Xero keeps them with a contact."""

    days: int = Field(ge=0, le=MOST_CONTACT_DAYS)
    terms: Terms = "after_date"

    @model_validator(mode="after")
    def _names_a_day(self) -> "TermsSection":
        check_day(self.days, self.terms)
        return self

    @property
    def in_xero(self) -> tuple[str, str]:
        """Xero's `Day` and `Type`, as texts."""
        return str(self.days), XERO_TYPES[self.terms]


class PaymentTermsSection(Section):
    """The payment terms of a contact's sales, by what one field of the account says."""

    by: FieldPath
    table: Mapping[str, TermsSection] = Field(min_length=1)
    """What the field says to the terms that are meant."""
    on_unknown: Literal["refuse", "warn"] = "refuse"
    """What a value does that is not in the table: `warn` sends the contact without terms."""

    def names(self) -> dict[tuple[str, str], str]:
        """Return what the field says by Xero's `Day` and `Type`; of several, the first."""
        found: dict[tuple[str, str], str] = {}
        for name, terms in self.table.items():
            found.setdefault(terms.in_xero, name)
        return found

    def doubles(self) -> dict[str, str]:
        """Return the names whose terms another name has before them, each with that one."""
        first = self.names()
        named = {name: first[terms.in_xero] for name, terms in self.table.items()}
        return {name: other for name, other in named.items() if name != other}
