"""What a tester may change about the org's behaviour; the defaults are the documented ones."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ChunkFailureCode = Literal[
    "UNABLE_TO_LOCK_ROW", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "API_TEMPORARILY_UNAVAILABLE",
    "TooManyLockFailure",
]  # fmt: skip


class Switches(BaseModel):
    """The switches of one org."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    job_delay_s: float = Field(1.5, ge=0)
    """From the start of a job to its end, on the org's clock."""
    page_cap: int = Field(1000, ge=1)
    """Most rows in one page of results, whatever maxRecords says."""
    gzip: bool = True
    """Whether results are compressed for clients that ask."""
    scramble_seed: int = 0
    """Seeds the order of rows in each job's results."""
    empty_result: Literal["header", "empty"] = "header"
    """What a result without rows looks like; the guides leave it open."""
    decimal_text: Literal["java", "plain"] = "java"
    """How decimals below 10^7 look in CSV; only the text above is known."""
    keeps_digits: bool = False
    """Whether a number written by the API keeps more decimals than its field has; reported only."""
    early_results_status: Literal[400, 412] = 400
    """How results are refused before a job completes; the guides differ."""
    continuation_key: Literal["nextRecordsUrl", "nextRecordUrl"] = "nextRecordsUrl"
    """How resultPages names its continuation; the guide has both."""
    result_pages_take_max_records: bool = False
    """Whether resultPages cuts its pages by maxRecords; not documented."""
    stages_by_bulk: bool = False
    """Whether Bulk queries read OpportunityStage; no list names it."""
    fail_jobs: int = Field(0, ge=0)
    """How many of the next jobs end as Failed, without a message."""
    fail_ingest_after_rows: int | None = Field(None, ge=0)
    """Rows after which each ingest job fails and leaves the rest unprocessed."""
    row_lock_errors: int = Field(0, ge=0)
    """How many of the next row writes end as UNABLE_TO_LOCK_ROW."""
    chunk_failures: int = Field(0, ge=0)
    """How many of the next chunks, of up to 200 rows each, fail as a whole."""
    chunk_failure_code: ChunkFailureCode = "UNABLE_TO_LOCK_ROW"
    """Why they fail: a lock, or a trigger that breaks down."""
    refused_records: dict[str, str] = Field(default_factory=dict)
    """Records, by id, whose updates the org refuses: a validation rule's text, or CODE:text."""
    duplicate_rule: bool = False
    """Whether a rule refuses new accounts that have the name of another one."""
    write_hold_s: float = Field(0, ge=0)
    """How long, in real seconds, a REST write holds its rows before it commits."""
    ingest_max_bytes: int = Field(112_500_000, ge=1)
    """Largest upload: 150 MB once the service has turned it into base64."""
    ingest_batches_per_day: int = Field(15_000, ge=0)
    """Internal batches of 10,000 rows per rolling 24 hours."""
    query_jobs_per_day: int = Field(10_000, ge=0)
    """Query jobs per rolling 24 hours."""
    hard_delete_allowed: bool = True
    """Whether the user has the permission Bulk API Hard Delete."""
    limit_header_on_jobs: bool = False
    """Whether Bulk replies carry Sforce-Limit-Info; not documented."""
    per_app_usage: bool = False
    """Whether Sforce-Limit-Info has its longer form."""
    daily_requests: int = Field(100_000, ge=1)
    """API calls per rolling 24 hours."""
    overage_requests: int = Field(0, ge=0)
    """How far a paid org is let run over; this one is a Developer Edition."""
    session_s: float = Field(7200, gt=0)
    """How long a session lasts; the default of two hours is not confirmed."""
    password_grant: bool = True
    """Whether the app is a legacy one that takes user name and password."""
    rotate_refresh_tokens: bool = False
    """Whether each use of a refresh token gives a new one and ends the old."""
    line_edit_touches_opportunity: bool = True
    """Whether editing a line moves its opportunity's SystemModstamp; not documented."""
    late_commit_s: float = Field(0, ge=0)
    """How long writes stay invisible although they are already stamped."""
    allow_amount_mismatch: bool = False
    """Whether a user's Amount is kept although the opportunity has lines."""
    delete_log_days: float = Field(15, gt=0)
    """How far back `/deleted` reaches before the service purges its log."""
    hidden_fields: tuple[str, ...] = ()
    """`Object.Field` names that field-level security hides from every API user."""
    hidden_by_user: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The same for single users, by user name."""

    read_only_fields: tuple[str, ...] = ()
    """`Object.Field` names that field-level security lets API users read only."""

    @property
    def field_security(self) -> tuple[object, ...]:
        """Return what decides which fields are seen, and how."""
        return self.hidden_fields, self.hidden_by_user, self.read_only_fields

    def hidden_for(self, username: str) -> tuple[str, ...]:
        """Return what this user cannot see."""
        return (*self.hidden_fields, *self.hidden_by_user.get(username, ()))

    def take_job_failure(self) -> bool:
        """Return whether the next job fails, and count it."""
        return self._take("fail_jobs")

    def take_lock_error(self) -> bool:
        """Return whether the next row write finds its row locked, and count it."""
        return self._take("row_lock_errors")

    def take_chunk_failure(self) -> ChunkFailureCode | None:
        """Return why the next chunk fails, if it does, and count it."""
        return self.chunk_failure_code if self._take("chunk_failures") else None

    def _take(self, name: str) -> bool:
        left = getattr(self, name)
        if not left:
            return False
        setattr(self, name, left - 1)
        return True

    def change(self, wanted: dict[str, Any]) -> None:
        """Set several switches; all are checked before any is set."""
        checked = type(self).model_validate(self.model_dump() | wanted)
        for name in wanted:
            setattr(self, name, getattr(checked, name))
