"""A download in a process of its own, which a test may tell to be killed at a certain point."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
from tests.contract.sync.kit import TENANT, demo_spec

from sfxero.ledger import Ledger
from sfxero.ledger.pages import JobPage, PageFile, Pages
from sfxero.model.ids import RunId
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.clock import SandboxClock
from sfxero.sync.pages import download_pages
from sfxero.sync.scope import Scope

DIES = -int(signal.SIGKILL)
"""How a killed process ends."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Cut(httpx.SyncByteStream):
    """A body in whose middle the process is killed."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content[: len(self._content) // 2]
        die()


class _Network(httpx.BaseTransport):
    """The network, until the results page with this number, counted from 1."""

    def __init__(self, last_page: int) -> None:
        self._network = httpx.HTTPTransport()
        self._pages_left = last_page

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._network.handle_request(request)
        if not request.url.path.endswith("/results"):
            return response
        self._pages_left -= 1
        if self._pages_left:
            return response
        content = b"".join(response.stream)  # type: ignore[union-attr] # it is a sync one
        return httpx.Response(response.status_code, headers=response.headers, stream=_Cut(content))


class _DyingPages(Pages):
    """Is killed after a part is durable and before the ledger knows of it."""

    def stage(self, page: JobPage, file: PageFile, *, next_locator: str | None) -> bool:
        del page, file, next_locator
        die()
        return False


def main(
    address: str,
    url: str,
    root: str,
    run_id: str,
    window_id: str,
    point: str,
    share: str,
    of: str,
    now: str,
) -> None:
    """Download; `point` is `page:<number>`, `part` or `never`, `now` the test's own moment."""
    kind, _, number = point.partition(":")
    clock = SandboxClock(datetime.fromisoformat(now))
    with Ledger(url, clock=clock) as ledger:
        if kind == "part":
            ledger.pages = _DyingPages(ledger._database)
        scope = Scope(
            spec=demo_spec(),
            run_id=RunId(run_id),
            tenant=TENANT,
            ledger=ledger,
            root=Path(root),
            clock=clock,
        )
        client = SalesforceClient(
            login_url=address,
            client_id="sandbox-sf-client",
            client_secret="sandbox-sf-secret",
            api_version="62.0",
            transport=_Network(int(number) if number else -1),
        )
        download_pages(scope, client, int(window_id), share=int(share), of=int(of), at_once=1)
    # Frames would cost each download half a second and 40 MB.
    assert "pandas" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
