"""The tester's control of the org; nothing here exists in Salesforce."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.auth import DEFAULT_CLIENT_ID, ClientApp
from sfxero.sandbox.salesforce.big import seed_big
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.guard import Endpoint, json_object
from sfxero.sandbox.salesforce.hands import Hands, reply
from sfxero.sandbox.salesforce.models import DEFAULT_PASSWORD, INTEGRATION_USER, SalesforceOrg
from sfxero.sandbox.salesforce.records import normal_id
from sfxero.sandbox.seed import expected_truth


def build_router(org: SalesforceOrg) -> APIRouter:
    """Return the router to mount under /_sandbox/salesforce."""
    router, control, hands = APIRouter(redirect_slashes=False), Control(org), Hands(org)
    for methods, path, endpoint in (*control.paths(), *hands.paths()):
        router.add_route(path, _answering(endpoint, org), methods=methods)
    return router


def _answering(endpoint: Endpoint, org: SalesforceOrg) -> Endpoint:
    """Turn refusals of the org into replies."""

    async def answer(request: Request) -> Response:
        try:
            org.catch_up()
            return await endpoint(request)
        except ApiFailure as failure:
            return failure.response()

    return answer


class Control:
    """Turns the org's switches and shows what no user sees."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Control one org."""
        self._org = org

    def paths(self) -> Iterator[tuple[list[str], str, Endpoint]]:
        """Yield methods, path and endpoint."""
        yield ["GET"], "/switches", self.show_switches
        yield ["POST", "PATCH"], "/switches", self.set_switches
        yield ["GET"], "/options", self.show_options
        yield ["POST", "PATCH"], "/options", self.set_options
        yield ["GET"], "/truth", self.truth
        yield ["POST"], "/expire_tokens", self.expire_tokens
        yield ["GET"], "/clients", self.show_clients
        yield ["POST"], "/clients", self.set_client
        yield ["POST"], "/users", self.add_user
        yield ["POST"], "/refresh_tokens", self.refresh_token
        yield ["POST"], "/seed_big", self.seed_big
        yield ["GET"], "/locks", self.show_locks
        yield ["POST"], "/locks", self.lock

    async def show_switches(self, _request: Request) -> Response:
        """Show all switches."""
        return reply(self._org.switches.model_dump())

    async def set_switches(self, request: Request) -> Response:
        """Set some switches."""
        try:
            self._org.change_switches(await json_object(request))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise ApiFailure(400, "INVALID_SWITCH", str(problems)) from None
        return reply(self._org.switches.model_dump())

    async def show_options(self, _request: Request) -> Response:
        """Show the features of the org."""
        return reply(asdict(self._org.options))

    async def set_options(self, request: Request) -> Response:
        """Switch features of the org on or off."""
        wanted = await json_object(request)
        known = asdict(self._org.options)
        if not wanted.keys() <= known.keys() or not all(map(_is_flag, wanted.values())):
            raise ApiFailure(400, "INVALID_OPTION", f"options are {sorted(known)}, true or false")
        return reply(self._org.change_options(wanted))

    async def truth(self, _request: Request) -> Response:
        """Show which won opportunities are good, by the org's own rules."""
        return reply(expected_truth(self._org))

    async def expire_tokens(self, request: Request) -> Response:
        """End all sessions, now or after so many further calls."""
        body = await json_object(request) if await request.body() else {}
        count = self._org.sessions.expire_all(after_calls=int(body.get("after_calls", 0)))
        return reply({"expired": count})

    async def show_clients(self, _request: Request) -> Response:
        """Show the apps, without their secrets."""
        apps = self._org.sessions.apps.values()
        return reply([
            {
                "client_id": app.client_id, "run_as": app.run_as, "approved": sorted(app.approved),
                "has_certificate": app.certificate is not None,
            }
            for app in apps
        ])  # fmt: skip

    async def set_client(self, request: Request) -> Response:
        """Add an app, or replace one: secret, run-as user, certificate, approved users."""
        body, sessions = await json_object(request), self._org.sessions
        client_id = str(body.get("client_id", DEFAULT_CLIENT_ID))
        former = sessions.apps.get(client_id) or ClientApp(client_id, "", None)
        app = ClientApp(
            client_id, str(body.get("client_secret", former.secret)),
            body.get("run_as", former.run_as), body.get("certificate", former.certificate),
            set(body.get("approved", former.approved)),
        )  # fmt: skip
        unknown = {app.run_as, *app.approved} - {None, *sessions.users}
        if unknown:
            raise ApiFailure(400, "INVALID_CLIENT", f"no such users: {sorted(map(str, unknown))}")
        sessions.apps[client_id] = app
        return await self.show_clients(request)

    async def add_user(self, request: Request) -> Response:
        """Add a user."""
        body = await json_object(request)
        username = str(body.get("username", ""))
        if not username or username in self._org.users:
            raise ApiFailure(400, "DUPLICATE_USERNAME", f"no new user name: {username!r}")
        user = self._org.add_user(
            username, name=str(body.get("name", username)),
            password=str(body.get("password", DEFAULT_PASSWORD)),
        )  # fmt: skip
        return reply({"user_id": user.user_id, "username": username}, 201)

    async def refresh_token(self, request: Request) -> Response:
        """Give out a refresh token, as a user's approval in the browser would."""
        body = await json_object(request) if await request.body() else {}
        client_id = str(body.get("client_id", DEFAULT_CLIENT_ID))
        username = str(body.get("username", INTEGRATION_USER))
        token = self._org.sessions.new_refresh_token(client_id, username)
        return reply({"refresh_token": token}, 201)

    async def seed_big(self, request: Request) -> Response:
        """Add opportunities that are computed and not stored."""
        body = await json_object(request)
        return reply({"rows": seed_big(self._org, int(body.get("rows", 1_000_000)))}, 201)

    async def show_locks(self, _request: Request) -> Response:
        """Show which rows are held by whom."""
        return reply(self._org.locks.held())

    async def lock(self, request: Request) -> Response:
        """Hold rows as another writer would, for some seconds on the org's clock."""
        body, org = await json_object(request), self._org
        ids = [normal_id(str(each)) or str(each) for each in body.get("ids", ())]
        until = org.clock.now() + timedelta(seconds=float(body.get("seconds", 60)))
        org.locks.take(ids, str(body.get("owner", "another user")), until=until)
        return reply(org.locks.held(), 201)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)
