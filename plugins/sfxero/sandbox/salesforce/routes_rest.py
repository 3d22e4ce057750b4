"""REST: versions, limits, describe, query and single records."""

from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.failures import MEDIA_TYPE
from sfxero.sandbox.salesforce.json_text import row_json
from sfxero.sandbox.salesforce.models import APP_NAME, VERSIONS, SalesforceOrg
from sfxero.sandbox.salesforce.query import Answer, Source, run_query
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
        names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite")
        return json_reply({name: f"{root}/{name}" for name in names})

    async def user(self, request: Request) -> Response:
        """Say who the session belongs to."""
        org = self._org
        user = next(each for each in org.users.values() if each.user_id == org.acting_id)
        base_url = f"{request.url.scheme}://{request.headers.get('host', '')}"
        identity = f"{base_url}/id/{org.organization_id}/{user.user_id}"
        return json_reply({
            "id": identity, "sub": identity, "user_id": user.user_id, "username": user.username,
            "organization_id": org.organization_id, "preferred_username": user.username,
            "display_name": user.name, "name": user.name, "email": user.username,
            "urls": {"rest": f"{base_url}/services/data/v{{version}}/"},
        })  # fmt: skip

    async def limits(self, _request: Request) -> Response:
        """Report the org's limits, nested per application as the service does."""
        org, switches = self._org, self._org.switches
        now = org.clock.now()
        left = max(0, switches.daily_requests - org.usage.spent(now))
        jobs = switches.query_jobs_per_day
        jobs_left = max(0, jobs - org.query_jobs.spent(now))
        batches = switches.ingest_batches_per_day
        app = {APP_NAME: {"Max": 0, "Remaining": 0}}
        return json_reply({
            "DailyApiRequests": {"Max": switches.daily_requests, "Remaining": left, **app},
            "DailyBulkApiBatches": {
                "Max": batches, "Remaining": max(0, batches - org.batches.spent(now)), **app,
            },
            "DailyBulkV2QueryJobs": {"Max": jobs, "Remaining": jobs_left},
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
        source = Source(org.records, org.schema, org.clock.now(), deleted=deleted)
        answer = run_query(text, source)
        if answer.is_count:
            return json_reply({"totalSize": len(answer), "done": True, "records": []})
        batch_size = _batch_size(request.headers.get("sforce-query-options", ""))
        cursor_id = None
        if len(answer) > batch_size:
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
            "totalSize": len(answer), "done": stop >= len(answer),
            "records": [
                row_json(row, answer.columns, schema, source=source, version=version)
                for row in answer.slice(start, stop)
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
