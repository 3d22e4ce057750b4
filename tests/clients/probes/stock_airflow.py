"""The provider's hook and operator, unchanged, knowing nothing but their connection."""

import json
import sys
from pathlib import Path

from airflow.providers.salesforce.hooks.salesforce import SalesforceHook
from airflow.providers.salesforce.operators.bulk import SalesforceBulkOperator


def read() -> object:
    """What the hook offers for reading."""
    hook = SalesforceHook("salesforce_sandbox")
    result = hook.make_query("SELECT Id, Name FROM Account")
    table = hook.object_to_df(result["records"])
    return {
        "total": result["totalSize"],
        "ids": sorted(row["Id"] for row in result["records"]),
        "columns": list(table.columns),
        "fields": hook.get_available_fields("Account"),
    }


def write() -> object:
    """Insert, then update what was inserted, by Bulk API 1.0."""

    def run(operation: str, payload: list[dict[str, str]]) -> list[dict[str, object]]:
        operator = SalesforceBulkOperator(
            task_id=operation, operation=operation, object_name="Account", payload=payload,
            salesforce_conn_id="salesforce_sandbox",
        )  # fmt: skip
        return list(operator.execute({}))

    inserted = run("insert", [{"Name": "First"}, {"Name": ""}])
    updated = run("update", [{"Id": str(inserted[0]["id"]), "Phone": "1300 555 019"}])
    return {"inserted": inserted, "updated": updated}


if __name__ == "__main__":
    answer, wanted = sys.argv[1:]
    Path(answer).write_text(json.dumps({"read": read, "write": write}[wanted]()), encoding="utf-8")
