from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sfxero.clock import FakeClock
from sfxero.transport.tokens import CachedTokens, Token


class _Issuer:
    def __init__(self, clock: FakeClock, life_s: float | None) -> None:
        self.clock, self.life_s, self.count = clock, life_s, 0

    def __call__(self) -> Token:
        self.count += 1
        life = None if self.life_s is None else self.clock.now() + timedelta(seconds=self.life_s)
        return Token(f"token-{self.count}", life)


def test_token_is_fetched_once_and_replaced_a_minute_before_it_ends():
    clock = FakeClock()
    tokens = CachedTokens(_Issuer(clock, 1800), clock)
    assert tokens.get() == tokens.get() == "token-1"
    clock.advance(1739)
    assert tokens.get() == "token-1"
    clock.advance(1)
    assert tokens.get() == "token-2"


def test_short_lived_token_is_used_for_half_its_life():
    clock = FakeClock()
    tokens = CachedTokens(_Issuer(clock, 40), clock)
    tokens.get()
    clock.advance(19)
    assert tokens.get() == "token-1"
    clock.advance(1)
    assert tokens.get() == "token-2"


def test_token_without_expiry_lasts_until_it_is_refused():
    clock = FakeClock()
    tokens = CachedTokens(_Issuer(clock, None), clock)
    tokens.get()
    clock.advance(10**7)
    assert tokens.get() == "token-1"
    assert tokens.renew("token-1") == "token-2"


def test_renewal_of_a_token_replaced_already_fetches_nothing():
    clock = FakeClock()
    issuer = _Issuer(clock, None)
    tokens = CachedTokens(issuer, clock)
    stale = tokens.get()
    assert {tokens.renew(stale), tokens.renew(stale)} == {"token-2"}
    assert issuer.count == 2


def test_many_threads_with_one_refused_token_fetch_one():
    clock = FakeClock()
    issuer = _Issuer(clock, None)
    tokens = CachedTokens(issuer, clock)
    stale, start = tokens.get(), Barrier(8)

    def renew(_: int) -> str:
        start.wait()
        return tokens.renew(stale)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(renew, range(8))) == {"token-2"}
    assert issuer.count == 2


def test_token_does_not_show_itself():
    assert "hunter2" not in repr(Token("hunter2"))
