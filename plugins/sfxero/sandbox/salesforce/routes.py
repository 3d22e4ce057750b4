"""The HTTP surface of the org: token endpoint, REST, Bulk API 2.0 and 1.0."""

from collections.abc import Iterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.failures import not_found
from sfxero.sandbox.salesforce.grants import Grants
from sfxero.sandbox.salesforce.guard import Endpoint, Guard
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.routes_async import AsyncRoutes
from sfxero.sandbox.salesforce.routes_bulk import BulkRoutes
from sfxero.sandbox.salesforce.routes_collections import CollectionRoutes
from sfxero.sandbox.salesforce.routes_ingest import IngestRoutes
from sfxero.sandbox.salesforce.routes_records import RecordRoutes
from sfxero.sandbox.salesforce.routes_rest import RestRoutes

_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
_ROOT = "/services/data/v{version}"


def build_router(org: SalesforceOrg) -> APIRouter:
    """Return the router that answers under /services."""
    router = APIRouter()
    guard = Guard(org)
    grants = Grants(org.sessions)
    for host in ("", "/{label}.salesforce.com"):
        for name, answer in (("token", grants.token), ("revoke", grants.revoke)):
            path = f"{host}/services/oauth2/{name}"
            router.add_route(path, guard.token(answer), methods=["POST"])
    rest, bulk = RestRoutes(org), BulkRoutes(org)
    router.add_route("/services/oauth2/userinfo", guard.closed(rest.user), methods=["GET", "POST"])
    router.add_route("/id/{org_id}/{user_id}", guard.closed(rest.user), methods=["GET"])
    for path in ("/services/data", "/services/data/"):
        router.add_route(path, guard.open(rest.versions), methods=["GET"])
    for method, path, endpoint in (
        *_rest_paths(rest), *_bulk_paths(bulk), *IngestRoutes(org).paths(),
        *CollectionRoutes(org, router).paths(), *RecordRoutes(org).paths(),
    ):  # fmt: skip
        router.add_route(_ROOT + path, guard.closed(endpoint), methods=[method])
    for method, path, endpoint in AsyncRoutes(org).paths():
        guarded = guard.closed(endpoint, is_async=True)
        router.add_route(f"/services/async/{{version}}{path}", guarded, methods=[method])
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
    yield "GET", "/sobjects/{object_name}/describe", rest.describe
    yield "GET", "/sobjects/{object_name}/describe/", rest.describe


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
