"""Reads whole objects of the org for a comparison: one bulk job each, or a query if it is small."""

import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import IncompleteExtract, JobFailed
from sfxero.mapping.fields import needed_fields
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.job import JobRef, JobState
from sfxero.salesforce.soql import check_field, fits_rest, id_chunks, literal, select
from sfxero.staging.layout import part_name
from sfxero.staging.manifest import Staged, StagedFile, is_published, load, withdraw
from sfxero.staging.storage import make_folder
from sfxero.sync.scope import Scope
from sfxero.sync.staged import save_rows

if TYPE_CHECKING:
    from sfxero.salesforce.describe import ObjectDescribe
    from sfxero.staging.writer import StagedRows

ACCOUNT: Final = "Account"
OPPORTUNITY: Final = "Opportunity"
OBJECTS: Final = (OPPORTUNITY, ACCOUNT)
_ACCOUNT_FIELDS: Final = ("Id", "IsDeleted", "MasterRecordId", "Name", "SystemModstamp")
_JOB: Final = "job.json"
_REST_ROWS: Final = 2_000
_REST_CALLS: Final = 2

Period = tuple[date, date]
"""First and last day."""


class OrgReading:
    """What one run reads of the org; each object's job is stored before anybody asks for it."""

    def __init__(
        self, scope: Scope, client: SalesforceClient, *, period: Period | None = None
    ) -> None:
        """`period` are days of closing; without it everything is read."""
        self.scope = scope
        self.client = client
        self.period = period
        self._described: dict[str, ObjectDescribe] = {}

    def folder(self, object_name: str) -> Any:
        """Return where an object of this comparison lies."""
        return self.scope.folder(f"compared-{object_name}")

    def submit(self) -> None:
        """Start a job for each object that is not read yet; a small one is read at once."""
        for object_name in OBJECTS:
            folder = self.folder(object_name)
            if is_published(folder) or self._ref(folder) is not None:
                continue
            make_folder(folder)
            soql = self._soql(object_name)
            if self._read_few(object_name, soql, folder):
                continue
            ref = BulkQuery(self.client).create(soql)
            with (folder / _JOB).open("w") as handle:
                json.dump({"job_id": ref.job_id, "api_version": ref.api_version}, handle)

    def is_done(self) -> bool:
        """Look once at all jobs; JobFailed if one ended without its rows.

        A job whose rows are staged has done its work, and is removed.
        """
        folders = map(self.folder, OBJECTS)
        refs = [self._ref(folder) for folder in folders if not is_published(folder)]
        ended = [self._has_ended(ref) for ref in refs if ref is not None]
        return all(ended)

    def read(self) -> dict[str, int]:
        """Stage the rows of all jobs and return their counts by object."""
        for object_name in OBJECTS:
            folder = self.folder(object_name)
            ref = self._ref(folder)
            if not is_published(folder) and ref is not None:
                self._read_job(object_name, ref, folder)
        return {name: load(self.folder(name)).manifest.row_count for name in OBJECTS}

    def opportunities_by_id(self, ids: list[str]) -> list[Mapping[str, object]]:
        """Return single opportunities, deleted ones too, that the list did not hold."""
        fields = self._fields(OPPORTUNITY)
        return [
            record
            for where in id_chunks(ids, "Id")
            for record in self.client.query(select(OPPORTUNITY, fields, where=where), all_rows=True)
        ]

    def shown_fields(self) -> dict[str, str]:
        """Return the names of the status fields that show the invoice and that the org has."""
        described = self._describe(OPPORTUNITY).fields
        shown = self.scope.spec.salesforce_fields.shown()
        return {key: name for key, name in shown.items() if name in described}

    def _has_ended(self, ref: JobRef) -> bool:
        status = BulkQuery(self.client).status(ref)
        if status.is_ended and status.state is not JobState.JOB_COMPLETE:
            raise JobFailed(
                f"job {ref.job_id} ended as {status.state}: {status.error or 'no reason given'}",
                service="salesforce",
                hint="Start the reconciliation again.",
            )
        return status.is_ended

    def _read_job(self, object_name: str, ref: JobRef, folder: Any) -> None:
        from sfxero.staging.writer import Parsing, StagedRows, stage_page

        query, files, locator = BulkQuery(self.client), list[StagedFile](), None
        expected = query.status(ref).rows
        schema, parsing = self._schema(object_name), Parsing()
        while True:
            with query.page(ref, locator) as page:
                name = part_name(len(files))
                part = stage_page(page, schema=schema, folder=folder, name=name, parsing=parsing)
                files.append(part)
                locator = page.next_locator
            if locator is None:
                break
        rows = StagedRows(tuple(files), sum(one.rows for one in files))
        if rows.row_count != expected:
            raise IncompleteExtract(
                f"{rows.row_count} rows of {object_name} were read, the job counted {expected}"
            )
        self._publish(object_name, folder, rows, job_id=ref.job_id)
        query.delete(ref)

    def _read_few(self, object_name: str, soql: str, folder: Any) -> bool:
        from sfxero.staging.writer import write_records

        if not fits_rest(soql):
            return False
        few = self.client.query_few(soql, most_rows=_REST_ROWS, most_calls=_REST_CALLS)
        if few is None:
            return False
        rows = write_records(few, schema=self._schema(object_name), folder=folder)
        self._publish(object_name, folder, rows, job_id=None)
        return True

    def _publish(
        self, object_name: str, folder: Any, rows: "StagedRows", *, job_id: str | None
    ) -> Staged:
        version = self.client.api_version
        return save_rows(self.scope, object_name, folder, rows, api_version=version, job_id=job_id)

    def _soql(self, object_name: str) -> str:
        where = None
        if object_name == OPPORTUNITY and self.period is not None:
            field = check_field(self.scope.spec.invoices.date)
            first, last = self.period
            where = f"{field} >= {literal(first)} AND {field} <= {literal(last)}"
        return select(object_name, self._fields(object_name), where=where)

    def _fields(self, object_name: str) -> tuple[str, ...]:
        if object_name == ACCOUNT:
            return _ACCOUNT_FIELDS
        known = needed_fields(self.scope.spec)[OPPORTUNITY]
        return tuple(sorted({*known, "Name", *self.shown_fields().values()}))

    def _schema(self, object_name: str) -> Any:
        from sfxero.staging.arrow_schema import parent_objects, schema_for, with_finer

        fields = self._fields(object_name)
        described = self._describe(object_name)
        parents = {one: self._describe(one) for one in parent_objects(described, fields)}
        return with_finer(schema_for(described, fields, parents=parents))

    def _describe(self, object_name: str) -> "ObjectDescribe":
        if object_name not in self._described:
            self._described[object_name] = self.client.describe(object_name)
        return self._described[object_name]

    @staticmethod
    def _ref(folder: Any) -> JobRef | None:
        path = folder / _JOB
        if not path.exists():
            return None
        with path.open("r") as handle:
            return JobRef(**json.load(handle))


def forget(reading: OrgReading) -> None:
    """Let all be read anew, as a run that is started again must."""
    for object_name in OBJECTS:
        folder = reading.folder(object_name)
        withdraw(folder)
        if (folder / _JOB).exists():
            (folder / _JOB).unlink()
