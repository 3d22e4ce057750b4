"""Exact amounts: how they are read and how they are rounded."""

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final

# Wide enough that no product of two amounts is rounded before we say so.
_EXACT: Final = Context(prec=100, rounding=ROUND_HALF_UP)


def round_half_up(value: Decimal, places: int) -> Decimal:
    """Round to `places` decimals, halves away from zero, as Xero does (its page on rounding)."""
    return value.quantize(Decimal(1).scaleb(-places), context=_EXACT)


def parse_amount(value: str | int | Decimal) -> Decimal:
    """Read a finite amount; a float is refused, since it has lost digits already.

    Raises TypeError for a float and ValueError for anything that is no number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError(
            f"an amount is text, a whole number or a Decimal, not {type(value).__name__}"
        )
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError("the amount is no number") from None
    if not amount.is_finite():
        raise ValueError("the amount is not finite")
    return amount
