"""What the doctor says: one verdict per thing it looked at, with the line of the route file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sfxero.errors import SyncError
from sfxero.mapping.files import YamlFile
from sfxero.mapping.uses import Key, line_of


class Verdict(StrEnum):
    """How a check ended; a warning stops nothing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `line` is where the route file names it."""

    name: str
    verdict: Verdict
    message: str
    hint: str | None = None
    line: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at."""

    route: str
    file: str
    checks: tuple[Check, ...]

    @property
    def has_failed(self) -> bool:
        """Say whether a run would fail, or refuse records that it should not."""
        return any(one.verdict is Verdict.FAILED for one in self.checks)


class Notebook:
    """Collects the checks of one route file."""

    def __init__(self, file: YamlFile) -> None:
        """Lines are the file's."""
        self._file = file
        self.checks: list[Check] = []

    def ok(self, name: str, message: str) -> None:
        """Note what is well."""
        self.checks.append(Check(name, Verdict.OK, message))

    def failed(self, name: str, message: str, *, hint: str | None, key: Key) -> None:
        """Note what must be cured; `key` is the route's, or that of the nearest section."""
        self._note(name, Verdict.FAILED, message, hint=hint, key=key)

    def warn(self, name: str, message: str, *, hint: str | None, key: Key) -> None:
        """Note what a person should know."""
        self._note(name, Verdict.WARNING, message, hint=hint, key=key)

    def well(self, name: str) -> bool:
        """Say whether nothing was noted against a name."""
        return all(one.verdict is Verdict.OK for one in self.checks if one.name == name)

    @contextmanager
    def guarding(self, name: str, key: Key) -> Iterator[None]:
        """Let an error of ours end the block only, as a failure of it."""
        try:
            yield
        except SyncError as error:
            facts = [f"status {error.status}" if error.status else None, error.code]
            told = ", ".join(filter(None, facts))
            message = f"{error.message} ({told})" if told else error.message
            self.failed(name, message, hint=error.hint, key=key)

    def _note(
        self, name: str, verdict: Verdict, message: str, *, hint: str | None, key: Key
    ) -> None:
        where = ".".join(map(str, key))
        self.checks.append(Check(name, verdict, message, hint, line_of(self._file, key), where))
