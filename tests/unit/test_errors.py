import inspect

import pytest

from sfxero import errors
from sfxero.errors import (
    MappingFileError,
    RateLimited,
    SyncError,
    TerminalError,
    TransientError,
)

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, SyncError) and one not in {SyncError, TransientError, TerminalError}
]


@pytest.mark.parametrize("error", CLASSES, ids=lambda one: one.__name__)
def test_each_class_answers_if_another_try_is_worth_it(error: type[SyncError]) -> None:
    assert issubclass(error, TransientError) != issubclass(error, TerminalError)
    assert error.is_transient == issubclass(error, TransientError)


@pytest.mark.parametrize("error", CLASSES, ids=lambda one: one.__name__)
def test_the_drawn_tree_names_each_class(error: type[SyncError]) -> None:
    assert f"── {error.__name__} " in (errors.__doc__ or "")


def test_an_error_reads_as_one_line_with_its_facts_and_its_hint() -> None:
    error = SyncError(
        "refused", service="xero", status=400, code="10", request_id="abc", hint="Correct it."
    )

    assert str(error) == ("refused (service=xero, status=400, code=10, request_id=abc) Correct it.")
    assert str(SyncError("refused")) == "refused"


def test_a_short_limit_keeps_the_services_word() -> None:
    error = RateLimited("wait", retry_after_s=7, problem="minute")

    assert (error.status, error.code, error.retry_after_s) == (429, "minute", 7)


@pytest.mark.parametrize(("line", "where"), [(3, "demo.yaml:3: wrong"), (None, "demo.yaml: wrong")])
def test_a_route_files_mistake_names_its_line(line: int | None, where: str) -> None:
    assert str(MappingFileError("wrong", file="demo.yaml", line=line, hint=None)) == where
