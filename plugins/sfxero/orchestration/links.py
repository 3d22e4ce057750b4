"""Links from tasks to what they have written."""

from typing import Any, Final

from airflow.sdk import BaseOperatorLink

REPORT_KEY: Final = "report_url"


class ReportLink(BaseOperatorLink):
    """The report of a reconciliation."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the report's address, as its task has stored it."""
        from airflow.sdk.execution_time.xcom import XCom

        del operator
        return str(XCom.get_value(ti_key=ti_key, key=REPORT_KEY) or "")
