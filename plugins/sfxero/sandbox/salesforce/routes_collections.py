"""REST: up to 200 records in one call, and batches of calls."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.failures import ApiFailure, unreadable_json
from sfxero.sandbox.salesforce.guard import Endpoint, json_object
from sfxero.sandbox.salesforce.json_text import attributes, field_json
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import normal_id
from sfxero.sandbox.salesforce.routes_rest import json_reply
from sfxero.sandbox.salesforce.transactions import Transactions
from sfxero.sandbox.salesforce.writes import Outcome, RowWrite, WriteKind, key_field, without

MOST_RECORDS = 200
MOST_CALLS = 25


class CollectionRoutes:
    """The composite endpoints of one org."""

    def __init__(self, org: SalesforceOrg, router: Router) -> None:
        """Serve one org; batched calls go back through the router."""
        self._org = org
        self._router = router
        self._transactions = Transactions(org)

    def paths(self) -> Iterator[tuple[str, str, Endpoint]]:
        """Yield method, path and endpoint."""
        root = "/composite/sobjects"
        for slash in ("", "/"):
            yield "POST", f"{root}{slash}", self.insert
            yield "PATCH", f"{root}{slash}", self.update
            yield "DELETE", f"{root}{slash}", self.delete
            yield "GET", f"{root}/{{object_name}}{slash}", self.retrieve
            yield "POST", f"{root}/{{object_name}}{slash}", self.retrieve
            yield "PATCH", f"{root}/{{object_name}}/{{key}}{slash}", self.upsert
            yield "POST", f"/composite/batch{slash}", self.batch

    async def insert(self, request: Request) -> Response:
        """Create records."""
        return await self._write(request, "insert")

    async def update(self, request: Request) -> Response:
        """Change records by id."""
        return await self._write(request, "update")

    async def upsert(self, request: Request) -> Response:
        """Create or change records by external id."""
        return await self._write(request, "upsert")

    async def _write(self, request: Request, kind: WriteKind) -> Response:
        body = await json_object(request)
        records = _records(body)
        named, key = request.path_params.get("object_name"), request.path_params.get("key")
        if named is not None and key is not None:
            key = key_field(rules.find_object(self._org, named), key).name
        writes = [
            RowWrite(kind, _type_of(record, named), without(record, "attributes"), key)
            for record in records
        ]
        all_or_none = _all_or_none(body.get("allOrNone", False))
        outcomes = await self._transactions.save_all(writes, all_or_none=all_or_none)
        return json_reply([_result(outcome, kind) for outcome in outcomes])

    async def delete(self, request: Request) -> Response:
        """Delete records by id."""
        given = [each.strip() for each in request.query_params.get("ids", "").split(",")]
        _check_count(len(given))
        writes = [RowWrite("delete", self._object_of(each), {"Id": each}) for each in given]
        all_or_none = _all_or_none(request.query_params.get("allOrNone", "false"))
        outcomes = await self._transactions.save_all(writes, all_or_none=all_or_none)
        return json_reply([_result(outcome, "delete") for outcome in outcomes])

    def _object_of(self, record_id: str) -> str:
        for source in self._org.schema.objects.values():
            if record_id.startswith(source.key_prefix):
                return source.name
        raise ApiFailure(400, "MALFORMED_ID", f"malformed id {record_id}")

    async def retrieve(self, request: Request) -> Response:
        """Read records by id; unknown ones are null."""
        if request.method == "POST":
            body = await json_object(request)
            ids, names = body.get("ids", []), body.get("fields", [])
        else:
            ids = request.query_params.get("ids", "").split(",")
            names = request.query_params.get("fields", "Id").split(",")
        _check_count(len(ids), cap=2000)
        source = rules.find_object(self._org, request.path_params["object_name"])
        fields = [source.by_name.get(str(name).strip().lower()) for name in names]
        if None in fields:
            wrong = names[fields.index(None)]
            message = f"No such column '{wrong}' on entity '{source.name}'."
            raise ApiFailure(400, "INVALID_FIELD", message)
        version = request.path_params["version"]
        shown: list[dict[str, Any] | None] = []
        for given in ids:
            record = self._org.records.visible(source.name, normal_id(str(given).strip()))
            if record is None or record.get("IsDeleted"):
                shown.append(None)
                continue
            part: dict[str, Any] = {"attributes": attributes(source.name, record, version=version)}
            shown.append(part | {each.name: field_json(each, record) for each in fields if each})
        return json_reply(shown)

    async def batch(self, request: Request) -> Response:
        """Make up to 25 independent calls; each counts towards the limits."""
        body = await json_object(request)
        calls = body.get("batchRequests")
        if not isinstance(calls, list) or not calls:
            raise unreadable_json("batchRequests must be a list")
        if len(calls) > MOST_CALLS:
            raise ApiFailure(
                400, "LIMIT_EXCEEDED", f"The request cannot have more than {MOST_CALLS} subrequests"
            )
        results = [await self._call(request, call) for call in calls]
        has_errors = any(each["statusCode"] >= 400 for each in results)
        return json_reply({"hasErrors": has_errors, "results": results})

    async def _call(self, request: Request, call: Any) -> dict[str, Any]:
        """Send one call of a batch through the routes, as if it had come alone."""
        if not isinstance(call, dict) or not isinstance(call.get("url"), str):
            raise unreadable_json("Each subrequest needs a method and a url")
        path, _, query = call["url"].lstrip("/").partition("?")
        path = "/" + path if path.startswith("services/") else f"/services/data/{path}"
        if "/composite" in path:
            raise ApiFailure(400, "INVALID_BATCH_REQUEST", "Batches do not nest")
        payload = json.dumps(call.get("richInput")).encode() if "richInput" in call else b""
        scope: MutableMapping[str, Any] = {
            **request.scope, "method": str(call.get("method", "GET")).upper(), "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "path_params": {},
        }  # fmt: skip
        reply = _Collected(payload)
        await self._router(scope, reply.receive, reply.send)
        return {"statusCode": reply.status, "result": json.loads(reply.body or b"null")}


class _Collected:
    """The reply to a call that never sees a socket."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.status = 500
        self.body = b""

    async def receive(self) -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": self._payload, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


def _records(body: dict[str, Any]) -> list[dict[str, Any]]:
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise unreadable_json("records must be a list of objects")
    _check_count(len(records))
    return records


def _check_count(count: int, *, cap: int = MOST_RECORDS) -> None:
    if count > cap:
        raise ApiFailure(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {cap} "
            "records into this call", fields=(),
        )  # fmt: skip


def _type_of(record: dict[str, Any], named: str | None) -> str:
    given = record.get("attributes")
    found = given.get("type") if isinstance(given, dict) else None
    if not isinstance(found, str):
        raise ApiFailure(
            400, "INVALID_INPUT", "Each record must name its type in attributes", fields=("type",)
        )
    if named is not None and found.lower() != named.lower():
        raise ApiFailure(400, "INVALID_INPUT", f"A record of {found} was sent to {named}")
    return found


def _all_or_none(given: object) -> bool:
    return given is True or str(given).lower() == "true"


def _result(outcome: Outcome, kind: WriteKind) -> dict[str, Any]:
    """Return one element of the reply; errors have statusCode here, not errorCode."""
    failure = outcome.failure
    if failure is None:
        shown: dict[str, Any] = {"id": outcome.record_id, "success": True, "errors": []}
        return shown | ({"created": outcome.created} if kind == "upsert" else {})
    error = {
        "statusCode": failure.code, "message": failure.message,
        "fields": list(failure.fields or ()),
    }  # fmt: skip
    return {"success": False, "errors": [error]} | ({"created": False} if kind == "upsert" else {})
