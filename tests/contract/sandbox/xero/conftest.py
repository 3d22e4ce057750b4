"""A sandbox in process with a standing clock, and a caller for its Xero side."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from tests.contract.sandbox.xero import spec

from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox
from sfxero.sandbox.xero.identity import App
from sfxero.sandbox.xero.scopes import ACCOUNTING_SCOPES
from sfxero.sandbox.xero.switches import Switches

START = datetime(2026, 11, 22, 3, 10, tzinfo=UTC)
LINE = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200"}

WEB_CREDENTIALS = ("sandbox-xero-web", "sandbox-xero-web-secret")
CONSENT = {
    "response_type": "code",
    "client_id": "sandbox-xero-web",
    "redirect_uri": "http://localhost:8080/callback",
    "scope": "openid offline_access accounting.contacts accounting.settings.read",
    "state": "a b&c",
}


class XeroCaller:
    """Calls the sandbox as a client would; each call runs to its end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.token = self.grant().json()["access_token"]

    def grant(self, **form: str) -> httpx.Response:
        fields = {"grant_type": "client_credentials", **form}
        credentials = ("sandbox-xero-client", "sandbox-xero-secret")
        return self.send("POST", "/connect/token", data=fields, auth=credentials)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send(method, path, **options))

    def together(self, *calls: Callable[[], Awaitable[httpx.Response]]) -> list[httpx.Response]:
        async def gather() -> list[httpx.Response]:
            return list(await asyncio.gather(*(call() for call in calls)))

        return asyncio.run(gather())

    async def later(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self._send(method, f"/api.xro/2.0/{path}", **self._dressed(options))

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.send(method, f"/api.xro/2.0/{path}", **self._dressed(options))

    def get(self, path: str, **options: Any) -> Any:
        reply = self.call("GET", path, **options)
        assert reply.status_code == 200, reply.text
        return exact(reply)

    def put_contact(self, name: str, **fields: Any) -> Any:
        reply = self.call("PUT", "Contacts", json={"Name": name, **fields})
        assert reply.status_code == 200, reply.text
        return exact(reply)["Contacts"][0]

    def invoice_body(self, **fields: Any) -> dict[str, Any]:
        body = {
            "Type": "ACCREC",
            "Contact": {"Name": "Maple Florist"},
            "Status": "AUTHORISED",
            "Date": "2026-11-20",
            "DueDate": "2026-12-20",
            "LineItems": [LINE],
            **fields,
        }
        return {name: value for name, value in body.items() if value is not ...}

    def put_invoice(self, *, query: str = "", **fields: Any) -> Any:
        reply = self.call("PUT", f"Invoices{query}", json=self.invoice_body(**fields))
        assert reply.status_code == 200, reply.text
        return exact(reply)["Invoices"][0]

    def refused(self, method: str, path: str, body: Any) -> str:
        """The messages of the first refused element, joined."""
        reply = self.call(method, path, json=body)
        assert reply.status_code == 400, reply.text
        return "; ".join(
            each["Message"] for each in reply.json()["Elements"][0]["ValidationErrors"]
        )

    def invoice_refused(self, **fields: Any) -> str:
        return self.refused("PUT", "Invoices", self.invoice_body(**fields))

    def post(self, path: str, body: Any) -> Any:
        """A write that must succeed."""
        reply = self.call("POST", path, json=body)
        assert reply.status_code == 200, reply.text
        return exact(reply)

    def put(self, path: str, body: Any) -> Any:
        reply = self.call("PUT", path, json=body)
        assert reply.status_code == 200, reply.text
        return exact(reply)

    def invoice(self, invoice: Any) -> Any:
        """An invoice as it is now."""
        return self.get(f"Invoices/{invoice['InvoiceID']}")["Invoices"][0]

    def edit(self, invoice: Any, **fields: Any) -> httpx.Response:
        return self.call("POST", f"Invoices/{invoice['InvoiceID']}", json=fields)

    def changed(self, invoice: Any, **fields: Any) -> Any:
        """An edit that must succeed."""
        reply = self.edit(invoice, **fields)
        assert reply.status_code == 200, reply.text
        return reply.json()["Invoices"][0]

    def edit_refused(self, invoice: Any, **fields: Any) -> str:
        return self.refused("POST", f"Invoices/{invoice['InvoiceID']}", fields)

    def in_state(self, status: str) -> Any:
        """An invoice that has reached a state by the allowed way."""
        first = {"DELETED": "DRAFT", "VOIDED": "AUTHORISED", "PAID": "AUTHORISED"}
        invoice = self.put_invoice(Status=first.get(status, status))
        if status in {"VOIDED", "DELETED"}:
            self.changed(invoice, Status=status)
        elif status == "PAID":
            self.pay_by_hand(invoice, "110.00")
        return invoice

    def numbers(self, query: str = "", **options: Any) -> list[str]:
        """The numbers of the invoices that a list shows, in its order."""
        rows = self.get(f"Invoices{query}", **options)["Invoices"]
        return [row["InvoiceNumber"] for row in rows]

    def pay_by_hand(self, invoice: Any, amount: str) -> Any:
        return self.hand(f"invoices/{invoice['InvoiceID']}/pay", {"amount": amount})

    def pay(self, invoice: Any, amount: str, **fields: Any) -> Any:
        body = {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Account": {"Code": "090"},
            "Date": "2026-11-21",
            "Amount": amount,
            **fields,
        }
        return self.put("Payments", body)["Payments"][0]

    def hand(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """An action of a person inside Xero."""
        reply = self.send("POST", f"/_sandbox/xero/{path}", json=body or {})
        assert reply.status_code == status, reply.text
        return reply.json()

    def consent(self, *, decision: str = "allow", **fields: str) -> dict[str, str]:
        """A user's answer on the consent page; returns what the redirect brings back."""
        form = {**CONSENT, **fields, "decision": decision}
        reply = self.send("POST", "/identity/connect/authorize", data=form)
        assert reply.status_code == 302, reply.text
        location = urlsplit(reply.headers["Location"])
        assert location._replace(query="").geturl() == form["redirect_uri"]
        return dict(parse_qsl(location.query))

    def exchange(self, code: str, **fields: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CONSENT["redirect_uri"],
            **fields,
        }
        return self.send("POST", "/connect/token", data=form, auth=WEB_CREDENTIALS)

    def refresh(self, token: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self.send("POST", "/connect/token", data=form, auth=WEB_CREDENTIALS)

    def user_grant(self, **fields: str) -> Any:
        """Tokens of a user who has said yes to the web app."""
        reply = self.exchange(self.consent(**fields)["code"])
        assert reply.status_code == 200, reply.text
        return reply.json()

    def switch(self, **values: Any) -> None:
        self.sandbox.xero.set_switches(values)

    def _dressed(self, options: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            **options.pop("headers", {}),
        }
        return {**options, "headers": headers}

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.sandbox.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            reply = await client.request(method, path, **options)
        if spec.DOCUMENT.is_file():
            assert not spec.complaints(method, str(reply.url), reply), reply.text
        return reply


def exact(reply: httpx.Response) -> Any:
    return reply.json(parse_float=Decimal)


@pytest.fixture
def sandbox() -> Sandbox:
    switches = Switches(
        write_latency_s=0.0, minute_limit=10_000, day_limit=100_000, webhook_background=False
    )
    settings = SandboxSettings(
        app=App(scopes=ACCOUNTING_SCOPES),
        switches=switches,
        clock_start_at=START,
        clock_speed=0.0,
    )
    return build_sandbox(settings)


@pytest.fixture
def xero(sandbox: Sandbox) -> XeroCaller:
    return XeroCaller(sandbox)


@pytest.fixture
def three(xero: XeroCaller) -> XeroCaller:
    """Three contacts and invoices, one second apart."""
    for number, name in enumerate(("Ash", "Birch", "Cédre"), start=1):
        xero.put_invoice(
            Contact={"Name": name, "ContactNumber": f"00{number}"},
            InvoiceNumber=f"SF-{number}",
            Reference=f"Opp {number}" if number < 3 else ...,
            Date=f"2026-11-0{number}",
            Status="DRAFT" if number == 3 else "AUTHORISED",
        )
        xero.sandbox.clock.advance(1)
    return xero
