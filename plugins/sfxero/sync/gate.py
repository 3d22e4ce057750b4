"""The gate: a run is green only if every record that it read has ended somewhere it may end."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sfxero.errors import GateFailed
from sfxero.mapping.spec import QuarantineSection
from sfxero.model.states import Disposition, Entity

if TYPE_CHECKING:
    from sfxero.ledger.runs import RunReport

_BAD_STATES = frozenset({"failed", "upstream_failed"})
_SKIPPED = "skipped"
_FOLLOWING = frozenset(
    {
        Entity.OPPORTUNITY_LINE,
        Entity.PAYMENT,
        Entity.CREDIT_NOTE,
        Entity.OVERPAYMENT,
        Entity.PREPAYMENT,
    }
)
"""They end as their opportunities and invoices do, and would be counted twice."""
_IDLE = frozenset({Disposition.SKIPPED, Disposition.REMOVED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found; an empty list of objections lets the run pass."""

    objections: tuple[str, ...]
    counts: Mapping[str, int]
    outstanding: int = 0
    """Entries of any run that the target does not hold yet."""
    deferral: str | None = None
    """Why some task could not go on for now."""

    @property
    def is_deferred(self) -> bool:
        """Say whether nothing is wrong but that a service was down, or its day spent."""
        return self.deferral is not None and not self.objections

    @property
    def state(self) -> str:
        """The run's state in the ledger."""
        if self.objections:
            return "failed"
        return "succeeded" if self.deferral is None else "deferred"

    @property
    def line(self) -> str:
        """The verdict in one line."""
        ends = [f"{n} {name}" for name, n in sorted(self.counts.items())]
        if self.is_deferred:
            wait = f"{self.outstanding} entries wait; the next run goes on"
            return f"deferred: {self.deferral}; {wait} ({', '.join(ends) or 'nothing was mapped'})"
        if self.outstanding:
            ends.append(f"{self.outstanding} entries outstanding in all")
        ended = ", ".join(ends) or "nothing had changed"
        if self.objections:
            why = "; ".join(filter(None, (*self.objections, self.deferral)))
            return f"FAILED: {why} ({ended})"
        return f"passed: {ended}"


def judge(
    report: "RunReport",
    *,
    limits: QuarantineSection,
    linked: Mapping[Entity, int],
    task_states: Mapping[str, str | None],
    outstanding: int = 0,
    deferral: str | None = None,
    is_read: bool = True,
) -> Verdict:
    """Judge one run; `linked` counts the route's records in step, by source entity.

    `task_states` are the states of the run's other tasks by task id; `deferral` says why some of
    them could not go on for now. That alone is nobody's fault, and excuses nothing else. `is_read`
    says that the run's windows were read to their end, or that a later run reads them again.
    """
    objections = failed_tasks(task_states)
    if not is_read:
        objections.append(
            "its part of the past was not read to its end; run it again by a backfill with "
            "--reprocess-behavior failed"
        )
    if report.missing_count:
        sample = ", ".join(f"{entity} {one}" for entity, one in report.missing_sample[:5])
        objections.append(f"{report.missing_count} records have no disposition: {sample}")
    objections += [
        f"dead letter {one.entry_id} ({one.entity} of {one.source_id}): {one.message} {one.hint}"
        for one in report.dead_letters[:5]
    ]
    if len(report.dead_letters) > 5:
        objections.append(f"{len(report.dead_letters) - 5} more dead letters")
    objections += _over_threshold(report, limits, linked)
    counts: dict[str, int] = {}
    for entity, disposition, _, n in report.counts:
        if entity not in _FOLLOWING:
            counts[disposition] = counts.get(disposition, 0) + n
    return Verdict(tuple(objections), counts, outstanding, deferral)


def failed_tasks(task_states: Mapping[str, str | None]) -> list[str]:
    """Return an objection for each other task of the run that failed."""
    return [
        f"task {name} {state}"
        for name, state in sorted(task_states.items())
        if state in _BAD_STATES
    ]


def deferral_of(task_states: Mapping[str, str | None], reason: str | None) -> str | None:
    """Return why the run is deferred; a reason of tasks that have since succeeded is none."""
    return reason if _SKIPPED in task_states.values() else None


def refuse_failures(task_states: Mapping[str, str | None]) -> None:
    """Raise GateFailed if one of a run's tasks has failed."""
    if objections := failed_tasks(task_states):
        raise GateFailed(f"FAILED: {'; '.join(objections)}")


def pass_or_fail(verdict: Verdict) -> None:
    """Raise GateFailed with all objections."""
    if verdict.objections:
        raise GateFailed(verdict.line)


def _over_threshold(
    report: "RunReport", limits: QuarantineSection, linked: Mapping[Entity, int]
) -> list[str]:
    """Compare each entity's refused records with all that are, or were to be, in step.

    A run reads what is in quarantine each time, so its own records alone say nothing.
    """
    found = []
    for entity in (Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.INVOICE):
        ends: dict[Disposition, int] = {}
        for one, disposition, _, n in report.counts:
            if one is entity:
                ends[disposition] = ends.get(disposition, 0) + n
        refused = ends.get(Disposition.QUARANTINED, 0)
        wanted = sum(n for end, n in ends.items() if end not in _IDLE)
        known = max(wanted, linked.get(entity, 0) + refused)
        if limits.max_rows is not None and refused > limits.max_rows:
            found.append(f"{refused} of {entity} in quarantine, more than {limits.max_rows}")
        elif refused and Decimal(refused) / known > limits.max_share:
            share = f"more than a share of {limits.max_share}"
            found.append(f"{refused} of {known} of {entity} in quarantine, {share}")
    return found
