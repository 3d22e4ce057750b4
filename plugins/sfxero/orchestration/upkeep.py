"""The bodies of the tasks that look after what no sync touches: the audit log, the consent."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.errors import AuditBroken
from sfxero.model.audit import Head
from sfxero.model.ids import RouteName
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.hooks.xero_tokens import rotation_of
from sfxero.orchestration.opening import spec_of
from sfxero.orchestration.verdicts import States
from sfxero.sync import gate as gates

log = logging.getLogger(__name__)

_UNUSED: Final = timedelta(days=14)
"""Xero lets a refresh token run out after sixty days without use (OAuth 2.0, token types)."""


def check_audit_log(route: str, *, known: str | Sequence[str] | None) -> str | None:
    """Return the head of the route's audit log, None if nothing was logged yet.

    `known` is what earlier checks returned, in any order; the newest counts. A log that does not
    add up, or does not hold that head, raises an alert and AuditBroken.
    """
    from sfxero.sync.audit_watch import watch_chain

    with open_ledger(spec_of(route).ledger.connection) as ledger:
        ledger.migrate()
        report = watch_chain(ledger.audit, ledger.alerts, RouteName(route), known=_newest(known))
    log.info("audit_checked events=%d erased=%d head=%s", report.events, report.erased, report.head)
    if not report.is_valid:
        raise AuditBroken(report.objection)
    return None if report.head is None else str(report.head)


def _newest(known: str | Sequence[str] | None) -> str | None:
    """Return the head that lies furthest on: a log only grows, whatever order Airflow tells."""
    heads = [known] if isinstance(known, str) else known or ()
    return max(heads, key=lambda one: Head.from_text(one).seq, default=None)


def keep_consent(route: str) -> bool:
    """Renew the stored tokens if nobody has for two weeks; skips where the app has none."""
    spec = spec_of(route)
    app = XeroHook(spec.xero.connection).app()
    if not app.needs_consent:
        raise AirflowSkipException("this Xero app needs no consent")
    with open_ledger(app.ledger_conn_id) as ledger:
        ledger.migrate()
        return rotation_of(app, ledger).keep_alive(_UNUSED)


def gate(states: States) -> None:
    """Fail if a task failed."""
    gates.refuse_failures(states)
