"""What the simulation's tests share."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The sync logs each of the many simulated troubles: nobody reads that here."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
