"""Charts as inline SVG: bars only, drawn without any script or outside resource."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_HEIGHT: Final = 180
_TOP: Final = 24
_BASE: Final = _HEIGHT - 28
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, how high it is, and what is written at it."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str
    style: str

    @property
    def middle(self) -> float:
        """The place of its texts."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing for the template: its size, its bars, and what stands below groups of them."""

    width: int
    height: int
    base: int
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]


def columns(values: Sequence[tuple[str, Decimal, str]], *, step: int = 120) -> Chart:
    """Draw one bar for each (label, value, style), with its value above it."""
    most = max((value for _, value, _ in values), default=_ZERO)
    bars = [
        _bar(place * step + step * 0.18, step * 0.64, value, most, label=label, style=style)
        for place, (label, value, style) in enumerate(values)
    ]
    ticks = [(one.middle, one.label) for one in bars]
    return Chart(max(1, len(values)) * step, _HEIGHT, _BASE, bars, ticks)


def pairs(values: Sequence[tuple[str, Decimal, Decimal]], *, step: int = 64) -> Chart:
    """Draw two bars side by side for each (label, left, right)."""
    most = max((max(left, right) for _, left, right in values), default=_ZERO)
    bars: list[Bar] = []
    for place, (label, left, right) in enumerate(values):
        start = place * step + step * 0.12
        for offset, (value, style) in enumerate(((left, "won"), (right, "invoiced"))):
            bars.append(
                _bar(start + offset * step * 0.38, step * 0.36, value, most,
                     label=label, style=style)
            )  # fmt: skip
    ticks = [(place * step + step * 0.5, label) for place, (label, _, _) in enumerate(values)]
    return Chart(max(1, len(values)) * step, _HEIGHT, _BASE, bars, ticks)


def short(value: Decimal) -> str:
    """Return an amount in as few characters as say how much it is."""
    for bound, unit in ((Decimal(1_000_000), "m"), (Decimal(1_000), "k")):
        if abs(value) >= bound:
            return f"{value / bound:,.1f} {unit}"
    return f"{value:,.0f}"


def _bar(x: float, width: float, value: Decimal, most: Decimal, *, label: str, style: str) -> Bar:
    share = float(max(value, _ZERO) / most) if most > 0 else 0.0
    height = share * (_BASE - _TOP)
    # What is there must be seen, however little it is.
    height = max(height, 1.5) if value > 0 else 0.0
    return Bar(
        x=round(x, 2),
        y=round(_BASE - height, 2),
        width=round(width, 2),
        height=round(height, 2),
        label=label,
        value=short(value) if value else "0",
        style=style,
    )
