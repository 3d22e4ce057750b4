"""The token store: encrypted, fenced, and on its own clock."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from sfxero.clock import FakeClock
from sfxero.errors import ConfigurationError
from sfxero.ledger import Ledger
from sfxero.ledger.token_crypto import fingerprint
from sfxero.ledger.token_tables import tokens
from sfxero.transport.tokens import AppAddress, Grant, HeldTokens, TokenState

pytestmark = pytest.mark.contract

BOOKS = "books"
APP = AppAddress("the-id", "https://identity.test/connect/token", "https://api.test")
KEY, OLD_KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(3))
DAY_S = 24 * 3600

Open = Callable[..., Ledger]


@pytest.fixture
def open_with(url: str, clock: FakeClock) -> Iterator[Open]:
    """Open the same ledger with keys of one's choice."""
    opened: list[Ledger] = []

    def build(*keys: str) -> Ledger:
        opened.append(Ledger(url, clock=clock, token_keys=keys))
        opened[-1].migrate()
        return opened[-1]

    yield build
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_with: Open) -> Ledger:
    return open_with(KEY)


def grant(number: int = 1, **changes: Any) -> Grant:
    values: dict[str, Any] = {
        "access_token": f"access-{number}",
        "life_s": 1800,
        "refresh_token": f"refresh-{number}",
        "refresh_life_s": 60 * DAY_S,
        "scopes": ("offline_access", "accounting.contacts"),
    }
    return Grant(**{**values, **changes})


def held(ledger: Ledger) -> HeldTokens:
    found = ledger.tokens.read(BOOKS)
    assert found is not None
    return found


def claim(ledger: Ledger, owner: str, *, version: int | None = None) -> bool:
    wanted = held(ledger).version if version is None else version
    return ledger.tokens.claim(BOOKS, version=wanted, owner=owner, lease_s=60)


def replace(ledger: Ledger, owner: str, number: int = 2, *, version: int = 1) -> bool:
    return ledger.tokens.replace(
        BOOKS, grant(number), spent="refresh-1", version=version, owner=owner, grace_s=1800
    )


def stored(ledger: Ledger) -> dict[str, Any]:
    with ledger._database.read() as conn:
        return dict(conn.execute(sa.select(tokens)).one()._mapping)


def test_a_consent_comes_back_as_it_was_given(ledger: Ledger, clock: FakeClock) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    clock.advance(100)

    found = held(ledger)

    assert (found.access_token, found.refresh_token) == ("access-1", "refresh-1")
    assert (found.app, found.state, found.previous) == (APP, TokenState.GOOD, None)
    assert (found.left_s, found.life_s, found.unused_s) == (1700, 1800, 100)


def test_a_connection_that_nobody_consented_to_has_no_tokens(ledger: Ledger) -> None:
    assert ledger.tokens.read(BOOKS) is None


@pytest.mark.parametrize(
    ("life_s", "after_s", "is_fresh"),
    [(1800, 1739, True), (1800, 1740, False), (40, 19, True), (40, 20, False), (0, 0, False)],
)
def test_a_token_is_fresh_until_a_minute_before_its_end_or_for_half_its_life(
    ledger: Ledger, clock: FakeClock, life_s: int, after_s: float, is_fresh: bool
) -> None:
    ledger.tokens.keep(BOOKS, APP, grant(life_s=life_s))
    clock.advance(after_s)
    assert held(ledger).is_fresh is is_fresh


def test_no_column_holds_a_token_in_the_plain(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    replace(ledger, "w1")

    text = str(stored(ledger))

    assert not [word for word in ("access-", "refresh-1", "refresh-2") if word in text]


def test_one_owner_holds_the_lease_until_it_ends(ledger: Ledger, clock: FakeClock) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    assert claim(ledger, "w1")
    assert claim(ledger, "w1"), "its owner may prolong it"
    clock.advance(59)
    assert not claim(ledger, "w2")
    clock.advance(1)
    assert claim(ledger, "w2")


def test_a_version_that_was_replaced_cannot_be_claimed(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    assert replace(ledger, "w1")
    assert not claim(ledger, "w2", version=1)
    assert claim(ledger, "w2", version=2), "storing has given the lease back"


def test_who_lost_the_lease_stores_nothing(ledger: Ledger, clock: FakeClock) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    clock.advance(61)
    claim(ledger, "w2")

    assert not replace(ledger, "w1", 2)
    assert replace(ledger, "w2", 3)
    assert not ledger.tokens.revoke(BOOKS, version=1, owner="w1")

    assert (held(ledger).access_token, held(ledger).state) == ("access-3", TokenState.GOOD)


def test_the_spent_refresh_token_is_kept_for_its_grace(ledger: Ledger, clock: FakeClock) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    replace(ledger, "w1")
    clock.advance(1799)
    assert (held(ledger).refresh_token, held(ledger).previous) == ("refresh-2", "refresh-1")
    clock.advance(1)
    assert held(ledger).previous is None


def test_what_the_service_does_not_send_stays_as_it_was(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    bare = grant(2, refresh_token=None, scopes=())
    ledger.tokens.replace(BOOKS, bare, spent="refresh-1", version=1, owner="w1", grace_s=1800)
    assert (held(ledger).access_token, held(ledger).refresh_token) == ("access-2", "refresh-1")
    assert ledger.tokens.facts()[0].scopes == grant().scopes


def test_a_lease_given_back_is_free_at_once(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    ledger.tokens.release(BOOKS, owner="w2")
    assert not claim(ledger, "w2"), "only its owner can give it back"
    ledger.tokens.release(BOOKS, owner="w1")
    assert claim(ledger, "w2")


def test_revoked_tokens_are_renewed_by_a_consent_only(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    assert ledger.tokens.revoke(BOOKS, version=1, owner="w1")
    assert held(ledger).state is TokenState.REVOKED
    assert not claim(ledger, "w1")

    ledger.tokens.keep(BOOKS, APP, grant(2))

    assert (held(ledger).state, held(ledger).version) == (TokenState.GOOD, 2)
    assert claim(ledger, "w1")


def test_a_new_consent_wins_over_a_renewal_under_way(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    claim(ledger, "w1")
    ledger.tokens.keep(BOOKS, APP, grant(9))
    assert not replace(ledger, "w1")
    assert held(ledger).refresh_token == "refresh-9"


def test_a_consent_without_a_refresh_token_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="offline_access"):
        ledger.tokens.keep(BOOKS, APP, grant(refresh_token=None))
    assert ledger.tokens.facts() == []


def test_what_may_be_shown_needs_no_key_and_holds_no_token(
    ledger: Ledger, open_with: Open, clock: FakeClock
) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    ledger.tokens.note_tenants(BOOKS, {"t-1": "Maple Florist"})

    (facts,) = open_with().tokens.facts(APP)

    assert (facts.tenants, facts.scopes) == ({"t-1": "Maple Florist"}, grant().scopes)
    assert (facts.refresh_until_at - clock.now()).total_seconds() == 60 * DAY_S
    assert "access-1" not in repr(facts)
    assert open_with().tokens.facts(AppAddress("other", APP.token_url, APP.api_url)) == []


@pytest.mark.parametrize("act", ["keep", "read"])
def test_without_a_key_nothing_is_stored_or_read(ledger: Ledger, open_with: Open, act: str) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    before = stored(ledger)
    keyless = open_with()

    with pytest.raises(ConfigurationError, match="no key") as caught:
        keyless.tokens.keep(BOOKS, APP, grant(2)) if act == "keep" else keyless.tokens.read(BOOKS)

    assert "SFXERO_TOKEN_KEY" in str(caught.value)
    assert stored(ledger) == before


def test_a_key_that_is_none_is_refused_without_being_shown(open_with: Open) -> None:
    ledger = open_with(KEY, "hunter2")
    with pytest.raises(ConfigurationError, match=r"key 2 .* not a Fernet key") as caught:
        ledger.tokens.keep(BOOKS, APP, grant())
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__}"


def test_rotation_makes_the_old_key_superfluous(open_with: Open) -> None:
    old = open_with(OLD_KEY)
    old.tokens.keep(BOOKS, APP, grant())
    claim(old, "w1")
    replace(old, "w1")
    both = open_with(KEY, OLD_KEY)
    assert held(both).access_token == "access-2", "an old key still opens"

    assert both.tokens.rotate() == 1
    assert both.tokens.rotate() == 0

    found = held(open_with(KEY))
    assert (found.access_token, found.refresh_token) == ("access-2", "refresh-2")
    assert found.previous == "refresh-1"
    assert open_with().tokens.facts()[0].key_id == fingerprint(KEY)


def test_a_renewal_takes_the_newest_key_for_all_of_the_row(open_with: Open) -> None:
    open_with(OLD_KEY).tokens.keep(BOOKS, APP, grant())
    both = open_with(KEY, OLD_KEY)
    claim(both, "w1")
    replace(both, "w1")
    assert held(open_with(KEY)).previous == "refresh-1"


def test_a_row_of_an_unknown_key_is_named_with_what_to_do(open_with: Open) -> None:
    open_with(OTHER_KEY).tokens.keep(BOOKS, APP, grant())
    open_with(OLD_KEY).tokens.keep("shop", APP, grant())
    ledger = open_with(KEY, OLD_KEY)

    with pytest.raises(ConfigurationError, match=fingerprint(OTHER_KEY)) as read:
        held(ledger)
    with pytest.raises(ConfigurationError, match="1 rows were encrypted anew") as rotated:
        ledger.tokens.rotate()

    for error in (read.value, rotated.value):
        assert "sfxero xero connect --conn-id books" in str(error)
        assert "sfxero tokens rotate" in str(error)
    assert {one.connection: one.key_id for one in ledger.tokens.facts()} == {
        BOOKS: fingerprint(OTHER_KEY),
        "shop": fingerprint(KEY),
    }


def test_a_damaged_row_is_told_from_one_of_an_unknown_key(ledger: Ledger) -> None:
    ledger.tokens.keep(BOOKS, APP, grant())
    with ledger._database.write() as conn:
        conn.execute(
            sa.update(tokens).values(access_token=sa.func.substr(tokens.c.access_token, 1, 60))
        )
    with pytest.raises(ConfigurationError, match="damaged"):
        held(ledger)


def test_the_store_goes_by_the_databases_clock(url: str) -> None:
    with Ledger(url, token_keys=[KEY]) as ledger:
        ledger.migrate()
        ledger.tokens.keep(BOOKS, APP, grant())
        assert 1790 < held(ledger).left_s <= 1800
        assert claim(ledger, "w1")
        assert not claim(ledger, "w2")
