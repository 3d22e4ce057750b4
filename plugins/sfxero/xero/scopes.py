"""Scopes: what the sync needs, what a token carries (Xero, granular scopes since March 2026)."""

import base64
import binascii
import json
from collections.abc import Collection
from typing import Final

from sfxero.errors import ConfigurationError

OFFLINE: Final = "offline_access"
CONSENT: Final = (
    OFFLINE,
    "accounting.contacts",
    "accounting.invoices",
    "accounting.payments.read",
    "accounting.settings.read",
)
"""What a user is asked for; the first brings the refresh token."""
AGED: Final = "accounting.reports.aged.read"
"""For the aged receivables of a reconciliation, which does without if it must."""

_NEEDED: Final = (
    ("accounting.contacts",),
    # Apps from before March 2026 may have the broad name until it ends.
    ("accounting.invoices", "accounting.transactions"),
    ("accounting.settings.read", "accounting.settings"),
)
_PAYMENTS: Final = (("accounting.payments.read", "accounting.payments", "accounting.transactions"),)
"""What is needed beside to read payments, overpayments and prepayments."""


def split(text: str) -> tuple[str, ...]:
    """Return the scopes that a form field names, separated by blanks or commas."""
    return tuple(text.replace(",", " ").split())


def missing(scopes: Collection[str], *, payments: bool = False) -> tuple[str, ...]:
    """Return what the sync needs, to read `payments` too, and these scopes do not allow."""
    needed = (*_NEEDED, *_PAYMENTS) if payments else _NEEDED
    return tuple(names[0] for names in needed if not set(names) & set(scopes))


def require(scopes: Collection[str], *, payments: bool = False) -> None:
    """Raise ConfigurationError if a token lacks what the sync needs; one that claims none may."""
    lacking = missing(scopes, payments=payments) if scopes else ()
    if lacking:
        raise ConfigurationError(
            f"the token lacks the scopes {' '.join(lacking)}",
            service="xero",
            hint="Add them to the app in Xero, then authorise the app again.",
        )


def superfluous(scopes: Collection[str], *, aged: bool = True) -> tuple[str, ...]:
    """Return what these scopes allow beyond what the sync needs or asks for.

    `aged` says whether aged receivables are asked for.
    """
    # The broad name of old apps cannot be split, so it is no reproach.
    known = {*CONSENT, "accounting.transactions", *([AGED] if aged else [])}
    return tuple(sorted(set(scopes) - known))


def scopes_of(access_token: str) -> tuple[str, ...]:
    """Return the scopes that a JWT claims, for display: nothing is verified, and nothing raised."""
    try:
        part = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        scope = claims["scope"]
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return ()
    if isinstance(scope, str):
        return tuple(scope.split())
    return tuple(map(str, scope)) if isinstance(scope, list) else ()
