"""REST: versions, limits, describe, query and single records."""

from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.bulk import MAX_JOBS_PER_DAY
from sfxero.sandbox.salesforce.failures import MEDIA_TYPE, ApiFailure
from sfxero.sandbox.salesforce.guard import json_object
from sfxero.sandbox.salesforce.json_text import field_json, record_json, row_json
from sfxero.sandbox.salesforce.models import APP_NAME, VERSIONS, SalesforceOrg
from sfxero.sandbox.salesforce.query import Answer, run_query
from sfxero.sandbox.salesforce.schema import describe_object, describe_summary
from sfxero.sandbox.salesforce.soql import malformed

PAGE_SIZE = 2000
SMALLEST_PAGE = 200


def json_reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON reply."""
    return Response(orjson.dumps(body), status, headers, media_type=MEDIA_TYPE)


def season(version: str) -> str:
    """Return the release name of a version; three releases make a year."""
    number = int(version.partition(".")[0])
    name, offset = (("Summer", 0), ("Winter", 1), ("Spring", 1))[(number - 58) % 3]
    return f"{name} '{23 + (number - 58) // 3 + offset}"


class RestRoutes:
    """The REST endpoints of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Serve one org."""
        self._org = org

    async def versions(self, _request: Request) -> Response:
        """List the API versions."""
        return json_reply([
            {"label": season(version), "url": f"/services/data/v{version}", "version": version}
            for version in VERSIONS
        ])  # fmt: skip

    async def resources(self, request: Request) -> Response:
        """List what a version offers."""
        root = f"/services/data/v{request.path_params['version']}"
        names = ("sobjects", "query", "queryAll", "limits", "jobs")
        return json_reply({name: f"{root}/{name}" for name in names})

    async def limits(self, _request: Request) -> Response:
        """Report the org's limits, nested per application as the service does."""
        daily = self._org.switches.daily_requests
        left = max(0, daily - self._org.usage.spent(self._org.clock.now()))
        jobs_left = MAX_JOBS_PER_DAY - self._org.jobs.recent()
        app = {APP_NAME: {"Max": 0, "Remaining": 0}}
        return json_reply({
            "DailyApiRequests": {"Max": daily, "Remaining": left, **app},
            "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000, **app},
            "DailyBulkV2QueryJobs": {"Max": MAX_JOBS_PER_DAY, "Remaining": jobs_left},
            "DailyBulkV2QueryFileStorageMB": {"Max": 976562, "Remaining": 976562},
            "DataStorageMB": {"Max": 1024, "Remaining": 1000},
        })  # fmt: skip

    async def query(self, request: Request) -> Response:
        """Run SOQL over live rows."""
        return self._run(request, deleted=False)

    async def query_all(self, request: Request) -> Response:
        """Run SOQL over live and deleted rows."""
        return self._run(request, deleted=True)

    def _run(self, request: Request, *, deleted: bool) -> Response:
        text = request.query_params.get("q")
        if text is None:
            raise malformed("SOQL statement is missing: use the parameter q")
        org = self._org
        answer = run_query(text, org.records, now=org.clock.now(), deleted=deleted)
        if answer.is_count:
            return json_reply({"totalSize": len(answer.rows), "done": True, "records": []})
        batch_size = _batch_size(request.headers.get("sforce-query-options", ""))
        cursor_id = None
        if len(answer.rows) > batch_size:
            cursor_id = org.cursors.open(answer, batch_size=batch_size)
        return self._page(request, answer, start=0, size=batch_size, cursor_id=cursor_id)

    async def query_more(self, request: Request) -> Response:
        """Return the next page of a query."""
        found = self._org.cursors.find(request.path_params["locator"])
        cursor_id, answer, batch_size, start = found
        return self._page(request, answer, start=start, size=batch_size, cursor_id=cursor_id)

    def _page(
        self, request: Request, answer: Answer, *, start: int, size: int, cursor_id: str | None
    ) -> Response:
        version = request.path_params["version"]
        schema = self._org.schema
        source = schema.declared(answer.object_name)
        stop = start + size
        body: dict[str, Any] = {
            "totalSize": len(answer.rows), "done": stop >= len(answer.rows),
            "records": [
                row_json(row, answer.columns, schema, source=source, version=version)
                for row in answer.rows[start:stop]
            ],
        }  # fmt: skip
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{cursor_id}-{stop}"
        return json_reply(body)

    async def list_objects(self, request: Request) -> Response:
        """List all objects."""
        version = request.path_params["version"]
        shown = [
            describe_summary(each, version=version) for each in self._org.schema.objects.values()
        ]
        return json_reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})

    async def object_summary(self, request: Request) -> Response:
        """Describe one object in short."""
        source = rules.find_object(self._org, request.path_params["object_name"])
        summary = describe_summary(source, version=request.path_params["version"])
        return json_reply({"objectDescribe": summary, "recentItems": []})

    async def describe(self, request: Request) -> Response:
        """Describe one object, or say that nothing changed."""
        source = rules.find_object(self._org, request.path_params["object_name"])
        changed_at = self._org.schema_changed_at
        headers = {"Last-Modified": format_datetime(changed_at, usegmt=True)}
        since = request.headers.get("if-modified-since")
        if since is not None and _is_since(since, changed_at):
            return Response(status_code=304, headers=headers)
        body = describe_object(source, version=request.path_params["version"])
        return json_reply(body, headers=headers)

    async def read_record(self, request: Request) -> Response:
        """Return one record, whole or the fields asked for."""
        source = rules.find_object(self._org, request.path_params["object_name"])
        record = rules.find_record(self._org, source, request.path_params["record_id"])
        version = request.path_params["version"]
        shown = record_json(record, source, version=version)
        wanted = request.query_params.get("fields")
        if wanted is None:
            return json_reply(shown)
        chosen: dict[str, Any] = {"attributes": shown["attributes"]}
        for name in wanted.split(","):
            declared = source.by_name.get(name.strip().lower())
            if declared is None:
                message = f"No such column '{name.strip()}' on entity '{source.name}'."
                raise ApiFailure(400, "INVALID_FIELD", message)
            chosen[declared.name] = field_json(declared, record)
        return json_reply(chosen | {"Id": record["Id"]})

    async def create_record(self, request: Request) -> Response:
        """Save a new record."""
        body = await json_object(request)
        record_id = rules.create(self._org, request.path_params["object_name"], body)
        return json_reply({"id": record_id, "success": True, "errors": []}, 201)

    async def update_record(self, request: Request) -> Response:
        """Save changes of a record."""
        body = await json_object(request)
        where = request.path_params
        rules.update(self._org, where["object_name"], where["record_id"], body)
        return Response(status_code=204)

    async def delete_record(self, request: Request) -> Response:
        """Put a record into the recycle bin."""
        where = request.path_params
        rules.delete(self._org, where["object_name"], where["record_id"])
        return Response(status_code=204)


def _batch_size(options: str) -> int:
    """Return the page size of Sforce-Query-Options; the service keeps it within 200 and 2,000."""
    name, _, wanted = options.partition("=")
    if name.strip().lower() != "batchsize" or not wanted.strip().isdigit():
        return PAGE_SIZE
    return min(max(int(wanted), SMALLEST_PAGE), PAGE_SIZE)


def _is_since(header: str, changed_at: Any) -> bool:
    try:
        return bool(parsedate_to_datetime(header) >= changed_at)
    except (TypeError, ValueError):
        return False
