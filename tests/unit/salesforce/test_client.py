from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    IncompleteExtract,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.model.org_day import Allowance
from sfxero.salesforce.client import SalesforceClient, normal_version

ROOT = "/services/data/v66.0"
QUERY = f"{ROOT}/query"


def _refusal(status: int, code: str, message: str = "no") -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])


def _rows(*records: dict, total: int | None = None, following: str | None = None) -> httpx.Response:
    body = {"totalSize": len(records) if total is None else total, "records": list(records)}
    body |= {"done": following is None}
    return httpx.Response(200, json=body | ({"nextRecordsUrl": following} if following else {}))


def test_token_is_asked_for_with_the_secret_in_the_header_only(org, client):
    org.on(QUERY, _rows())
    list(client.query("SELECT Id FROM Account"))
    token, query = org.requests
    assert token.method == "POST"
    assert token.content == b"grant_type=client_credentials"
    assert token.headers["Authorization"].startswith("Basic ")
    assert query.headers["Authorization"] == "Bearer token-1"


def test_calls_go_to_the_host_of_the_token_reply(org, client):
    org.instance_url = "https://au42.my.salesforce.com/ignored?x=1"
    org.on(QUERY, _rows())
    list(client.query("SELECT Id FROM Account"))
    assert org.requests[-1].url.host == "au42.my.salesforce.com"
    assert org.requests[-1].url.path == QUERY
    assert client.instance_url == "https://au42.my.salesforce.com"


@pytest.mark.parametrize("address", ["http://evil.test", "ftp://x.test", "https://u:p@x.test", ""])
def test_token_is_not_sent_to_an_unsafe_host(org, client, address):
    org.instance_url = address
    with pytest.raises(ConfigurationError):
        client.server_now()
    assert org.paths() == []


def test_refused_credentials_say_why_without_the_secret(org, client):
    org.token_replies = [
        httpx.Response(
            400,
            json={
                "error": "invalid_grant",
                "error_description": "no client credentials user enabled",
            },
        )
    ]
    with pytest.raises(AuthenticationFailed, match="no client credentials user enabled") as caught:
        client.server_now()
    assert "Run As" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert len(org.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [httpx.Response(200, text="<html>"), httpx.Response(200, json=[]), httpx.Response(200, json={}),
     httpx.Response(302, headers={"Location": "https://evil.test"})],
)  # fmt: skip
def test_token_reply_of_another_shape_is_unexpected(org, client, reply):
    org.token_replies = [reply]
    with pytest.raises(UnexpectedResponse):
        client.server_now()


def test_token_request_is_tried_again_while_the_service_is_down(org, client):
    org.token_replies = [httpx.Response(503, text="<html>down</html>"), httpx.Response(429)]
    org.on(
        "/services/data/", httpx.Response(200, headers={"Date": "Sat, 31 Jan 2026 02:03:04 GMT"})
    )
    assert client.server_now() == datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC)


def test_query_follows_pages_and_flattens_parents_exactly(org, client):
    following = f"{QUERY}/01gX-2000"
    first = httpx.Response(
        200,
        content=b'{"totalSize":2,"done":false,"nextRecordsUrl":"%s","records":[{"attributes":{"type":"X"},'
        b'"Id":"1","Amount":0.10,"Account":{"attributes":{},"Name":"A","Owner":{"Name":"O"}}}]}'
        % following.encode(),
    )
    org.on(QUERY, first)
    org.on(following, _rows({"Id": "2", "Account": None}, total=2))
    rows = list(client.query("SELECT Id FROM Opportunity"))
    assert rows[0] == {
        "Id": "1",
        "Amount": Decimal("0.10"),
        "Account.Name": "A",
        "Account.Owner.Name": "O",
    }
    assert rows[1] == {"Id": "2", "Account": None}
    assert org.requests[1].url.params["q"] == "SELECT Id FROM Opportunity"


def test_query_of_all_rows_includes_deleted_ones(org, client):
    org.on(f"{ROOT}/queryAll", _rows({"Id": "1"}))
    assert len(list(client.query("SELECT Id FROM Account", all_rows=True))) == 1


def test_query_with_fewer_rows_than_counted_is_incomplete(org, client):
    org.on(QUERY, _rows({"Id": "1"}, total=2))
    with pytest.raises(IncompleteExtract):
        list(client.query("SELECT Id FROM Account"))


@pytest.mark.parametrize(
    "body",
    [{"totalSize": 0}, [], {"records": [], "done": False, "nextRecordsUrl": "https://evil.test/"},
     {"records": [], "done": False, "nextRecordsUrl": QUERY + "/x"},
     {"records": [{}], "done": False}],
)  # fmt: skip
def test_query_answer_of_another_shape_is_unexpected(org, client, body):
    org.on(QUERY, httpx.Response(200, json=body))
    with pytest.raises(UnexpectedResponse):
        list(client.query("SELECT Id FROM Account"))


def test_expired_token_is_renewed_once_and_the_call_repeated(org, client):
    org.on(QUERY, _refusal(401, "INVALID_SESSION_ID"), _rows({"Id": "1"}))
    assert len(list(client.query("SELECT Id FROM Account"))) == 1
    assert org.requests[-1].headers["Authorization"] == "Bearer token-2"


def test_second_refusal_of_a_token_fails(org, client):
    org.on(QUERY, httpx.Response(401, text="<html>"))
    with pytest.raises(AuthenticationFailed):
        list(client.query("SELECT Id FROM Account"))
    assert org.paths() == [QUERY, QUERY]


@pytest.mark.parametrize(
    "trouble",
    [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(420, text="<html>"),
     httpx.Response(502, text="<html>"), httpx.Response(503), httpx.Response(429),
     httpx.Response(406),
     httpx.Response(200), httpx.Response(200, text="<html>"),
     httpx.Response(200, content=b'{"totalSize":1,"done":true,"records":[{"Id'),
     _refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
     _refusal(400, "QUERY_TIMEOUT")],
)  # fmt: skip
def test_passing_trouble_is_waited_out(org, client, clock, trouble):
    org.on(QUERY, trouble, trouble, _rows({"Id": "1"}))
    before = clock.now()
    assert len(list(client.query("SELECT Id FROM Account"))) == 1
    assert clock.now() > before


@pytest.mark.parametrize("status", [200, 503])
def test_patience_is_bounded(org, client, status):
    org.on(QUERY, httpx.Response(status))
    with pytest.raises(ServiceUnavailable):
        list(client.query("SELECT Id FROM Account"))
    assert len(org.paths()) == 5


def test_long_wait_is_left_to_the_caller(org, client, clock):
    before = clock.now()
    org.on(QUERY, httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        list(client.query("SELECT Id FROM Account"))
    assert caught.value.retry_after_s == 3600
    assert clock.now() == before


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (_refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), QuotaExhausted),
        (_refusal(400, "API_ERROR", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
         QuotaExhausted),
        (_refusal(403, "INSUFFICIENT_ACCESS"), PermissionDenied),
        (_refusal(403, "API_DISABLED_FOR_ORG"), PermissionDenied),
        (httpx.Response(403, text="<html>"), PermissionDenied),
        (_refusal(400, "MALFORMED_QUERY"), RequestRejected),
        (_refusal(404, "NOT_FOUND"), RequestRejected),
        (_refusal(410, "UNSUPPORTED_API_VERSION"), RequestRejected),
        (httpx.Response(414, text=""), RequestRejected),
        (httpx.Response(400, json="odd"), RequestRejected),
        (httpx.Response(400, json=[7]), RequestRejected),
        (httpx.Response(302), UnexpectedResponse),
    ],
)  # fmt: skip
def test_refusal_is_named_and_not_repeated(org, client, reply, error):
    org.on(QUERY, reply)
    with pytest.raises(error):
        list(client.query("SELECT Id FROM Account"))
    assert len(org.paths()) == 1


def test_refusal_keeps_the_code_and_the_fields(org, client):
    reply = [
        {"errorCode": "MALFORMED_ID", "message": "id value of incorrect type", "fields": ["Id"]}
    ]
    org.on(QUERY, httpx.Response(400, json=reply))
    with pytest.raises(RequestRejected, match="id value of incorrect type") as caught:
        list(client.query("SELECT Id FROM Account"))
    assert (caught.value.code, caught.value.details) == ("MALFORMED_ID", ("Id",))


@pytest.mark.parametrize(
    "header", ["api-usage=18/15000", "api-usage=18/15000; per-app-api-usage=17/250(appName=x)",
               "per-app-api-usage=17/250(appName=x); api-usage=18/15000"],
)  # fmt: skip
def test_usage_is_read_from_either_form_of_the_header(org, client, header):
    assert client.usage is None
    org.on(QUERY, httpx.Response(200, headers={"Sforce-Limit-Info": header}, json={
        "totalSize": 0, "done": True, "records": []}))  # fmt: skip
    list(client.query("SELECT Id FROM Account"))
    assert client.usage == Allowance(used=18, allowed=15000)


def test_describe_gives_types_scales_and_references(org, client):
    fields = [
        {"name": "Amount", "type": "currency", "length": 0, "precision": 18, "scale": 2,
         "nillable": True, "custom": False, "calculated": False, "referenceTo": []},
        {"name": "AccountId", "type": "reference", "length": 18, "referenceTo": ["Account"],
         "relationshipName": "Account"},
    ]  # fmt: skip
    path = f"{ROOT}/sobjects/Opportunity/describe"
    org.on(path, httpx.Response(200, json={"name": "Opportunity", "fields": fields}))
    described = client.describe("Opportunity")
    assert (described.fields["Amount"].precision, described.fields["Amount"].scale) == (18, 2)
    assert described.fields["AccountId"].reference_to == ("Account",)
    assert described.fields["AccountId"].relationship_name == "Account"


@pytest.mark.parametrize(
    "body", [[], {}, {"name": "X", "fields": [{}]}, {"name": "X", "fields": [7]},
             {"name": "X", "fields": [{"name": "a", "type": "b", "scale": "many"}]}],
)  # fmt: skip
def test_describe_of_another_shape_is_unexpected(org, client, body):
    org.on(f"{ROOT}/sobjects/X/describe", httpx.Response(200, json=body))
    with pytest.raises(UnexpectedResponse):
        client.describe("X")


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_reply_without_a_usable_date_is_unexpected(org, client, headers):
    org.on("/services/data/", httpx.Response(200, headers=headers))
    with pytest.raises(UnexpectedResponse):
        client.server_now()


@pytest.mark.parametrize("text", ["66.0", "v66.0", "66", " v66 "])
def test_api_version_is_understood_in_any_spelling(text):
    assert normal_version(text) == "66.0"


@pytest.mark.parametrize("text", ["", "latest", "66.1", "66.0/../x"])
def test_api_version_that_is_none_is_refused(text):
    with pytest.raises(ConfigurationError):
        SalesforceClient(
            login_url="https://a.test", client_id="a", client_secret="b", api_version=text
        )


def _few(org, client, total, *pages, most_rows=2_000, most_calls=4):
    replies = []
    for number, count in enumerate(pages):
        further = number + 1 < len(pages)
        replies.append(
            {
                "totalSize": total,
                "done": not further,
                "records": [{"Id": str(n)} for n in range(count)],
                **({"nextRecordsUrl": f"{ALL_ROWS}/more"} if further else {}),
            }
        )
    org.on(ALL_ROWS, httpx.Response(200, json=replies[0]))
    org.on(f"{ALL_ROWS}/more", *(httpx.Response(200, json=reply) for reply in replies[1:]))
    return client.query_few("SELECT Id FROM A", most_rows=most_rows, most_calls=most_calls)


ALL_ROWS = "/services/data/v66.0/queryAll"


@pytest.mark.parametrize(
    ("total", "pages", "calls"),
    [(0, [0], 1), (1, [1], 1), (2_000, [2_000], 1), (800, [200] * 4, 4), (5, [2, 2, 1], 3)],
)
def test_few_rows_are_read_with_few_calls(org, client, total, pages, calls):
    rows = _few(org, client, total, *pages)
    assert rows is not None
    assert len(rows) == total
    assert len(org.paths()) == calls


@pytest.mark.parametrize(("total", "pages"), [(2_001, [2_000, 1]), (801, [200] * 5), (None, [1])])
def test_many_rows_or_calls_are_declined_after_one_call(org, client, total, pages):
    assert _few(org, client, total, *pages) is None
    assert len(org.paths()) == 1


def test_few_rows_that_are_not_as_many_as_counted_are_incomplete(org, client):
    with pytest.raises(IncompleteExtract):
        _few(org, client, 3, 2)
