"""The page that shows what the suites of a run found: counts and cures, no value of a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sfxero.pages import page_template
from sfxero.quality.checks import CheckResult, Counted


@dataclass(frozen=True, slots=True)
class SuiteSection:
    """One suite as the page shows it."""

    name: str
    counts: Sequence[Counted]


def render(results: Mapping[str, CheckResult], *, route: str, run_id: str, at: datetime) -> str:
    """Return the page as HTML that loads nothing; `results` are by the names of suites."""
    return page_template("sfxero.quality", "checks.html.j2").render(
        suites=[SuiteSection(name, one.counts) for name, one in results.items()],
        stops=[stop for one in results.values() for stop in one.stops],
        route=route,
        run_id=run_id,
        at=at,
    )
