"""The tester's hands in the org; nothing here exists in Salesforce."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.failures import MEDIA_TYPE, ApiFailure
from sfxero.sandbox.salesforce.guard import Endpoint, json_object
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import Record, Value
from sfxero.sandbox.seed import expected_truth


def build_router(org: SalesforceOrg) -> APIRouter:
    """Return the router to mount under /_sandbox/salesforce."""
    router, control = APIRouter(), Control(org)
    for methods, path, endpoint in (
        (["GET"], "/switches", control.show_switches),
        (["POST", "PATCH"], "/switches", control.set_switches),
        (["GET"], "/truth", control.truth),
        (["POST"], "/expire_tokens", control.expire_tokens),
        (["POST"], "/Opportunity/{record_id}/win", control.win),
        (["POST"], "/Opportunity/{record_id}/reopen", control.reopen),
        (["POST"], "/{object_name}/{record_id}/delete", control.delete),
        (["GET"], "/{object_name}/{record_id}", control.show),
        (["POST", "PATCH"], "/{object_name}/{record_id}", control.edit),
        (["GET"], "/{object_name}", control.dump),
        (["POST"], "/{object_name}", control.create),
    ):
        router.add_route(path, _answering(endpoint), methods=methods)
    return router


def _answering(endpoint: Endpoint) -> Endpoint:
    """Turn refusals of the org into replies."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ApiFailure as failure:
            return failure.response()

    return answer


def _reply(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE)


def plain(value: Value) -> str | bool | int | None:
    """Return a value for people and tests: decimals as text, never as floats."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime | date) else value


def plain_record(record: Record) -> dict[str, str | bool | int | None]:
    """Return a record for people and tests."""
    return {name: plain(value) for name, value in record.items()}


class Control:
    """Edits the org as a user would, and turns its switches."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Control one org."""
        self._org = org

    async def show_switches(self, _request: Request) -> Response:
        """Show all switches."""
        return _reply(self._org.switches.model_dump())

    async def set_switches(self, request: Request) -> Response:
        """Set some switches."""
        try:
            self._org.change_switches(await json_object(request))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            raise ApiFailure(400, "INVALID_SWITCH", str(problems)) from None
        return _reply(self._org.switches.model_dump())

    async def truth(self, _request: Request) -> Response:
        """Show which won opportunities are good, by the org's own rules."""
        return _reply(expected_truth(self._org))

    async def expire_tokens(self, _request: Request) -> Response:
        """End all sessions."""
        return _reply({"expired": self._org.sessions.expire_all()})

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

    async def delete(self, request: Request) -> Response:
        """Delete a record as a user would, into the recycle bin."""
        where = request.path_params
        rules.delete(self._org, where["object_name"], where["record_id"])
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        """Show one record."""
        return self._shown(request.path_params["object_name"], request.path_params["record_id"])

    async def dump(self, request: Request) -> Response:
        """Show all rows of an object, deleted ones included."""
        source = rules.find_object(self._org, request.path_params["object_name"])
        rows = self._org.records.rows(source.name)
        return _reply([plain_record(record) for record in rows])

    def _shown(self, object_name: str, record_id: str, *, status: int = 200) -> Response:
        source = rules.find_object(self._org, object_name)
        record = rules.find_record(self._org, source, record_id)
        return _reply(plain_record(record), status)
