"""REST: single records by id and by external id, and the replication calls."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.coercion import read_only
from sfxero.sandbox.salesforce.csv_text import json_datetime
from sfxero.sandbox.salesforce.deletions import check_range
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found
from sfxero.sandbox.salesforce.guard import Endpoint, json_object
from sfxero.sandbox.salesforce.json_text import field_json, record_json
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import Record
from sfxero.sandbox.salesforce.routes_rest import json_reply
from sfxero.sandbox.salesforce.schema import ObjectType
from sfxero.sandbox.salesforce.transactions import Transactions
from sfxero.sandbox.salesforce.writes import RowWrite, key_field, matches, without


class RecordRoutes:
    """The single-record endpoints of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Serve one org."""
        self._org = org
        self._transactions = Transactions(org)

    def paths(self) -> Iterator[tuple[str, str, Endpoint]]:
        """Yield method, path and endpoint; the longer and fixed ones come first."""
        root = "/sobjects/{object_name}"
        for slash in ("", "/"):
            yield "POST", f"{root}{slash}", self.create
            yield "GET", f"{root}/deleted{slash}", self.deleted
            yield "GET", f"{root}/updated{slash}", self.updated
            yield "GET", f"{root}/{{record_id}}{slash}", self.read
            yield "PATCH", f"{root}/{{record_id}}{slash}", self.update
            yield "DELETE", f"{root}/{{record_id}}{slash}", self.delete
        yield "GET", f"{root}/{{key}}/{{value:path}}", self.read_by_key
        yield "PATCH", f"{root}/{{key}}/{{value:path}}", self.upsert
        yield "DELETE", f"{root}/{{key}}/{{value:path}}", self.delete_by_key

    def _source(self, request: Request) -> ObjectType:
        return rules.find_object(self._org, request.path_params["object_name"])

    async def create(self, request: Request) -> Response:
        """Save a new record."""
        body = await json_object(request)
        write = RowWrite("insert", request.path_params["object_name"], body)
        outcome = await self._transactions.save_one(write)
        return json_reply({"id": outcome.record_id, "success": True, "errors": []}, 201)

    async def read(self, request: Request) -> Response:
        """Return one record, whole or the fields asked for."""
        source = self._source(request)
        record = rules.find_record(self._org, source, request.path_params["record_id"])
        visible = self._org.records.visible(source.name, str(record["Id"]))
        if visible is None:
            raise not_found()
        return json_reply(self._shown(request, source, visible))

    def _shown(self, request: Request, source: ObjectType, record: Record) -> dict[str, Any]:
        version = request.path_params["version"]
        shown = record_json(record, source, version=version)
        wanted = request.query_params.get("fields")
        if wanted is None:
            return shown
        chosen: dict[str, Any] = {"attributes": shown["attributes"]}
        for name in wanted.split(","):
            declared = source.by_name.get(name.strip().lower())
            if declared is None:
                message = f"No such column '{name.strip()}' on entity '{source.name}'."
                raise ApiFailure(400, "INVALID_FIELD", message)
            chosen[declared.name] = field_json(declared, record)
        return chosen | {"Id": record["Id"]}

    async def update(self, request: Request) -> Response:
        """Save changes of a record."""
        body = await json_object(request)
        where = request.path_params
        source = self._source(request)
        record = rules.find_record(self._org, source, where["record_id"])
        if without(body, "Id") != body:
            raise read_only("Id")
        write = RowWrite("update", source.name, body | {"Id": record["Id"]})
        await self._transactions.save_one(write)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Put a record into the recycle bin."""
        where = request.path_params
        removal.delete(self._org, where["object_name"], where["record_id"])
        return Response(status_code=204)

    def _matches(self, request: Request) -> tuple[ObjectType, str, list[Record]]:
        source, where = self._source(request), request.path_params
        key = key_field(source, where["key"])
        return source, key.name, matches(self._org, source, key, where["value"].rstrip("/"))

    async def read_by_key(self, request: Request) -> Response:
        """Return the record that an external id names."""
        source, _, found = self._matches(request)
        if not found:
            raise not_found()
        if len(found) > 1:
            return self._several(request, source, found)
        return json_reply(self._shown(request, source, found[0]))

    async def upsert(self, request: Request) -> Response:
        """Update the record that an external id names, or create it."""
        body = await json_object(request)
        source, key, found = self._matches(request)
        if len(found) > 1:
            return self._several(request, source, found)
        if without(body, key) != body:
            message = f"The {key} field should not be specified in the sobject data."
            raise ApiFailure(400, "INVALID_FIELD", message, fields=(key,))
        value = request.path_params["value"].rstrip("/")
        write = RowWrite("upsert", source.name, body | {key: value}, key)
        outcome = await self._transactions.save_one(write)
        reply: dict[str, Any] = {
            "id": outcome.record_id, "success": True, "errors": [], "created": outcome.created,
        }  # fmt: skip
        return json_reply(reply, 201 if outcome.created else 200)

    async def delete_by_key(self, request: Request) -> Response:
        """Delete the record that an external id names."""
        source, _, found = self._matches(request)
        if not found:
            raise not_found()
        if len(found) > 1:
            return self._several(request, source, found)
        removal.delete(self._org, source.name, str(found[0]["Id"]))
        return Response(status_code=204)

    def _several(self, request: Request, source: ObjectType, found: list[Record]) -> Response:
        root = f"/services/data/v{request.path_params['version']}/sobjects/{source.name}"
        return json_reply([f"{root}/{quote(str(each['Id']))}" for each in found], 300)

    async def deleted(self, request: Request) -> Response:
        """List what was deleted in a range of time, while the log remembers."""
        source, org = self._source(request), self._org
        start, end = _range(request)
        kept = timedelta(days=org.switches.delete_log_days)
        deletions = org.deletions.between(source.name, start, end, now=org.now(), kept=kept)
        return json_reply(deletions)

    async def updated(self, request: Request) -> Response:
        """List what changed in a range of time."""
        source, org = self._source(request), self._org
        start, end = _range(request)
        check_range(start, end, now=org.now())
        found = [
            record["Id"]
            for record in org.records.visible_rows(source.name)
            if not record.get("IsDeleted")
            and isinstance(stamp := record["SystemModstamp"], datetime)
            and start <= stamp < end
        ]
        covered = json_datetime(min(end, org.now()))
        return json_reply({"ids": found, "latestDateCovered": covered})


def _range(request: Request) -> tuple[datetime, datetime]:
    found = []
    for name in ("start", "end"):
        # A plus sign that was not escaped arrives as a space.
        given = request.query_params.get(name, "").replace(" ", "+")
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise ApiFailure(
                400, "INVALID_REPLICATION_DATE", f"{name} is no date: {given}"
            ) from None
        found.append(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
    return found[0], found[1]
