"""The journal of service requests: what was asked and answered, never credentials or bodies."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

LONGEST_JOURNAL = 100_000
_SECRET_PARAMETERS = frozenset(
    {
        "access_token",
        "assertion",
        "client_secret",
        "code",
        "code_verifier",
        "password",
        "refresh_token",
        "token",
    }
)


@dataclass(slots=True)
class JournalEntry:
    """One request to a service; `status` stays empty when the reply was lost."""

    number: int
    at: datetime
    service: str
    method: str
    path: str
    query: str
    tenant: str | None
    idempotency_key: str | None
    in_flight: int
    status: int | None = None
    duration_ms: float | None = None
    fault: str | None = None

    def as_json(self) -> dict[str, object]:
        """For the control plane."""
        return asdict(self)


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: deque[JournalEntry] = deque(maxlen=LONGEST_JOURNAL)
        self._count = 0
        self._in_flight: dict[str, int] = {}

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()

    def opened(
        self,
        *,
        at: datetime,
        service: str,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
    ) -> JournalEntry:
        """Note a request that has just arrived."""
        self._count += 1
        self._in_flight[service] = self._in_flight.get(service, 0) + 1
        entry = JournalEntry(
            number=self._count,
            at=at,
            service=service,
            method=method,
            path=path,
            query=without_secrets(query),
            tenant=headers.get("xero-tenant-id"),
            idempotency_key=headers.get("idempotency-key"),
            in_flight=self._in_flight[service],
        )
        self._entries.append(entry)
        return entry

    def closed(self, entry: JournalEntry, *, status: int | None, duration_ms: float) -> None:
        """Note how a request ended."""
        self._in_flight[entry.service] -= 1
        entry.status = status
        entry.duration_ms = round(duration_ms, 3)

    def entries(self, *, after: int = 0, service: str | None = None) -> list[JournalEntry]:
        """Entries behind a number, perhaps of one service."""
        return [
            entry
            for entry in self._entries
            if entry.number > after and service in {None, entry.service}
        ]


def without_secrets(query: str) -> str:
    """The query with the values of secret parameters struck out."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name.lower() in _SECRET_PARAMETERS for name, _ in pairs):
        return query
    return urlencode(
        [(name, "***" if name.lower() in _SECRET_PARAMETERS else value) for name, value in pairs]
    )
