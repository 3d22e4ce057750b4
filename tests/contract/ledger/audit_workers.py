"""What the processes of the audit log's tests do; started afresh, so importable by name."""

from tests.contract.ledger.auditing import reply, store
from tests.contract.ledger.making import CONTACT, ROUTE, claim

from sfxero.ledger import Ledger
from sfxero.model.ids import RunId
from sfxero.model.owners import owner_name


def write_all(url: str, number: int) -> int:
    """Send and settle until nothing is due; return how many requests were stored."""
    owner = owner_name(RunId("demo/run"), CONTACT, number, token="aa")
    requests = 0
    with Ledger(url) as ledger:
        while claimed := claim(ledger, owner=owner, limit=7):
            store(ledger, claimed, key=f"{number}/{requests}", owner=owner)
            ledger.outbox.settle([reply(entry) for entry in claimed], owner=owner)
            requests += 1
    return requests


def write_or_verify(url: str, number: int, total: int) -> bool:
    """Write, all but the first, who checks the log until it is complete."""
    if number:
        return write_all(url, number) >= 0
    with Ledger(url) as ledger:
        while True:
            report = ledger.audit.verify(ROUTE)
            if not report.is_valid or report.events == total:
                return report.is_valid
