"""Refresh tokens rotate, and no crash, loss or race between the two sides loses the consent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.contract.tokens.consenting import BOOKS, Control, app_at, consent, refresh

from sfxero.clock import FakeClock
from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConsentRevoked,
    ServiceUnavailable,
)
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.sandbox.server import Sandbox
from sfxero.transport.tokens import CachedTokens, Grant, HeldTokens
from sfxero.xero.rotation import Rotation

pytestmark = pytest.mark.contract

New = Callable[..., Rotation]
Passes = Callable[[float], None]
HALF_AN_HOUR = 1800.0


def held(ledger: Ledger) -> HeldTokens:
    found = ledger.tokens.read(BOOKS)
    assert found is not None
    return found


def open_alerts(ledger: Ledger) -> list[tuple[AlertKind, str, int]]:
    return [(one.kind, one.subject, one.times_seen) for one in ledger.alerts.list()]


def is_lease_free(ledger: Ledger) -> bool:
    version = held(ledger).version
    is_free = ledger.tokens.claim(BOOKS, version=version, owner="looker", lease_s=1)
    ledger.tokens.release(BOOKS, owner="looker")
    return is_free


def is_accepted(address: str, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return httpx.get(f"{address}/connections", headers=headers).status_code == 200


def test_a_good_token_is_taken_from_the_ledger_without_a_call(
    new_rotation: New, grant: Grant, control: Control
) -> None:
    assert new_rotation().fetch().value == grant.access_token
    assert control.token_calls() == []


def test_a_token_that_ends_is_exchanged_and_all_takers_get_the_new_one(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)

    first, second = new_rotation().fetch(), new_rotation().fetch()

    assert first.value == second.value != grant.access_token
    assert len(control.token_calls()) == 1
    assert held(ledger).refresh_token != grant.refresh_token
    assert held(ledger).previous == grant.refresh_token


def test_rotation_goes_on_for_as_long_as_it_is_used(
    new_rotation: New, grant: Grant, address: str, passes: Passes
) -> None:
    source = new_rotation()
    seen = {source.fetch().value}
    for _ in range(5):
        passes(50 * 24 * 3600.0)
        seen.add(token := source.fetch().value)
        assert is_accepted(address, token)
    assert len(seen) == 6


def test_a_refused_token_is_replaced_once_for_all(
    new_rotation: New, grant: Grant, control: Control, clock: FakeClock
) -> None:
    one, other = (CachedTokens(new_rotation().fetch, clock) for _ in range(2))
    stale = one.get()
    assert other.get() == stale

    renewed = one.renew(stale)

    assert other.renew(stale) == renewed != stale
    assert len(control.token_calls()) == 1


def test_the_new_tokens_are_stored_before_the_access_token_is_given(
    new_rotation: New, grant: Grant, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    stored: list[str] = []

    class Watching:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger.tokens, name)

        def replace(self, *args: Any, **kwargs: Any) -> bool:
            stored.append(args[1].access_token)
            return ledger.tokens.replace(*args, **kwargs)

    token = new_rotation(store=Watching()).fetch()

    assert stored == [token.value]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refresh_reply_lost"},
        {"kind": "cut_reply", "path": "/connect/token$"},
        {"kind": "truncated_json", "path": "/connect/token$"},
        {"kind": "error_after", "path": "/connect/token$"},
        {"kind": "error_before", "path": "/connect/token$"},
        {"kind": "html_body", "path": "/connect/token$"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_lost_reply_is_made_good_by_the_same_refresh_token(
    new_rotation: New,
    grant: Grant,
    control: Control,
    address: str,
    ledger: Ledger,
    passes: Passes,
    fault: dict[str, str],
) -> None:
    passes(HALF_AN_HOUR)
    control.arm(**fault)

    token = new_rotation().fetch().value

    assert is_accepted(address, token)
    assert len(control.token_calls()) == 2
    assert open_alerts(ledger) == []


def test_replies_lost_to_the_end_leave_the_consent_to_the_next_process(
    new_rotation: New, grant: Grant, control: Control, address: str, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    control.arm("refresh_reply_lost", count=3)

    with pytest.raises(ServiceUnavailable):
        new_rotation().fetch()

    assert (held(ledger).state, held(ledger).refresh_token) == ("good", grant.refresh_token)
    assert is_lease_free(ledger)
    assert is_accepted(address, new_rotation().fetch().value)


def test_after_the_grace_of_a_lost_reply_the_consent_must_be_given_again(
    new_rotation: New, grant: Grant, control: Control, address: str, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    control.arm("refresh_reply_lost", count=3)
    with pytest.raises(ServiceUnavailable):
        new_rotation().fetch()
    passes(HALF_AN_HOUR)

    with pytest.raises(ConsentRevoked, match="sfxero xero connect --conn-id books"):
        new_rotation().fetch()


class Crash(BaseException):
    """Stands for the end of a process: no handler of ours sees it."""


def test_a_crash_between_service_and_store_is_survived_within_the_grace(
    new_rotation: New, grant: Grant, control: Control, address: str, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)

    def crash(refresh_token: str) -> Grant:
        refresh(address, refresh_token)
        raise Crash

    with pytest.raises(Crash):
        new_rotation(exchange=crash).fetch()
    assert held(ledger).refresh_token == grant.refresh_token

    # The next process waits until the lease of the dead one ends, then takes over.
    before = held(ledger).unused_s
    token = new_rotation().fetch().value

    assert is_accepted(address, token)
    assert held(ledger).refresh_token != grant.refresh_token
    assert held(ledger).unused_s < before
    assert len(control.token_calls()) == 2


def test_a_store_that_is_down_for_a_moment_loses_nothing(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    failures = [ServiceUnavailable("the ledger's database failed"), None]

    class Faltering:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger.tokens, name)

        def replace(self, *args: Any, **kwargs: Any) -> bool:
            if failure := failures.pop(0):
                raise failure
            return ledger.tokens.replace(*args, **kwargs)

    token = new_rotation(store=Faltering()).fetch()

    assert held(ledger).access_token == token.value
    assert len(control.token_calls()) == 1


def test_a_store_that_stays_down_leaves_the_spent_token_to_its_grace(
    new_rotation: New, grant: Grant, address: str, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)

    class Down:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger.tokens, name)

        def replace(self, *_args: Any, **_kwargs: Any) -> bool:
            raise ServiceUnavailable("the ledger's database failed")

    with pytest.raises(ServiceUnavailable, match="database failed"):
        new_rotation(store=Down()).fetch()
    assert is_accepted(address, new_rotation().fetch().value)


def test_a_worker_that_wakes_after_its_lease_takes_what_the_other_stored(
    new_rotation: New,
    grant: Grant,
    address: str,
    ledger: Ledger,
    passes: Passes,
) -> None:
    passes(HALF_AN_HOUR)
    others: list[str] = []

    def sleepy(refresh_token: str) -> Grant:
        late = refresh(address, refresh_token)
        passes(61)
        others.append(new_rotation().fetch().value)
        return late

    token = new_rotation(exchange=sleepy).fetch()

    assert [token.value] == others == [held(ledger).access_token]


def test_a_worker_without_an_answer_does_not_ask_again_once_its_lease_is_lost(
    new_rotation: New, grant: Grant, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    asked: list[str] = []

    def silent(refresh_token: str) -> Grant:
        asked.append(refresh_token)
        passes(61)
        new_rotation().fetch()
        raise ServiceUnavailable("no whole reply")

    token = new_rotation(exchange=silent).fetch()

    assert asked == [grant.refresh_token]
    assert token.value == held(ledger).access_token


def test_a_void_new_refresh_token_is_made_good_by_the_one_before(
    new_rotation: New, grant: Grant, address: str, ledger: Ledger, sandbox: Sandbox, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    new_rotation().fetch()
    # As after two crossing exchanges, of which the service counts the other one.
    sandbox.xero.identity.consents._refreshes.pop(held(ledger).refresh_token)

    source = new_rotation()
    stale = source.fetch()
    renewed = source.fetch()

    assert renewed.value != stale.value
    assert is_accepted(address, renewed.value)
    assert open_alerts(ledger) == []


def test_another_lease_is_waited_for_and_no_longer_than_it_may_last(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    ledger.tokens.claim(BOOKS, version=held(ledger).version, owner="other", lease_s=3600)

    with pytest.raises(ServiceUnavailable, match="another process"):
        new_rotation().fetch()

    assert control.token_calls() == []


def test_revoked_consent_alerts_once_and_asks_the_service_once(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    control.post("/xero/tokens/revoke")

    for _ in range(5):
        with pytest.raises(ConsentRevoked, match="sfxero xero connect --conn-id books"):
            new_rotation().fetch()

    assert len(control.token_calls()) == 1
    assert open_alerts(ledger) == [(AlertKind.CONSENT_REVOKED, BOOKS, 5)]


def test_a_new_consent_ends_the_alert_with_the_next_exchange(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, address: str, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    control.post("/xero/tokens/revoke")
    with pytest.raises(ConsentRevoked):
        new_rotation().fetch()

    ledger.tokens.keep(BOOKS, app_at(address), consent(address))
    passes(HALF_AN_HOUR)

    assert is_accepted(address, new_rotation().fetch().value)
    assert open_alerts(ledger) == []


def test_a_new_consent_while_the_old_one_is_refused_is_not_called_revoked(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, address: str, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)
    control.post("/xero/tokens/revoke")

    def refused_late(refresh_token: str) -> Grant:
        ledger.tokens.keep(BOOKS, app_at(address), consent(address))
        return refresh(address, refresh_token)

    assert is_accepted(address, new_rotation(exchange=refused_late).fetch().value)
    assert open_alerts(ledger) == []


def test_a_wrong_secret_is_no_revoked_consent(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, passes: Passes
) -> None:
    passes(HALF_AN_HOUR)

    def refuse(_refresh_token: str) -> Grant:
        raise AuthenticationFailed("Xero gave no access token", code="invalid_client")

    with pytest.raises(AuthenticationFailed) as caught:
        new_rotation(exchange=refuse).fetch()

    assert type(caught.value) is AuthenticationFailed
    assert held(ledger).state == "good"
    assert is_lease_free(ledger)


def test_tokens_are_never_sent_for_another_app_or_to_another_place(
    new_rotation: New, grant: Grant, control: Control, ledger: Ledger, address: str
) -> None:
    other = replace(app_at(address), token_url="https://identity.example/connect/token")
    ledger.tokens.keep(BOOKS, other, grant)
    with pytest.raises(ConfigurationError, match="another app or address"):
        new_rotation().fetch()
    assert control.token_calls() == []


def test_without_a_consent_it_is_said_how_to_give_one(new_rotation: New) -> None:
    with pytest.raises(ConfigurationError, match="sfxero xero connect --conn-id books"):
        new_rotation().fetch()


def test_tokens_that_nobody_uses_are_kept_alive(
    new_rotation: New, grant: Grant, control: Control, passes: Passes
) -> None:
    passes(29 * 24 * 3600.0)
    month = timedelta(days=30)
    assert not new_rotation().keep_alive(month)
    passes(24 * 3600.0)
    assert new_rotation().keep_alive(month)
    assert not new_rotation().keep_alive(month)
    assert len(control.token_calls()) == 1
