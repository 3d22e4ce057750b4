import base64

import pytest

pytestmark = pytest.mark.contract
TOKEN = "/services/oauth2/token"
GRANT = {"grant_type": "client_credentials"}
CLIENT = {"client_id": "sandbox-sf-client", "client_secret": "sandbox-sf-secret"}


def test_item_01_token_reply_names_the_address_the_client_used_and_no_expiry(empty):
    for path in (TOKEN, f"/acme.my.salesforce.com{TOKEN}"):
        reply = empty.http.post(path, data=GRANT | CLIENT, headers={"Host": "localhost:77"})
        body = reply.json()
        assert reply.status_code == 200
        assert body["instance_url"] == "http://localhost:77"
        assert body["token_type"] == "Bearer"
        assert body["issued_at"] == "1793502245678"
        assert set(body) == {
            "access_token", "instance_url", "id", "token_type", "issued_at", "signature", "scope",
        }  # fmt: skip


def test_item_02_basic_and_body_credentials_both_work_and_give_different_tokens(empty):
    basic = empty.http.post(TOKEN, data=GRANT, auth=tuple(CLIENT.values()))
    body = empty.http.post(TOKEN, data=GRANT | CLIENT)
    assert basic.json()["access_token"] != body.json()["access_token"]


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        (GRANT | CLIENT | {"client_id": "other"}, "invalid_client_id", "client identifier invalid"),
        (GRANT | CLIENT | {"client_secret": "no"}, "invalid_client", "invalid client credentials"),
        (GRANT, "invalid_client_id", "client identifier invalid"),
        (CLIENT, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
    ],
)
def test_item_02_token_refusals_are_objects(empty, form, error, description):
    reply = empty.http.post(TOKEN, data=form)
    assert reply.status_code == 400
    assert reply.json() == {"error": error, "error_description": description}


def test_item_02_broken_basic_header_is_refused(empty):
    for text in ("%%%", base64.b64encode(b"\xff").decode()):
        reply = empty.http.post(TOKEN, data=GRANT, headers={"Authorization": f"Basic {text}"})
        assert (reply.status_code, reply.json()["error"]) == (400, "invalid_client")


def test_item_02_client_credentials_are_refused_on_shared_hosts_and_without_run_as_user(empty):
    shared = empty.http.post(f"/login.salesforce.com{TOKEN}", data=GRANT | CLIENT)
    assert shared.json()["error_description"] == "request not supported on this domain"
    empty.control("POST", "/clients", json={"run_as": None})
    bare = empty.http.post(TOKEN, data=GRANT | CLIENT)
    assert bare.json()["error_description"] == "no client credentials user enabled"


def test_item_02_json_body_is_no_token_request(empty):
    assert empty.http.post(TOKEN, json=GRANT | CLIENT).status_code == 400


def test_item_03_missing_unknown_and_expired_tokens_are_refused_as_lists(empty):
    expected = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    for value in ("", "Bearer nonsense", "Basic abc"):
        reply = empty.call("GET", "/limits", headers={"Authorization": value})
        assert (reply.status_code, reply.json()) == (401, expected)
    assert empty.call("GET", "/limits").status_code == 200
    empty.clock.advance(7200)
    assert empty.call("GET", "/limits").json() == expected


def test_item_03_tokens_expire_on_demand_and_a_new_one_works(empty):
    assert empty.control("POST", "/expire_tokens").json() == {"expired": 1}
    assert empty.call("GET", "/limits").status_code == 401
    empty.log_in()
    assert empty.call("GET", "/limits").status_code == 200


def test_item_04_version_list_needs_no_session_and_is_not_counted(empty):
    before = empty.call("GET", "/limits").json()["DailyApiRequests"]["Remaining"]
    reply = empty.http.get("/services/data/", headers={"Authorization": ""})
    assert [each["version"] for each in reply.json()] == [f"{n}.0" for n in range(58, 68)]
    assert reply.json()[-1]["label"] == "Summer '26"
    assert empty.call("GET", "/limits").json()["DailyApiRequests"]["Remaining"] == before - 1


@pytest.mark.parametrize(("version", "status"), [("30.0", 410), ("99.0", 404), ("67.0", 200)])
def test_item_04_retired_and_unknown_versions_are_refused(empty, version, status):
    empty.version = version
    assert empty.call("GET", "/limits").status_code == status


def test_item_06_limit_header_counts_calls_of_a_rolling_day_and_the_cap_refuses(empty):
    empty.switch(daily_requests=3)
    uses = [empty.call("GET", "/limits").headers["Sforce-Limit-Info"] for _ in range(3)]
    assert uses == ["api-usage=1/3", "api-usage=2/3", "api-usage=3/3"]
    refused = empty.call("GET", "/limits")
    assert refused.status_code == 403
    assert refused.json() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    empty.clock.advance(86_401)
    empty.log_in()
    assert empty.call("GET", "/limits").headers["Sforce-Limit-Info"] == "api-usage=1/3"


def test_item_06_limit_header_has_a_longer_form(empty):
    empty.switch(per_app_usage=True)
    header = empty.call("GET", "/limits").headers["Sforce-Limit-Info"]
    assert header == "api-usage=1/100000; per-app-api-usage=1/100000(appName=sfxero)"


def test_date_header_follows_the_org_clock(empty):
    empty.clock.advance(60)
    assert empty.call("GET", "/limits").headers["Date"] == "Sun, 01 Nov 2026 03:05:05 GMT"


def test_item_05_unknown_paths_are_not_found_as_lists(empty):
    for path in ("/nothing", "/sobjects/Nothing/describe", "/jobs/query/750000000000000/results"):
        reply = empty.call("GET", path)
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_item_05_long_addresses_and_headers_are_refused(empty):
    soql = "SELECT Id FROM Account WHERE Name IN ('" + "x" * 16_384 + "')"
    assert empty.query(soql).status_code == 414
    head = {"X-Padding": "x" * 16_384}
    assert empty.call("GET", "/limits", headers=head).status_code == 431
    # A job takes the query in its body.
    assert empty.create_job(soql).status_code == 200
