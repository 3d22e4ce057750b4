"""The promises, checked once all has come to rest, and some while it happens."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tests.simulation.expected import Expected, ExpectedInvoice, expected_of
from tests.simulation.network import Sent
from tests.simulation.tasks import Run
from tests.simulation.world import TENANT, World

from sfxero.model.ids import RouteName
from sfxero.sandbox.xero.models import DEAD, Contact, Credit, Invoice

_KEY_KEPT_S: Final = 360.0
_MOST_AT_ONCE: Final = 5
# For one query: each try of a task may make one, and another for one that failed.
_MOST_JOBS: Final = 12
# What a person may have done to an invoice that keeps it from ending as Salesforce has it.
_BY_HAND: Final = frozenset({"paid", "voided", "edited", "renumbered", "number taken", "discarded"})

Violations = Iterator[str]


def watch_writes(world: World) -> None:
    """Hold each write, as it leaves, against what the ledger has stored of it."""

    def look(sent: Sent) -> None:
        found = world.rows(
            "SELECT attempt_id, body_hash FROM attempts WHERE idempotency_key = ?", sent.key
        )
        if not found:
            world.violate("intent before effect", f"no attempt is stored for {sent.key}")
            return
        attempt_id, body_hash = found[0]
        if body_hash != sent.body_hash:
            world.violate("intent before effect", f"{sent.key} leaves with other bytes than stored")
        for entry in world.rows(_CARRIED, attempt_id):
            _check_lease(world, *entry[:3])
            _check_look_up(world, attempt_id, entry[0], *entry[3:])

    world.network.on_write = look


_CARRIED: Final = (
    "SELECT e.entry_id, e.state, e.lease_until_at, e.source_id, e.payload, l.target_id "
    "FROM attempt_entries a JOIN entries e ON e.entry_id = a.entry_id "
    "LEFT JOIN links l ON l.tenant = e.tenant AND l.entity = e.entity "
    "AND l.source_id = e.source_id WHERE a.attempt_id = ?"
)


def _check_lease(world: World, entry_id: int, state: str, until: Any) -> None:
    if state not in {"claimed", "in_doubt"} or until is None or _has_ended(world, until):
        world.violate("leases", f"entry {entry_id} leaves in {state}, lease until {until}")


def _check_look_up(
    world: World, attempt_id: int, entry_id: int, source_id: str, payload: str, target_id: str
) -> None:
    """What may have been carried out before is asked for before it goes again."""
    before = world.rows(
        "SELECT t.idempotency_key, t.outcome, t.operation FROM attempts t JOIN attempt_entries a "
        "ON a.attempt_id = t.attempt_id WHERE a.entry_id = ? AND t.attempt_id < ? "
        "ORDER BY t.attempt_id DESC LIMIT 1", entry_id, attempt_id
    )  # fmt: skip
    traffic = world.network.traffic
    outcomes = {key: outcome for key, outcome, _ in before}
    uses = [place for place, sent in enumerate(traffic.sent) if sent.key in outcomes]
    # A worker that died has no outcome, whatever it may have heard.
    # What was answered at last is answered for all sendings under its key.
    heard = uses[-1:] if "answered" in outcomes.values() else uses
    is_unclear = any(traffic.sent[one].is_unclear for one in heard) or None in outcomes.values()
    if not uses or not is_unclear:
        return
    fields = json.loads(payload)
    number = fields.get("InvoiceNumber") or fields.get("ContactNumber") or source_id
    names = {number, target_id or number}
    if before[0][2] in _MEANT:
        # Of a void it is asked for the invoice, of a credit note for its number.
        names = {one for (one,) in world.rows(_MEANT[before[0][2]], source_id)}
    if not any(
        sent_before > uses[-1] and any(name in asked for name in names)
        for sent_before, asked in traffic.reads
    ):
        world.violate(
            "look-up before sending again", f"entry {entry_id} ({source_id}) was not looked up"
        )


_NOTED: Final = "SELECT number FROM credit_notes WHERE source_id = ?"
_MEANT: Final = {
    "void": "SELECT target_id FROM former_links WHERE source_id = ?",
    "credit": _NOTED,
    "allocate": _NOTED,
}


def _has_ended(world: World, until: Any) -> bool:
    moment = datetime.fromisoformat(str(until))
    return moment.replace(tzinfo=None) < world.scheduler.moment(-5.0).replace(tzinfo=None)


def check(world: World, runs: list[Run]) -> None:
    """Check everything that must hold at rest."""
    expected = expected_of(world.sandbox.org)
    for invariant, found in (
        ("no duplicates", _duplicates(world)),
        ("nothing lost", _lost(world, expected)),
        ("nothing lost", _undisposed(runs)),
        ("totals", _totals(world, expected)),
        ("contacts in step", _contacts(world, expected)),
        ("links", _links(world)),
        ("voids", _voids(world, expected)),
        ("at rest", _restless(world)),
        ("limits", _limits(world)),
        ("keys", _keys(world)),
        ("audit", _audit(world)),
        ("alerts", _alerts(world)),
    ):
        for what in found:
            world.violate(invariant, what)


def _duplicates(world: World) -> Violations:
    books = world.sandbox.xero.books
    by_opportunity: Counter[str] = Counter()
    for invoice in books.invoices.values():
        if invoice.url and invoice.status not in DEAD:
            by_opportunity[_source_of(invoice)] += 1
    by_account = Counter(
        one.number for one in books.contacts.values() if one.number and one.status == "ACTIVE"
    )
    for source_id, count in (by_opportunity + by_account).items():
        if count > 1:
            yield f"{count} live records of {source_id}"


def _lost(world: World, expected: Expected) -> Violations:
    """Every won opportunity is in Xero, or the ledger says by name why not, and rightly."""
    invoices = _invoices(world)
    dead = _dead(world)
    quarantined = _quarantined(world)
    held = _held_by_archived_contacts(world, expected, quarantined)
    wanted = {key: one for key, one in expected.invoices.items() if key not in held}
    # An invoice that has a credit note takes no edit: what is no decrease is given up on.
    credited = _credit_notes(world)
    for source_id, one in wanted.items():
        if source_id in quarantined:
            yield f"good {source_id} is in quarantine: {quarantined[source_id]}"
        elif source_id in dead and source_id not in credited and not _causes(world, one):
            yield f"{source_id} was given up without a cause: {dead[source_id]}"
        elif not {source_id, one.account_id} & dead.keys() and source_id not in invoices:
            yield f"{source_id} is nowhere"
    for source_id, why in expected.bad.items():
        if source_id not in quarantined and expected.account_of[source_id] not in quarantined:
            yield f"bad {source_id} ({why}) is not in quarantine"
    meant = {target_id for (target_id,) in world.rows("SELECT target_id FROM former_links")}
    for source_id in expected.not_won & invoices.keys():
        if invoices[source_id].status in DEAD and invoices[source_id].invoice_id in meant:
            continue
        is_known = source_id in quarantined or source_id in dead
        if not is_known and not world.causes.get(source_id):
            yield f"invoiced {source_id} is not won any more, and nobody is told"


def _held_by_archived_contacts(
    world: World, expected: Expected, quarantined: dict[str, str]
) -> set[str]:
    """Return what waits, by its name, for somebody to restore a contact that is archived now."""
    contacts = world.sandbox.xero.books.contacts.values()
    archived = {one.number for one in contacts if one.status == "ARCHIVED"}
    return {
        source_id
        for source_id, one in expected.invoices.items()
        if quarantined.get(source_id) == "account_contact_archived" and one.account_id in archived
    }


def _undisposed(runs: list[Run]) -> Violations:
    """The gate's own anti-join, and its counts."""
    for run in runs:
        report = run.report
        if report is None or any(
            state != "success" for name, state in run.states.items() if "publish" not in name
        ):
            continue
        if report.missing_count:
            yield f"{run.name}: {report.missing_count} records have no disposition"
        ended: Counter[str] = Counter()
        for one in report.counts:
            ended[one.entity] += one.n
        if dict(ended) != dict(report.records):
            yield f"{run.name}: read {dict(report.records)}, but ended {dict(ended)}"


def _totals(world: World, expected: Expected) -> Violations:
    """To the cent, line by line, with date, number and contact: unless a person was there."""
    invoices, dead = _invoices(world), _dead(world)
    contacts = world.sandbox.xero.books.contacts
    credited = _credit_notes(world)
    for source_id, wanted in expected.invoices.items():
        held = invoices.get(source_id)
        if held is None or source_id in dead or _causes(world, wanted):
            continue
        if source_id in credited:
            yield from _net_totals(wanted, held, credited[source_id])
            continue
        for name, ours, theirs in (
            ("subtotal", wanted.amount, held.totals.sub_total),
            ("total", wanted.total, held.totals.total),
            ("number", _numbered(world, wanted), held.number),
            ("state", True, held.status not in DEAD),
            ("date", wanted.dated_on, held.dated_on),
            ("due date", wanted.due_on, held.due_on),
            ("lines", _shape(wanted), _held_shape(held)),
            ("contact", wanted.account_id, contacts[held.contact_id].number),
        ):
            if ours != theirs:
                yield f"{name} of {source_id}: Salesforce {ours}, Xero {theirs}"


def _net_totals(wanted: ExpectedInvoice, held: Invoice, notes: list[Credit]) -> Violations:
    """Invoice and credit notes together, by account and tax; what can be allocated, is."""
    left: defaultdict[tuple[str | None, str | None], Decimal] = defaultdict(Decimal)
    for sign, lines in ((1, held.lines), *((-1, one.lines) for one in notes)):
        for line in lines:
            left[line.account_code, line.tax_type] += sign * line.line_amount
    for wish in wanted.lines:
        left[wish.account_code, wish.tax_type] -= wish.amount
    if any(left.values()):
        yield f"{wanted.opportunity_id} and its credit notes are off by {dict(left)}"
    if held.amount_due and any(one.remaining for one in notes):
        yield f"a credit note of {wanted.opportunity_id} is not allocated"
    if held.dated_on != wanted.dated_on or held.status in DEAD:
        yield f"{wanted.opportunity_id} is {held.status} of {held.dated_on}"


def _credit_notes(world: World) -> dict[str, list[Credit]]:
    """Credit notes of ours by opportunity; their numbers are those of invoices, and more."""
    sources = {
        one.number: _source_of(one)
        for one in world.sandbox.xero.books.invoices.values()
        if one.url and one.number
    }
    found: dict[str, list[Credit]] = {}
    for note in world.sandbox.xero.books.credits.values():
        source_id = sources.get(str(note.number).rpartition("-C")[0])
        if source_id is not None:
            found.setdefault(source_id, []).append(note)
    return found


def _contacts(world: World, expected: Expected) -> Violations:
    held = {one.number: one for one in world.sandbox.xero.books.contacts.values() if one.number}
    dead = _dead(world)
    for account_id, name in expected.accounts.items():
        causes = world.causes.get(account_id)
        if account_id in expected.bad_accounts:
            continue
        contact = held.get(account_id)
        if account_id in dead:
            if not causes:
                yield f"account {account_id} was given up without a cause: {dead[account_id]}"
        elif contact is None:
            yield f"account {account_id} is nowhere"
        elif not causes and not _is_named(contact, name):
            yield f"account {account_id} is {name!r}, its contact {contact.name!r}"


def _links(world: World) -> Violations:
    """Each record that we made is linked to its source, and each link leads to such a record.

    But for invoices that people voided before their reply was known: a dead letter tells of them,
    and once it is replayed while the record is held back, the quarantine does.
    """
    books = world.sandbox.xero.books
    linked = {
        (entity, target_id): source_id
        for entity, source_id, target_id in world.rows(
            "SELECT entity, source_id, target_id FROM links"
        )
    }
    for (entity, target_id), source_id in linked.items():
        found = (books.invoices if entity == "invoice" else books.contacts).get(target_id)
        if found is None:
            yield f"the link of {source_id} leads nowhere"
        elif target_id in world.strangers:
            yield f"the link of {source_id} leads to a stranger's record"
        elif isinstance(found, Invoice) and _source_of(found) != source_id:
            yield f"the link of {source_id} leads to {found.number} of {found.url}"
    dead, quarantined = _dead(world), _quarantined(world)
    former = {
        one for (one,) in world.rows("SELECT target_id FROM former_links WHERE ended_at > ''")
    }
    for invoice in books.invoices.values():
        source_id = _source_of(invoice) if invoice.url else None
        is_known = ("invoice", invoice.invoice_id) in linked or invoice.invoice_id in former
        is_held = invoice.status in DEAD and source_id in quarantined
        if source_id and not is_known and not is_held and source_id not in dead:
            yield f"{invoice.number} was made and is not linked"


def _voids(world: World, expected: Expected) -> Violations:
    """Only what the route lets us void is void, but for what people did; what stands, is wanted."""
    invoices, dead, quarantined = _invoices(world), _dead(world), _quarantined(world)
    spec = world.spec.invoices
    meant = dict(world.rows("SELECT target_id, ended_at FROM former_links"))
    for invoice in world.sandbox.xero.books.invoices.values():
        source_id = _source_of(invoice) if invoice.url else ""
        is_void = invoice.status in DEAD
        if not source_id or "voided" in world.causes.get(source_id, ()):
            continue
        if is_void and invoice.invoice_id not in meant:
            yield f"{invoice.number} of {source_id} is void, and nobody meant it"
        if is_void and spec.on_change != "reissue" and spec.on_reopen == "list":
            yield f"{invoice.number} of {source_id} is void against the route's rule"
        if meant.get(invoice.invoice_id) and not is_void:
            yield f"{invoice.number} of {source_id} was parted from, and lives"
    if spec.on_reopen == "list":
        return
    for source_id in expected.not_won & invoices.keys():
        is_named = source_id in dead or source_id in quarantined or world.causes.get(source_id)
        if invoices[source_id].status not in DEAD and not is_named:
            yield f"{source_id} is not won any more, and its invoice lives"


def _numbered(world: World, wanted: ExpectedInvoice) -> str:
    """The number with its revision: each invoice that was void before has used one up."""
    theirs = [
        one
        for one in world.sandbox.xero.books.invoices.values()
        if one.url and _source_of(one) == wanted.opportunity_id
    ]
    return wanted.number if len(theirs) == 1 else f"{wanted.number}-R{len(theirs)}"


def _restless(world: World) -> Violations:
    for entry_id, entity, source_id, state in world.rows(
        "SELECT entry_id, entity, source_id, state FROM entries "
        "WHERE state NOT IN ('settled', 'dead', 'superseded', 'stale')"
    ):
        parent_waits = state in {"pending", "retry_later"} and entity == "invoice"
        if not (parent_waits and _parent_is_missing(world, entry_id)):
            yield f"entry {entry_id} of {source_id} is {state} for ever"


def _limits(world: World) -> Violations:
    meter = world.sandbox.xero.limits.meter("sandbox-xero-client", TENANT)
    if meter.refused:
        yield f"the service refused calls: {meter.refused}"
    if meter.peak_in_flight > _MOST_AT_ONCE:
        yield f"{meter.peak_in_flight} calls at once"
    offset_s = meter.minute.offset_s
    minutes = Counter(
        int((entry.at.timestamp() - offset_s) // 60)
        for entry in world.sandbox.journal.entries(service="xero")
        if "/api.xro/" in entry.path
    )
    made = max(world.network.traffic.jobs.values(), default=0)
    if made > _MOST_JOBS:
        yield f"{made} jobs were made for one window"
    yield from world.network.traffic.impatience
    for minute, count in minutes.items():
        if count > world.weather.minute_limit:
            yield f"{count} calls in minute {minute}"


def _keys(world: World) -> Violations:
    """A key stands for the same bytes to the same address, and for five minutes at most."""
    by_key: dict[str, list[Sent]] = {}
    for sent in world.network.traffic.sent:
        by_key.setdefault(sent.key, []).append(sent)
    for key, uses in by_key.items():
        if len({(one.address, one.body_hash) for one in uses}) > 1:
            yield f"{key} was used for different requests"
        if uses[-1].at_s - uses[0].at_s >= _KEY_KEPT_S:
            yield f"{key} was used again after {uses[-1].at_s - uses[0].at_s:.0f} s"


def _audit(world: World) -> Violations:
    report = world.ledger.audit.verify(RouteName(world.spec.route))
    if report.broken is not None:
        yield f"the chain does not hold: {report.broken}"
    if report.unlogged_count:
        yield f"{report.unlogged_count} writes are not logged: {report.unlogged}"


def _alerts(world: World) -> Violations:
    if not world.rows("SELECT 1 FROM sqlite_master WHERE name = 'alerts'"):
        return
    for kind, subject, count in world.rows(
        "SELECT kind, subject, count(*) FROM alerts WHERE closed_at IS NULL "
        "GROUP BY kind, subject HAVING count(*) > 1"
    ):
        yield f"{count} open alerts of {kind} about {subject}"


def fingerprint(world: World) -> tuple[Any, ...]:
    """All that a quiet run must leave as it is.

    What was given up since its contact had just been archived gets its name when it is read anew.
    """
    return (
        len(world.network.traffic.sent),
        tuple(world.rows("SELECT entry_id, state, tries FROM entries ORDER BY 1")),
        tuple(
            world.rows("SELECT entity, source_id, target_id, content_hash FROM links ORDER BY 1, 2")
        ),
        tuple(
            world.rows(
                "SELECT entity, source_id, rule, cleared_at FROM quarantine"
                " WHERE NOT (rule = 'account_contact_archived' AND source_id IN"
                " (SELECT source_id FROM entries WHERE state = 'dead')) ORDER BY 1, 2, 3"
            )
        ),
    )


def _source_of(invoice: Invoice) -> str:
    return str(invoice.url).split("/")[-2]


def _invoices(world: World) -> dict[str, Invoice]:
    found = [one for one in world.sandbox.xero.books.invoices.values() if one.url]
    return {_source_of(one): one for one in sorted(found, key=lambda one: one.status not in DEAD)}


def _dead(world: World) -> dict[str, str]:
    return {
        source_id: f"{error_class}: {message}"
        for source_id, error_class, message in world.rows(
            "SELECT source_id, error_class, message FROM entries WHERE state = 'dead'"
        )
    }


def _quarantined(world: World) -> dict[str, str]:
    return dict(world.rows("SELECT source_id, rule FROM quarantine WHERE cleared_at IS NULL"))


def _causes(world: World, one: ExpectedInvoice) -> set[str]:
    """What people did that concerns this invoice."""
    causes = world.causes
    ours = causes.get(one.opportunity_id, set()) | causes.get(one.opportunity_number, set())
    return (ours & _BY_HAND) | (causes.get(one.account_id, set()) & {"archived"})


def _is_named(contact: Contact, name: str) -> bool:
    return contact.name == name or contact.name.startswith(f"{name} (")


def _shape(one: ExpectedInvoice) -> list[tuple[Any, ...]]:
    return [(x.quantity, x.unit_amount, x.account_code, x.tax_type, x.amount) for x in one.lines]


def _held_shape(one: Invoice) -> list[tuple[Any, ...]]:
    return [
        (x.quantity, x.unit_amount, x.account_code, x.tax_type, x.line_amount) for x in one.lines
    ]


def _parent_is_missing(world: World, entry_id: int) -> bool:
    return not world.rows(
        "SELECT 1 FROM entries e JOIN links l ON l.tenant = e.tenant AND l.entity = 'contact' "
        "AND l.source_id = e.parent_source_id WHERE e.entry_id = ?", entry_id
    )  # fmt: skip
