"""Operators, where a task needs what a function cannot have: a link of its own."""

from typing import Any

from airflow.sdk import BaseOperator

from sfxero.orchestration.links import REPORT_KEY, ReportLink


class CompareOperator(BaseOperator):
    """Compares what the run has read; links to its report, and tells of the day's marts."""

    operator_extra_links = (ReportLink(),)

    def execute(self, context: Any) -> dict[str, Any]:
        """Compare, and return the verdict with figures and paths."""
        from sfxero.orchestration import reconciling
        from sfxero.orchestration.task_groups import run_of

        ti = context["ti"]
        told = reconciling.compare(run_of(ti))
        ti.xcom_push(key=REPORT_KEY, value=reconciling.address_of(told["report"]))
        for asset in self.outlets:
            name = asset.uri.rsplit("/", 1)[-1]
            # Without a path, a run over a part of the books: the mart is as it was.
            context["outlet_events"][asset].extra = {
                "path": told["marts"].get(name),
                "verdict": told["verdict"],
            }
        return told
