"""The salesperson's hands: what people do in the org between two runs of a sync."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce import conversion, removal, rules
from sfxero.sandbox.salesforce.failures import MEDIA_TYPE, unreadable_json
from sfxero.sandbox.salesforce.guard import Endpoint, json_object
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import Record, Value
from sfxero.sandbox.salesforce.schema import ObjectType


def reply(body: Any, status: int = 200) -> Response:
    """Return a JSON reply of the control plane."""
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE)


def plain(value: Value) -> str | bool | int | None:
    """Return a value for people and tests: decimals as text, never as floats."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime | date) else value


def plain_record(record: Record) -> dict[str, str | bool | int | None]:
    """Return a record for people and tests."""
    return {name: plain(value) for name, value in record.items()}


class Hands:
    """Edits the org as its users would."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Edit one org."""
        self._org = org

    def paths(self) -> Iterator[tuple[list[str], str, Endpoint]]:
        """Yield methods, path and endpoint; the fixed ones come first."""
        yield ["POST"], "/empty_bin", self.empty_bin
        yield ["POST"], "/Opportunity/{record_id}/win", self.win
        yield ["POST"], "/Opportunity/{record_id}/reopen", self.reopen
        yield ["POST"], "/Opportunity/{record_id}/clone", self.clone
        yield ["POST"], "/Opportunity/{record_id}/lines", self.set_lines
        yield ["POST"], "/Lead/{record_id}/convert", self.convert
        yield ["POST"], "/{object_name}/{record_id}/rename", self.rename
        yield ["POST"], "/{object_name}/{record_id}/merge", self.merge
        yield ["POST"], "/{object_name}/{record_id}/delete", self.delete
        yield ["POST"], "/{object_name}/{record_id}/undelete", self.undelete
        yield ["POST"], "/{object_name}/{record_id}/hard_delete", self.hard_delete
        yield ["GET"], "/{object_name}/{record_id}", self.show
        yield ["POST", "PATCH"], "/{object_name}/{record_id}", self.edit
        yield ["GET"], "/{object_name}", self.dump
        yield ["POST"], "/{object_name}", self.create

    def _source(self, request: Request) -> ObjectType:
        return rules.find_object(self._org, request.path_params["object_name"])

    def _shown(self, object_name: str, record_id: str, *, status: int = 200) -> Response:
        source = rules.find_object(self._org, object_name)
        record = rules.find_record(self._org, source, record_id)
        return reply(plain_record(record), status)

    async def win(self, request: Request) -> Response:
        """Close an opportunity as won."""
        return self._stage(request, "Closed Won")

    async def reopen(self, request: Request) -> Response:
        """Take an opportunity back into negotiation."""
        return self._stage(request, "Negotiation/Review")

    def _stage(self, request: Request, stage_name: str) -> Response:
        record_id = request.path_params["record_id"]
        rules.update(self._org, "Opportunity", record_id, {"StageName": stage_name})
        return self._shown("Opportunity", record_id)

    async def clone(self, request: Request) -> Response:
        """Copy an opportunity with its lines, back in its first stage; unique fields stay out."""
        org = self._org
        source = rules.find_object(org, "Opportunity")
        former = rules.find_record(org, source, request.path_params["record_id"])
        copy = _copied(source, former) | {"StageName": "Prospecting"}
        new_id = rules.create(org, source.name, copy)
        line_type = rules.find_object(org, "OpportunityLineItem")
        for line in org.records.lines_of(str(former["Id"])):
            wanted = _copied(line_type, line) | {"OpportunityId": new_id}
            rules.create(org, line_type.name, wanted)
        return self._shown(source.name, new_id, status=201)

    async def set_lines(self, request: Request) -> Response:
        """Change, remove (by id) and add the lines of an opportunity."""
        body, org = await json_object(request), self._org
        record_id = request.path_params["record_id"]
        unknown = body.keys() - {"change", "remove", "add"}
        if unknown:
            raise unreadable_json(f"lines are changed, removed or added, not {sorted(unknown)}")
        with org.records.transaction() as roll_back:
            try:
                for line_id, changes in body.get("change", {}).items():
                    rules.update(org, "OpportunityLineItem", line_id, changes)
                for line_id in body.get("remove", ()):
                    removal.delete(org, "OpportunityLineItem", line_id)
                for line in body.get("add", ()):
                    rules.create(org, "OpportunityLineItem", line | {"OpportunityId": record_id})
            except Exception:
                roll_back()
                raise
        return self._shown("Opportunity", record_id)

    async def convert(self, request: Request) -> Response:
        """Convert a lead, into an account of its own unless one is named."""
        body = await json_object(request) if await request.body() else {}
        record_id = request.path_params["record_id"]
        conversion.convert(self._org, record_id, body.get("account_id"))
        return self._shown("Lead", record_id)

    async def rename(self, request: Request) -> Response:
        """Give a record another name."""
        body, where = await json_object(request), request.path_params
        rules.update(
            self._org, where["object_name"], where["record_id"], {"Name": body.get("name")}
        )
        return self._shown(where["object_name"], where["record_id"])

    async def merge(self, request: Request) -> Response:
        """Merge other records into this one."""
        body, where = await json_object(request), request.path_params
        removal.merge(
            self._org, where["object_name"], where["record_id"], body.get("loser_ids", ())
        )
        return self._shown(where["object_name"], where["record_id"])

    async def delete(self, request: Request) -> Response:
        """Delete a record as a user would, into the recycle bin."""
        where = request.path_params
        removal.delete(self._org, where["object_name"], where["record_id"])
        return Response(status_code=204)

    async def undelete(self, request: Request) -> Response:
        """Take a record out of the recycle bin."""
        where = request.path_params
        removal.undelete(self._org, where["object_name"], where["record_id"])
        return self._shown(where["object_name"], where["record_id"])

    async def hard_delete(self, request: Request) -> Response:
        """Remove a record for good."""
        where = request.path_params
        removal.hard_delete(self._org, where["object_name"], where["record_id"])
        return Response(status_code=204)

    async def empty_bin(self, _request: Request) -> Response:
        """Empty the recycle bin."""
        return reply({"removed": removal.empty_bin(self._org)})

    async def edit(self, request: Request) -> Response:
        """Change fields of a record."""
        where = request.path_params
        body = await json_object(request)
        rules.update(self._org, where["object_name"], where["record_id"], body)
        return self._shown(where["object_name"], where["record_id"])

    async def create(self, request: Request) -> Response:
        """Add a record."""
        object_name = request.path_params["object_name"]
        record_id = rules.create(self._org, object_name, await json_object(request))
        return self._shown(object_name, record_id, status=201)

    async def show(self, request: Request) -> Response:
        """Show one record."""
        return self._shown(request.path_params["object_name"], request.path_params["record_id"])

    async def dump(self, request: Request) -> Response:
        """Show all stored rows of an object, deleted ones included."""
        rows = self._org.records.rows(self._source(request).name)
        return reply([plain_record(record) for record in rows])


def _copied(source: ObjectType, record: Record) -> dict[str, Any]:
    """Return the fields of a record that a clone takes over."""
    return {
        each.name: plain(record[each.name])
        for each in source.fields
        if each.createable and not each.external_id and record.get(each.name) is not None
    }
