"""What a person has let pass: a refusal of a check becomes a warning that names the person."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId

if TYPE_CHECKING:
    from sfxero.ledger.releases import Release, ReleaseKey


def with_releases(
    findings: Iterable[Finding], released: "Mapping[ReleaseKey, Release]"
) -> tuple[Finding, ...]:
    """Return the findings as people have decided about them."""
    return tuple(_judged(one, released) for one in findings)


def refused_by(findings: Iterable[Finding]) -> set[SourceId]:
    """Return the records that they refuse."""
    return {one.source_id for one in findings if one.severity is Severity.REFUSE}


def _judged(finding: Finding, released: "Mapping[ReleaseKey, Release]") -> Finding:
    found = released.get((finding.source_id, finding.rule, finding.value or ""))
    if found is None:
        return finding
    hint = f"Released by {found.actor}: {found.reason}"
    return replace(finding, severity=Severity.WARN, hint=hint)
