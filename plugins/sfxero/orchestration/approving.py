"""The bodies of the tasks that ask people about entries of the outbox."""

import logging
from typing import TYPE_CHECKING, Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.model.ids import RouteName, RunId
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.opening import ledger_run_id, spec_of
from sfxero.sync.approving import body, subject

if TYPE_CHECKING:
    from sfxero.ledger.approvals import Question

log = logging.getLogger(__name__)

NO_REASON: Final = "no reason given"


def to_ask(route: str, *, run_id: str, for_s: float) -> list[int]:
    """Return the entries that nobody is being asked about yet; skips if there are none."""
    spec = spec_of(route)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        found = ledger.outbox.take_questions(RouteName(route), _run(route, run_id), for_s=for_s)
    if not found:
        raise AirflowSkipException("nothing waits for approval that nobody is asked about")
    return found


def question(route: str, entry_id: int) -> "Question | None":
    """Return what is to be asked about an entry; None if it does not wait for approval."""
    with open_ledger(spec_of(route).ledger.connection) as ledger:
        return ledger.outbox.question(entry_id)


def told(question: "Question") -> tuple[str, str]:
    """Return headline and text of a question."""
    return subject(question), body(question)


def carry_out(
    route: str,
    entry_id: int,
    *,
    run_id: str,
    approves: bool | None,
    actor: str,
    reason: str | None,
) -> bool:
    """Do what a person said; False if that is nothing, or the entry does not wait any more."""
    with open_ledger(spec_of(route).ledger.connection) as ledger:
        if approves is None:
            ledger.outbox.ask_again(entry_id, _run(route, run_id))
            return False
        if approves:
            count = ledger.outbox.approve([entry_id], actor=actor, reason=reason)
        else:
            count = ledger.outbox.refuse([entry_id], actor=actor, reason=reason or NO_REASON)
    log.info("approval_answered entry=%d approves=%s done=%d", entry_id, approves, count)
    return count == 1


def _run(route: str, run_id: str) -> RunId:
    return ledger_run_id(route, f"approvals/{run_id}")
