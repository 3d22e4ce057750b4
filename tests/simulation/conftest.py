"""What the simulation's tests share."""

import logging
from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Tell of each deliberate defect how many seeds it took, and which promise found it."""
    reports = (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed"))
    found = [value for one in reports for name, value in one.user_properties if name == "found"]
    if not found:
        return
    terminalreporter.section("deliberate defects")
    for defect, seeds, promises in sorted(found):
        terminalreporter.write_line(f"{seeds:>4} seeds  {defect}: {promises}")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The sync logs each of the many simulated troubles: nobody reads that here."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
