"""The days that SOQL's date literals stand for."""

from datetime import date, timedelta


def day_range(name: str, count: int | None, today: date) -> tuple[date, date]:
    """Return the first day of the range and the day after its last."""
    day, steps = timedelta(days=1), count or 0
    if name == "LAST_N_DAYS":
        return today - steps * day, today + day
    if name == "NEXT_N_DAYS":
        return today + day, today + (steps + 1) * day
    which, _, unit = name.partition("_")
    if unit == "MONTH":
        months = today.year * 12 + today.month - 1 + {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
        return _month(months), _month(months + 1)
    if unit == "YEAR":
        year = today.year + {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
        return date(year, 1, 1), date(year + 1, 1, 1)
    start = today + {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}[name] * day
    return start, start + day


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
