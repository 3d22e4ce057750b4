"""What a tester may change about the org's behaviour; the defaults are the documented ones."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Switches(BaseModel):
    """The switches of one org."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    job_delay_s: float = Field(1.5, ge=0)
    """From the creation of a query job to its end, on the org's clock."""
    page_cap: int = Field(1000, ge=1)
    """Most rows in one page of results, whatever maxRecords says."""
    gzip: bool = True
    """Whether results are compressed for clients that ask."""
    scramble_seed: int = 0
    """Seeds the order of rows in each job's results."""
    empty_result: Literal["header", "empty"] = "header"
    """What a result without rows looks like; the guides leave it open."""
    early_results_status: Literal[400, 412] = 400
    """How results are refused before a job completes; the guides differ."""
    continuation_key: Literal["nextRecordsUrl", "nextRecordUrl"] = "nextRecordsUrl"
    """How resultPages names its continuation; the guide has both."""
    fail_jobs: int = Field(0, ge=0)
    """How many of the next query jobs end as Failed, without a message."""
    limit_header_on_jobs: bool = False
    """Whether Bulk replies carry Sforce-Limit-Info; not documented."""
    per_app_usage: bool = False
    """Whether Sforce-Limit-Info has its longer form."""
    daily_requests: int = Field(100_000, ge=1)
    """API calls per rolling 24 hours."""
    line_edit_touches_opportunity: bool = True
    """Whether editing a line moves its opportunity's SystemModstamp; not documented."""
    allow_amount_mismatch: bool = False
    """Whether a user's Amount is kept although the opportunity has lines."""
    hidden_fields: tuple[str, ...] = ()
    """`Object.Field` names that field-level security hides."""

    def take_job_failure(self) -> bool:
        """Return whether the next job fails, and count it."""
        if not self.fail_jobs:
            return False
        self.fail_jobs -= 1
        return True

    def change(self, wanted: dict[str, Any]) -> None:
        """Set several switches; all are checked before any is set."""
        checked = type(self).model_validate(self.model_dump() | wanted)
        for name in wanted:
            setattr(self, name, getattr(checked, name))
