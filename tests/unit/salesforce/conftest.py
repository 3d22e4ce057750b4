import httpx
import pytest

from sfxero.clock import FakeClock, seeded_random
from sfxero.salesforce.client import SalesforceClient

HOST = "https://acme.my.salesforce.com"


class Org:
    """Answers from a script: per request path a list of replies, the last one for ever."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.token_replies: list[httpx.Response] = []
        self.instance_url = HOST
        self._script: dict[str, list] = {}

    def on(self, path: str, *replies) -> None:
        self._script[path] = list(replies)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/services/oauth2/token"):
            return self._token()
        replies = self._script[request.url.path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply

    def _token(self) -> httpx.Response:
        if self.token_replies:
            return self.token_replies.pop(0)
        self.tokens += 1
        return httpx.Response(
            200, json={"access_token": f"token-{self.tokens}", "instance_url": self.instance_url}
        )

    def paths(self) -> list[str]:
        return [r.url.path for r in self.requests if "oauth2" not in r.url.path]


@pytest.fixture
def org() -> Org:
    return Org()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(org: Org, clock: FakeClock) -> SalesforceClient:
    return SalesforceClient(
        login_url=HOST,
        client_id="client-id",
        client_secret="hunter2",
        api_version="66.0",
        transport=httpx.MockTransport(org),
        clock=clock,
        sleeper=clock,
        random=seeded_random(1),
    )
