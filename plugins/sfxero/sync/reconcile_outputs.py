"""What runs leave behind: reports and pages for people, and two marts for other tools."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfxero.staging.layout import folder_of
from sfxero.staging.storage import make_folder, storage_errors
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.sync.reconcile import Outcome
    from sfxero.xero.organisation import Organisation


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where outputs of a route go: by kind, and by run or day."""

    scope: Scope
    root: Any

    def folder(self, kind: str, name: str) -> Any:
        """Return a folder, made if it was not there."""
        folder = folder_of(self.root, route=self.scope.route, run_id=kind, object_name=name)
        make_folder(folder)
        return folder

    def write_report(
        self, outcome: "Outcome", organisation: "Organisation", *, org_url: str
    ) -> str:
        """Write the report of the run and return its path."""
        from sfxero.proof.report import ReportFacts, render

        page = render(
            ReportFacts(
                route=self.scope.route,
                organisation=organisation.name,
                short_code=organisation.short_code,
                org_url=org_url,
                proof=outcome.proof,
                stored=outcome.stored,
                aged=outcome.aged,
                aged_trouble=outcome.aged_trouble,
                period=outcome.period,
                as_of=outcome.as_of,
                began_at=outcome.began_at,
                ended_at=self.scope.clock.now(),
                verdict=outcome.verdict,
                is_in_step=not outcome.open,
            )
        )
        path = self.folder("reports", self.scope.run_id) / "reconciliation.html"
        with storage_errors(), path.open("wb") as handle:
            handle.write(page.encode())
        return str(path)

    def write_checks(self, page: str) -> str:
        """Write the page of a run's checks and return its path."""
        path = self.folder("checks", self.scope.run_id) / "checks.html"
        with storage_errors(), path.open("wb") as handle:
            handle.write(page.encode())
        return str(path)

    def write_marts(self, outcome: "Outcome") -> dict[str, str]:
        """Write both marts of the day; returns their paths by name."""
        from sfxero.proof.marts import difference_table, write_mart

        tables = {
            "receivables": outcome.proof.receivables,
            "differences": difference_table(outcome.stored),
        }
        paths = {}
        for name, table in tables.items():
            path = self.folder(name, outcome.as_of.isoformat()) / f"{name}.parquet"
            with storage_errors():
                write_mart(table, path)
            paths[name] = str(path)
        return paths
