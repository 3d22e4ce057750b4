"""Alerts: what a person has to know, stored once however often it is met."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """Kinds of trouble that outlast a run."""

    OUTAGE = "outage"
    DAY_LIMIT = "day_limit"
    CONSENT_REVOKED = "consent_revoked"
    TENANT_DISCONNECTED = "tenant_disconnected"
    AUDIT_BROKEN = "audit_broken"


@dataclass(frozen=True, slots=True)
class Alert:
    """One open or closed trouble of one subject, such as a service of a tenant."""

    kind: AlertKind
    subject: str
    message: str
    hint: str
    opened_at: datetime
    last_seen_at: datetime
    times_seen: int
    closed_at: datetime | None = None
