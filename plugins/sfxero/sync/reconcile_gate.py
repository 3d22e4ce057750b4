"""The end of a reconciliation: green only if each difference is explained or accepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sfxero.sync.gate import Verdict, deferral_of, failed_tasks

_FAILED: Final = "FAILED: "


@dataclass(frozen=True, slots=True)
class ReconcileVerdict(Verdict):
    """A verdict in the comparison's own words."""

    said: str = ""

    @property
    def line(self) -> str:
        """The verdict in one line."""
        if self.objections:
            return f"{_FAILED}{'; '.join(self.objections)}"
        if self.is_deferred:
            return f"deferred: {self.deferral}; the next night compares"
        return self.said


def judge(
    told: Mapping[str, Any] | None, *, task_states: Mapping[str, str | None], deferral: str | None
) -> ReconcileVerdict:
    """Judge one run by what its comparison said, if it came to one."""
    objections = failed_tasks(task_states)
    reason = deferral_of(task_states, deferral)
    if told is None:
        if not objections and reason is None:
            objections = ["nothing was compared"]
        return ReconcileVerdict(tuple(objections), {}, deferral=reason)
    said = str(told["verdict"])
    if not told["is_in_step"]:
        objections.append(said.removeprefix(_FAILED))
    counts = {name: int(told[name]) for name in ("links", "invoices", "open")}
    return ReconcileVerdict(tuple(objections), counts, deferral=reason, said=said)
