"""REST saves: rows are locked, held for a while if so switched, and then saved together."""

import asyncio
import itertools
from collections.abc import Sequence

from sfxero.sandbox.salesforce.chunks import chunk_failure
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.locks import writing_as
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.writes import Outcome, RowWrite, save, targets

ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone "
    "header"
)
_NUMBERS = itertools.count(1)


class Transactions:
    """Writes of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Write to one org."""
        self._org = org

    async def save_one(self, write: RowWrite) -> Outcome:
        """Save one row; a refusal is raised."""
        outcome = (await self.save_all([write], all_or_none=False))[0]
        if outcome.failure is not None:
            raise outcome.failure
        return outcome

    async def save_all(self, writes: Sequence[RowWrite], *, all_or_none: bool) -> list[Outcome]:
        """Save rows in their order, each with its own outcome."""
        org, owner = self._org, f"request {next(_NUMBERS)}"
        refused = self._locked_out(writes, owner)
        try:
            if org.switches.write_hold_s:
                await asyncio.sleep(org.switches.write_hold_s)
            with writing_as(owner):
                return self._saved(writes, refused, all_or_none=all_or_none)
        finally:
            org.locks.release(owner)

    def _locked_out(self, writes: Sequence[RowWrite], owner: str) -> dict[int, ApiFailure]:
        """Lock what the writes touch; returns which of them cannot be saved, by their places."""
        refused: dict[int, ApiFailure] = {}
        for place, write in enumerate(writes):
            try:
                self._org.locks.take(targets(self._org, write), owner)
            except ApiFailure as failure:
                refused[place] = failure
        common = (
            chunk_failure(self._org, writes[0].object_name, count=len(writes)) if writes else None
        )
        return refused if common is None else dict.fromkeys(range(len(writes)), common) | refused

    def _saved(
        self, writes: Sequence[RowWrite], refused: dict[int, ApiFailure], *, all_or_none: bool
    ) -> list[Outcome]:
        with self._org.records.transaction() as roll_back:
            outcomes = [
                Outcome(None, failure=refused[place]) if place in refused
                else save(self._org, write)
                for place, write in enumerate(writes)
            ]  # fmt: skip
            unreadable = [o.failure for o in outcomes if o.failure and o.failure.is_unreadable]
            if unreadable:  # such a request is refused as a whole
                roll_back()
                raise unreadable[0]
            if all_or_none and any(outcome.failure for outcome in outcomes):
                roll_back()
                undone = ApiFailure(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", ROLLED_BACK)
                return [
                    outcome if outcome.failure else Outcome(None, failure=undone)
                    for outcome in outcomes
                ]
        return outcomes
