"""Call limits in fixed windows on the virtual clock (xero-api, 2.1)."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.failures import TooManyCalls
from sfxero.sandbox.xero.switches import Switches

MINUTE_S = 60
DAY_S = 86_400


@dataclass(slots=True)
class FixedWindow:
    """Counts calls in windows of one length; they start at `offset_s`, not at midnight."""

    length_s: int
    offset_s: int
    index: int = -1
    used: int = 0

    def used_at(self, now: datetime) -> int:
        """Calls counted in the window that `now` lies in."""
        index = int((now.timestamp() - self.offset_s) // self.length_s)
        if index != self.index:
            self.index, self.used = index, 0
        return self.used

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds until the next window starts, at least one."""
        passed = (now.timestamp() - self.offset_s) % self.length_s
        return max(1, math.ceil(self.length_s - passed))


@dataclass(slots=True)
class TenantMeter:
    """What one app has used of one organisation."""

    minute: FixedWindow
    day: FixedWindow
    in_flight: int = 0
    peak_in_flight: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Limits:
    """Admits or refuses calls and says how many remain."""

    def __init__(self, clock: SandboxClock, switches: Callable[[], Switches]) -> None:
        """`switches` is asked each time, so that limits can change while running."""
        self._clock = clock
        self._switches = switches
        self._meters: dict[tuple[str, str], TenantMeter] = {}
        self._app_minutes: dict[str, FixedWindow] = {}

    def reset(self) -> None:
        """Start with unused windows; calls in flight stay counted nowhere."""
        self._meters.clear()
        self._app_minutes.clear()

    def meter(self, client_id: str, tenant_id: str) -> TenantMeter:
        """The meter of an app and a tenant; its windows start at the tenant's own moment."""
        key = (client_id, tenant_id)
        if key not in self._meters:
            seed = crc32(tenant_id.encode())
            self._meters[key] = TenantMeter(
                minute=FixedWindow(MINUTE_S, seed % MINUTE_S),
                day=FixedWindow(DAY_S, seed % DAY_S),
            )
        return self._meters[key]

    @contextmanager
    def admitted(self, client_id: str, tenant_id: str) -> Iterator[None]:
        """Hold a place for one call, or raise the 429."""
        meter = self.meter(client_id, tenant_id)
        try:
            self._check(client_id, meter)
        except TooManyCalls as refusal:
            meter.refused[refusal.problem] = meter.refused.get(refusal.problem, 0) + 1
            raise
        for window in (meter.minute, meter.day, self._app_minute(client_id)):
            window.used += 1
        meter.in_flight += 1
        meter.peak_in_flight = max(meter.peak_in_flight, meter.in_flight)
        try:
            yield
        finally:
            meter.in_flight -= 1

    def count_app_call(self, client_id: str) -> None:
        """Count a call that belongs to no tenant (`/connections`)."""
        now, switches = self._clock.now(), self._switches()
        window = self._app_minute(client_id)
        if window.used_at(now) >= switches.app_minute_limit:
            raise TooManyCalls(switches.app_minute_problem, retry_after_s=None)
        window.used += 1

    def app_headers(self, client_id: str) -> dict[str, str]:
        """The one remaining-header that `/connections` sends."""
        left = self._switches().app_minute_limit - self._app_minute(client_id).used_at(
            self._clock.now()
        )
        return {"X-AppMinLimit-Remaining": str(max(0, left))}

    def headers(self, client_id: str, tenant_id: str) -> dict[str, str]:
        """The remaining-headers of a tenant's reply."""
        meter, now, switches = self.meter(client_id, tenant_id), self._clock.now(), self._switches()
        return {
            "X-MinLimit-Remaining": str(max(0, switches.minute_limit - meter.minute.used_at(now))),
            "X-DayLimit-Remaining": str(max(0, switches.day_limit - meter.day.used_at(now))),
            **self.app_headers(client_id),
        }

    def _check(self, client_id: str, meter: TenantMeter) -> None:
        """The day goes before the minute: real day refusals came with an untouched minute."""
        now, switches = self._clock.now(), self._switches()
        body = switches.body_429.encode()
        if meter.in_flight >= switches.concurrent_limit:
            raise TooManyCalls(switches.concurrent_problem, retry_after_s=None, body=body)
        for name, window, limit in (
            ("day", meter.day, switches.day_limit),
            ("minute", meter.minute, switches.minute_limit),
        ):
            if window.used_at(now) >= limit:
                raise TooManyCalls(name, retry_after_s=window.seconds_left(now), body=body)
        if self._app_minute(client_id).used_at(now) >= switches.app_minute_limit:
            raise TooManyCalls(switches.app_minute_problem, retry_after_s=None, body=body)

    def _app_minute(self, client_id: str) -> FixedWindow:
        return self._app_minutes.setdefault(client_id, FixedWindow(MINUTE_S, 0))
