"""What is looked after each night though nothing changes."""

import json

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowSkipException
from tests.contract.ledger.auditing import drop_triggers, run_sql, three_writes, write
from tests.contract.ledger.making import wish

from sfxero.errors import AuditBroken, ConfigurationError, GateFailed
from sfxero.ledger import Ledger
from sfxero.ledger.audit_tables import audit_events, audit_heads, audit_values
from sfxero.ledger.tables import attempt_entries, attempts, entries
from sfxero.model.alerts import AlertKind
from sfxero.orchestration.upkeep import check_audit_log, gate, keep_consent

pytestmark = pytest.mark.contract


def open_alerts(ledger: Ledger) -> list[tuple[AlertKind, str, int]]:
    return [(one.kind, one.subject, one.times_seen) for one in ledger.alerts.list()]


def forge(ledger: Ledger) -> None:
    """Change what the log says, as whoever owns the database can."""
    drop_triggers(ledger)
    run_sql(ledger, "UPDATE audit_events SET actor = 'nobody' WHERE seq = 2")


def begin_the_log_anew(ledger: Ledger) -> None:
    """Leave a chain that is sound in itself, and as long, with another history."""
    drop_triggers(ledger)
    run_sql(ledger, *map(sa.delete, (audit_values, audit_events, audit_heads)))
    run_sql(ledger, *map(sa.delete, (attempt_entries, attempts, entries)))
    for number in (4, 5, 6):
        write(ledger, wish(f"s{number}"), key=f"k{number}")


def test_a_log_without_events_has_no_head_yet(ledger: Ledger) -> None:
    assert check_audit_log("demo", known=None) is None
    assert open_alerts(ledger) == []


def test_each_check_returns_the_head_that_the_next_one_holds_the_log_against(
    ledger: Ledger,
) -> None:
    three_writes(ledger)
    first = check_audit_log("demo", known=None)
    write(ledger, wish("s4"), key="k4")

    assert check_audit_log("demo", known=first) not in {None, first}


def test_a_changed_log_fails_and_alerts_once_until_it_is_whole_again(ledger: Ledger) -> None:
    three_writes(ledger)
    forge(ledger)

    for _ in range(2):
        with pytest.raises(AuditBroken, match="event 2: a field of the event was changed"):
            check_audit_log("demo", known=None)
    assert open_alerts(ledger) == [(AlertKind.AUDIT_BROKEN, "demo", 2)]

    run_sql(ledger, "UPDATE audit_events SET actor = 'airflow:pat' WHERE seq = 2")
    check_audit_log("demo", known=None)
    assert open_alerts(ledger) == []


def test_a_log_that_was_begun_anew_shows_against_the_last_head(ledger: Ledger) -> None:
    three_writes(ledger)
    known = check_audit_log("demo", known=None)
    begin_the_log_anew(ledger)
    assert check_audit_log("demo", known=None) != known

    with pytest.raises(AuditBroken, match="not the one that was noted earlier"):
        check_audit_log("demo", known=known)


@pytest.mark.parametrize("order", [1, -1])
def test_of_all_earlier_heads_the_log_is_held_against_the_newest(
    ledger: Ledger, order: int
) -> None:
    # Airflow on PostgreSQL gives first what a run without a logical date returned, however old.
    three_writes(ledger)
    heads = [str(check_audit_log("demo", known=[])), f"999:{'0' * 64}"]

    with pytest.raises(AuditBroken, match="noted earlier"):
        check_audit_log("demo", known=heads[::order])
    assert check_audit_log("demo", known=heads[:1] * 2) == heads[0]


def test_a_custom_connection_has_no_consent_to_keep(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = {"conn_type": "xero", "login": "i", "password": "s"}
    monkeypatch.setenv("AIRFLOW_CONN_XERO_DEMO", json.dumps(app))
    with pytest.raises(AirflowSkipException):
        keep_consent("demo")


def test_a_consent_that_was_never_given_is_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = {"conn_type": "xero", "login": "i", "extra": {"flow": "authorization_code"}}
    monkeypatch.setenv("AIRFLOW_CONN_XERO_DEMO", json.dumps(app))
    with pytest.raises(ConfigurationError, match="sfxero xero connect"):
        keep_consent("demo")


def test_the_gate_is_red_for_a_failed_task_and_for_no_skipped_one() -> None:
    gate({"audit": "success", "consent": "skipped"})
    with pytest.raises(GateFailed, match="task audit failed"):
        gate({"audit": "failed", "consent": "skipped"})
