"""Behaviour of Xero that is not known for sure, or must be provoked: one switch each."""

from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP
from typing import Literal, TypeAlias

SwitchValue: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Switches:
    """The defaults follow the reference text; where that is unsure, the harsher reading."""

    concurrent_limit: int = 5
    minute_limit: int = 60
    day_limit: int = 5000
    app_minute_limit: int = 10_000
    concurrent_problem: str = "concurrent"
    app_minute_problem: str = "appminute"
    problem_header: bool = True
    body_429: str = ""
    write_latency_s: float = 0.15
    read_latency_s: float = 0.0
    scope_required: bool = False
    broad_scopes: bool = False
    client_error: str = "invalid_client"
    auto_consent: bool = False
    date_offset: str = "+0000"
    modified_since_inclusive: bool = False
    modified_since_lenient: bool = False
    partial_commit: bool = True
    name_case_sensitive: bool = False
    unique_names: bool = True
    largest_list: int = 100_000
    unique_contact_numbers: bool = True
    payment_terms_replaced: bool = True
    number_reuse: bool = False
    idempotency_stores_400: bool = True
    idempotency_in_flight: Literal["wait", "conflict"] = "wait"
    rounding: Literal["half_up", "half_even"] = "half_up"
    multi_currency: bool = True
    approval_cap: int = 0
    allocation_moves_invoice: bool = True
    deleted_payments_listed: bool = True
    delete_reconciled: bool = False
    strict_requests: Literal["off", "journal", "refuse"] = "journal"
    webhook_on_payment: bool = True
    webhook_duplicates: bool = False
    webhook_timeout_s: float = 5.0
    webhook_background: bool = True
    period_lock_date: str | None = None
    end_of_year_lock_date: str | None = None

    @property
    def rounding_mode(self) -> str:
        """The decimal module's name of the mode."""
        return ROUND_HALF_UP if self.rounding == "half_up" else ROUND_HALF_EVEN

    @property
    def period_locked_to(self) -> date | None:
        """Documents dated on or before this day are locked."""
        return date.fromisoformat(self.period_lock_date) if self.period_lock_date else None

    @property
    def year_locked_to(self) -> date | None:
        """Documents dated on or before this day are locked, advisers included."""
        value = self.end_of_year_lock_date
        return date.fromisoformat(value) if value else None

    def as_json(self) -> dict[str, SwitchValue]:
        """All switches by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def changed(self, values: dict[str, SwitchValue]) -> "Switches":
        """Return a copy with some switches set; an unknown name is an error."""
        unknown = sorted(set(values) - {field.name for field in fields(self)})
        if unknown:
            raise ValueError(f"No such switch: {', '.join(unknown)}.")
        new = replace(self, **values)  # type: ignore[arg-type]  # the kinds are checked below
        for name in values:
            _check_kind(name, getattr(new, name), getattr(Switches(), name))
        _check_choice("idempotency_in_flight", new.idempotency_in_flight, ("wait", "conflict"))
        _check_choice("rounding", new.rounding, ("half_up", "half_even"))
        _check_choice("strict_requests", new.strict_requests, ("off", "journal", "refuse"))
        # Reading a lock date that is no date raises the same error.
        _ = (new.period_locked_to, new.year_locked_to)
        return new


def _check_kind(name: str, value: SwitchValue, default: SwitchValue) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: number,
        float: number,
        str: isinstance(value, str),
    }.get(type(default), value is None or isinstance(value, str))
    if not fits:
        raise ValueError(f"Switch {name} does not take that kind of value.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"Switch {name} takes {' or '.join(choices)}.")
