"""A run's note is the verdict that counts."""

from typing import Any

import pytest

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


def test_a_run_that_is_repeated_has_its_new_verdict_and_keeps_a_persons_note(probe: Any) -> None:
    first, again, untold, after_a_person = probe("notes")

    assert first == "FAILED: 1 dead letter"
    assert again == "passed: 1 in_step"
    assert untold is None
    assert after_a_person == "Asked Pat"
