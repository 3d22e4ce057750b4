"""Extract from Xero: what changed, staged with its windows; nothing that moves is skipped."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from sfxero.errors import LedgerError, StagingError
from sfxero.mapping.organisation import View
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.states import Entity
from sfxero.staging.manifest import Staged, is_published, load
from sfxero.staging.storage import make_folder, storage_errors
from sfxero.sync.pages import is_staged
from sfxero.sync.scope import Scope
from sfxero.sync.showing_again import forget_what_is_misshown
from sfxero.sync.staged import ids_in, save_rows, take_back
from sfxero.sync.xero_lists import (
    COMPANIONS,
    CONTACT_COMPANIONS,
    CONTACTS,
    ENTITY_OF_LIST,
    FOLLOWERS,
    INVOICES,
    OPEN_INVOICES,
)
from sfxero.xero.accounting import Accounting
from sfxero.xero.changes import Changes, records_of
from sfxero.xero.organisation import Organisation
from sfxero.xero.zones import zone_of

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window
    from sfxero.staging.writer import StagedRows

_FACTS: Final = "organisation"
_FILE: Final = "view.json"
_STORED: Final = TypeAdapter(View)
_ALMOST_A_DAY: Final = timedelta(hours=23)
"""A day of summer time's beginning has no more."""
_LONG_AGO: Final = timedelta(days=1)
_MOST_HELD: Final = 200
"""Contacts in quarantine that a run asks for by id: five calls."""
_KEPT_APART: Final = (INVOICES, OPEN_INVOICES, COMPANIONS, CONTACTS, CONTACT_COMPANIONS)
"""Folders some of which hold records of the same list."""
_NOT_FOUND: Final = (
    "invoice_not_found",
    "Xero does not know the invoice any more: see whether the organisation is the right one.",
)


def read_lists(
    scope: Scope, accounting: Accounting, plurals: Iterable[str], *, is_full: bool
) -> dict[str, int]:
    """Stage each list unless that is done, then what they touched; returns the rows.

    The organisation itself is asked for only if its day or its address matters.
    """
    organisation = cache(accounting.organisation)
    rows = {}
    for plural in plurals:
        if plural == INVOICES and _is_new_day(scope):
            rows[OPEN_INVOICES] = _read_open(scope, accounting, organisation)
        rows[plural] = _read_changes(scope, accounting, plural, is_full=is_full)
        if plural == CONTACTS:
            rows[CONTACT_COMPANIONS] = _read_due_contacts(scope, accounting)
    if scope.org is not None:
        forget_what_is_misshown(scope, scope.org)
    rows[COMPANIONS] = _read_companions(scope, accounting)
    read = _ids(scope, OPEN_INVOICES) | _ids(scope, INVOICES) | _ids(scope, COMPANIONS)
    if _ours(scope, read) or _mirrored(scope, read):
        _keep(scope, organisation())
    return rows


def staged_of(scope: Scope, plural: str) -> Staged | None:
    """Return what the run staged of a list, if it did."""
    folder = scope.folder(plural)
    return load(folder) if is_published(folder) else None


def has_other_view(scope: Scope) -> bool:
    """Say whether invoices are shown otherwise than when they were last read; then all count."""
    before = scope.ledger.runs.last_mapping_version(scope.route, Entity.INVOICE)
    return before is not None and before != scope.spec.status_version


def has_view(scope: Scope) -> bool:
    """Say whether the run's reading kept from where it looks; it did if it read any of ours."""
    return bool((scope.folder(_FACTS) / _FILE).exists())


def view_of(scope: Scope) -> View:
    """Return from where the run looks at its invoices, as its reading kept it."""
    path = scope.folder(_FACTS) / _FILE
    if not has_view(scope):
        raise StagingError("the run has no facts of its organisation", hint="Clear its first task.")
    with path.open("rb") as handle:
        return _STORED.validate_json(handle.read())


def _keep(scope: Scope, organisation: Organisation) -> None:
    """Keep with the run what its later steps need to know of the organisation."""
    today_on = _today(scope, organisation)
    view = View(today_on=today_on, short_code=organisation.short_code)
    folder = scope.folder(_FACTS)
    make_folder(folder)
    with storage_errors(), (folder / _FILE).open("wb") as handle:
        handle.write(_STORED.dump_json(view, indent=1))


def _today(scope: Scope, organisation: Organisation) -> date:
    """Return the day of the run's reading in the organisation's zone, by Xero's clock."""
    return _xero_now(scope).astimezone(zone_of(organisation.timezone)).date()


def _read_changes(scope: Scope, accounting: Accounting, plural: str, *, is_full: bool) -> int:
    """Stage what changed since the watermark, less an overlap."""
    done = _window_of(scope, ENTITY_OF_LIST[plural])
    if done is not None:
        return done.row_count or 0
    mark = scope.ledger.windows.watermark(scope.route, ENTITY_OF_LIST[plural])
    overlap = timedelta(seconds=scope.spec.xero_to_salesforce.overlap_s)
    from_at = None if mark is None else mark - overlap
    if is_full and plural in {CONTACTS, INVOICES}:
        from_at = None
    since = from_at
    if since is None and plural in FOLLOWERS:
        # Before its first reading all invoices are read, and they hold what these would say.
        since = scope.clock.now() - _LONG_AGO
    changes = accounting.changes(plural, since=since, with_details=_wants_details(scope))
    return _stage(scope, plural, changes, from_at=from_at)


def _read_open(
    scope: Scope, accounting: Accounting, organisation: Callable[[], Organisation]
) -> int:
    """Stage the invoices that are owed, once a day of the organisation's."""
    done = _window_of(scope, Entity.OPEN_INVOICE)
    if done is not None:
        return done.row_count or 0
    known = organisation()
    day_at = datetime.combine(_today(scope, known), time(), tzinfo=zone_of(known.timezone))
    mark = scope.ledger.windows.watermark(scope.route, Entity.OPEN_INVOICE)
    if mark is not None and day_at <= mark:
        return 0
    owed = accounting.open_invoices(with_details=_wants_details(scope))
    return _stage(scope, OPEN_INVOICES, owed, from_at=None, to_at=day_at)


def _wants_details(scope: Scope) -> bool:
    """Say whether invoices are staged with their lines and payments."""
    return scope.spec.mirror.enabled


def _is_new_day(scope: Scope) -> bool:
    """Say whether a day may have begun since the open invoices were read; costs no call."""
    mark = scope.ledger.windows.watermark(scope.route, Entity.OPEN_INVOICE)
    return mark is None or _xero_now(scope) - mark >= _ALMOST_A_DAY


def _stage(
    scope: Scope,
    plural: str,
    changes: Changes,
    *,
    from_at: datetime | None,
    to_at: datetime | None = None,
) -> int:
    """Write the records, then the window that they fill: Xero itself tells up to when."""
    from sfxero.staging.writer import write_records
    from sfxero.staging.xero_schema import schema_of

    entity, windows = ENTITY_OF_LIST[plural], scope.ledger.windows
    folder, schema = scope.folder(plural), schema_of(_rows_of(plural))
    _take_back(scope, plural)
    rows = write_records(changes.records(), schema=schema, folder=folder)
    mark = windows.watermark(scope.route, entity)
    # A reply without a body, since nothing changed, tells no time: then the mark stays.
    upper = to_at or changes.began_at or mark or scope.clock.now()
    window_id = windows.open(
        scope.run_id,
        scope.route,
        entity,
        from_at=from_at,
        to_at=max(upper, mark or upper),
        moves_watermark=True,
    )
    windows.supersede_unprepared(scope.route, before_run=scope.run_id)
    _publish(scope, plural, rows, from_at=from_at, to_at=upper)
    windows.mark_staged(window_id, manifest=str(folder), row_count=rows.row_count)
    return rows.row_count


def _read_companions(scope: Scope, accounting: Accounting) -> int:
    """Stage by id the invoices of ours that were touched and not read."""
    from sfxero.staging.writer import write_records
    from sfxero.staging.xero_schema import schema_of

    _take_back(scope, COMPANIONS)
    read = _ids(scope, INVOICES) | _ids(scope, OPEN_INVOICES)
    wanted = _ours(scope, _touched(scope) - read) | (unshown(scope) - read)
    if not wanted:
        return 0
    rows_found = accounting.invoices_by_id(sorted(wanted))
    found = list(records_of(INVOICES, rows_found, with_details=_wants_details(scope)))
    schema, folder = schema_of(INVOICES), scope.folder(COMPANIONS)
    rows = write_records(found, schema=schema, folder=folder)
    now = _xero_now(scope)
    _publish(scope, COMPANIONS, rows, from_at=None, to_at=now)
    _note_missing(scope, wanted - {TargetId(str(one["Id"])) for one in found})
    return rows.row_count


def _read_due_contacts(scope: Scope, accounting: Accounting) -> int:
    """Stage by id what the list does not hold of the contacts that are to be looked at again."""
    from sfxero.staging.writer import write_records
    from sfxero.staging.xero_schema import schema_of

    folder = scope.folder(CONTACT_COMPANIONS)
    _take_back(scope, CONTACT_COMPANIONS)
    due = scope.ledger.merging.due(scope.tenant)
    links = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(due))
    wanted = {link.target_id for link in links.values()} | _held_contacts(scope)
    wanted -= _ids(scope, CONTACTS)
    if not wanted:
        return 0
    found = records_of(CONTACTS, accounting.contacts_by_id(sorted(wanted)))
    rows = write_records(found, schema=schema_of(CONTACTS), folder=folder)
    _publish(scope, CONTACT_COMPANIONS, rows, from_at=None, to_at=_xero_now(scope))
    return rows.row_count


def _held_contacts(scope: Scope) -> set[TargetId]:
    """Return contacts that wait in quarantine, those that were looked at longest ago."""
    listed = scope.ledger.quarantine.listing(scope.route)
    held = [row for row in listed if row.entity is Entity.CONTACT]
    held.sort(key=lambda row: (row.last_seen_at, row.source_id))
    return {TargetId(row.source_id) for row in held[:_MOST_HELD]}


def _touched(scope: Scope) -> set[TargetId]:
    """Return the invoices that payments and credits name: a change of theirs may not show."""
    return {
        TargetId(invoice_id)
        for plural in FOLLOWERS
        if (staged := staged_of(scope, plural)) is not None
        for names in ids_in(staged, "InvoiceIDs")
        for name in names
        for invoice_id in name.split()
    }


def unshown(scope: Scope) -> set[TargetId]:
    """Return the linked invoices that no opportunity shows yet, and those in quarantine.

    Of one whose creation was in doubt when it was read, nothing more may ever be heard.
    """
    if scope.org is None:
        raise LedgerError("a run that shows invoices knows its org")
    links, quarantine = scope.ledger.links, scope.ledger.quarantine
    answer = Entity.OPPORTUNITY_STATUS
    unshown = links.unanswered(scope.tenant, Entity.INVOICE, answer=answer, org=scope.org)
    refused = quarantine.open_ids(scope.route, Entity.INVOICE)
    return {*unshown, *map(TargetId, refused)}


def _ours(scope: Scope, invoice_ids: set[TargetId]) -> set[TargetId]:
    pairs = scope.ledger.links.sources_of(scope.tenant, Entity.INVOICE, sorted(invoice_ids))
    return {invoice_id for invoice_id, _ in pairs}


def _mirrored(scope: Scope, invoice_ids: set[TargetId]) -> bool:
    """Say whether the mirror has one of these: one that stands for no opportunity any more, say."""
    if not scope.spec.mirror.enabled or scope.org is None:
        return False
    ids = [SourceId(one) for one in sorted(invoice_ids)]
    return bool(scope.ledger.links.get_many(scope.org, Entity.MIRROR_INVOICE, ids))


def _note_missing(scope: Scope, invoice_ids: set[TargetId]) -> None:
    """Refuse what Xero did not give even by id: it would be asked for in each run."""
    rule, hint = _NOT_FOUND
    ids = [SourceId(one) for one in sorted(invoice_ids)]
    scope.ledger.runs.add_records(scope.run_id, Entity.INVOICE, ids)
    findings = [Finding(Entity.INVOICE, one, rule, None, None, hint) for one in ids]
    scope.ledger.quarantine.put(scope.run_id, scope.route, findings)


def _take_back(scope: Scope, plural: str) -> None:
    """Withdraw what an earlier try staged of a list."""
    same = [one for one in _KEPT_APART if _rows_of(one) == _rows_of(plural) and one != plural]
    entity = ENTITY_OF_LIST[_rows_of(plural)]
    take_back(scope, entity, scope.folder(plural), beside=[scope.folder(one) for one in same])


def _publish(
    scope: Scope,
    plural: str,
    rows: "StagedRows",
    *,
    from_at: datetime | None,
    to_at: datetime,
) -> None:
    """Write the manifest, and note in the ledger which records the run has read."""
    staged = save_rows(
        scope,
        plural,
        scope.folder(plural),
        rows,
        bounds=(from_at, to_at),
        api_version="",
        mapping_version=scope.spec.status_version,
    )
    entity = ENTITY_OF_LIST[_rows_of(plural)]
    for ids in ids_in(staged):
        scope.ledger.runs.add_records(scope.run_id, entity, map(SourceId, ids))


def _rows_of(plural: str) -> str:
    """Return the list of Xero's whose records a list holds."""
    if plural == CONTACT_COMPANIONS:
        return CONTACTS
    return INVOICES if plural in {OPEN_INVOICES, COMPANIONS} else plural


def _ids(scope: Scope, plural: str) -> set[TargetId]:
    staged = staged_of(scope, plural)
    return {TargetId(one) for ids in ids_in(staged) for one in ids} if staged else set()


def _window_of(scope: Scope, entity: Entity) -> "Window | None":
    """Return the run's window of an entity, if what it holds is staged."""
    found = (one for one in scope.ledger.windows.of_run(scope.run_id) if one.entity is entity)
    return next((one for one in found if is_staged(one)), None)


def _xero_now(scope: Scope) -> datetime:
    """Return when the run last began to read a list, by Xero's clock."""
    read = [
        one.to_at
        for one in scope.ledger.windows.of_run(scope.run_id)
        if one.entity is not Entity.OPEN_INVOICE
    ]
    return max(read, default=scope.clock.now())
