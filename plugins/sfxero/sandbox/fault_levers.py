"""Faults that lie inside a service: they turn its own switches and let the request go on."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.xero.service import XeroService

Undo: TypeAlias = Callable[[], None]
Lever: TypeAlias = Callable[[FaultRule, str], Undo]


class Services(Protocol):
    """The two services of a sandbox."""

    org: SalesforceOrg
    xero: XeroService


def levers_of(parts: Services) -> Mapping[FaultKind, Lever]:
    """What each such fault does before the request; it returns what is done after it."""
    return {**_door_levers(parts), **_org_levers(parts.org)}


def _door_levers(parts: Services) -> Mapping[FaultKind, Lever]:
    org, xero = parts.org, parts.xero

    def expire(_rule: FaultRule, service: str) -> Undo:
        if service == "salesforce":
            org.sessions.expire_all()
        else:
            xero.identity.expire_tokens()
        return _nothing

    def revoke(_rule: FaultRule, service: str) -> Undo:
        if service == "salesforce":
            org.sessions.expire_all()
        else:
            xero.identity.revoke_tokens()
        return _nothing

    def disconnect(_rule: FaultRule, _service: str) -> Undo:
        xero.identity.disconnect_all()
        return _nothing

    return {
        FaultKind.TOKEN_EXPIRED: expire,
        FaultKind.TOKEN_REVOKED: revoke,
        FaultKind.TENANT_DISCONNECTED: disconnect,
    }


def _org_levers(org: SalesforceOrg) -> Mapping[FaultKind, Lever]:
    def fail_job(_rule: FaultRule, _service: str) -> Undo:
        org.change_switches({"fail_jobs": org.switches.fail_jobs + 1})
        return _nothing

    def lock_rows(rule: FaultRule, _service: str) -> Undo:
        org.change_switches({"row_lock_errors": org.switches.row_lock_errors + rule.rows})
        return _nothing

    def fail_chunk(rule: FaultRule, _service: str) -> Undo:
        failing = org.switches.chunk_failures + 1
        org.change_switches({"chunk_failures": failing, "chunk_failure_code": rule.code})
        return _nothing

    def commit_late(rule: FaultRule, _service: str) -> Undo:
        before = org.switches.late_commit_s
        org.change_switches({"late_commit_s": rule.seconds})
        return lambda: org.change_switches({"late_commit_s": before})

    return {
        FaultKind.JOB_FAILED: fail_job,
        FaultKind.ROW_LOCKED: lock_rows,
        FaultKind.CHUNK_FAILED: fail_chunk,
        FaultKind.LATE_COMMIT: commit_late,
    }


def _nothing() -> None:
    """These faults stay until someone repairs them."""
