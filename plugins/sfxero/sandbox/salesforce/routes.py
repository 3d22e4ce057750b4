"""The HTTP surface of the org: token endpoint, REST and Bulk API 2.0 queries."""

from collections.abc import Iterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.failures import not_found
from sfxero.sandbox.salesforce.guard import Endpoint, Guard
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.routes_bulk import BulkRoutes
from sfxero.sandbox.salesforce.routes_rest import RestRoutes

_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
_ROOT = "/services/data/v{version}"


def build_router(org: SalesforceOrg) -> APIRouter:
    """Return the router that answers under /services."""
    router = APIRouter()
    guard = Guard(org)
    for path in ("/services/oauth2/token", "/{label}.salesforce.com/services/oauth2/token"):
        router.add_route(path, guard.token(org.sessions.token_endpoint), methods=["POST"])
    rest, bulk = RestRoutes(org), BulkRoutes(org)
    for path in ("/services/data", "/services/data/"):
        router.add_route(path, guard.open(rest.versions), methods=["GET"])
    for method, path, endpoint in (*_rest_paths(rest), *_bulk_paths(bulk)):
        router.add_route(_ROOT + path, guard.closed(endpoint), methods=[method])
    router.add_route("/services/{rest:path}", guard.closed(_nothing), methods=_ALL_METHODS)
    return router


def _rest_paths(rest: RestRoutes) -> Iterator[tuple[str, str, Endpoint]]:
    yield "GET", "", rest.resources
    yield "GET", "/", rest.resources
    yield "GET", "/limits", rest.limits
    yield "GET", "/limits/", rest.limits
    for name, deleted in (("query", False), ("queryAll", True)):
        run = rest.query_all if deleted else rest.query
        yield "GET", f"/{name}", run
        yield "GET", f"/{name}/", run
        yield "GET", f"/{name}/{{locator}}", rest.query_more
    yield "GET", "/sobjects", rest.list_objects
    yield "GET", "/sobjects/", rest.list_objects
    yield "GET", "/sobjects/{object_name}", rest.object_summary
    yield "POST", "/sobjects/{object_name}", rest.create_record
    yield "POST", "/sobjects/{object_name}/", rest.create_record
    yield "GET", "/sobjects/{object_name}/describe", rest.describe
    yield "GET", "/sobjects/{object_name}/describe/", rest.describe
    yield "GET", "/sobjects/{object_name}/{record_id}", rest.read_record
    yield "PATCH", "/sobjects/{object_name}/{record_id}", rest.update_record
    yield "DELETE", "/sobjects/{object_name}/{record_id}", rest.delete_record


def _bulk_paths(bulk: BulkRoutes) -> Iterator[tuple[str, str, Endpoint]]:
    for slash in ("", "/"):
        yield "POST", f"/jobs/query{slash}", bulk.create
        yield "GET", f"/jobs/query{slash}", bulk.list_jobs
    yield "GET", "/jobs/query/{job_id}", bulk.read
    yield "PATCH", "/jobs/query/{job_id}", bulk.abort
    yield "DELETE", "/jobs/query/{job_id}", bulk.delete
    yield "GET", "/jobs/query/{job_id}/results", bulk.results
    yield "GET", "/jobs/query/{job_id}/resultPages", bulk.result_pages


async def _nothing(_request: Request) -> Response:
    raise not_found()
