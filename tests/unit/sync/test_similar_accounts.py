"""How accounts are asked for that could be a contact."""

import pytest

from sfxero.sync import similar_accounts


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("%@the_mail.example", r"'%@the\_mail.example'"),
        ("%o'neil%", r"'%o\'neil%'"),
        ("%a\\b_c%", r"'%a\\b\_c%'"),
    ],
)
def test_an_underscore_in_a_pattern_stands_for_itself(pattern: str, written: str) -> None:
    """As SOQL's quoted strings write it, where it is escaped once."""
    assert similar_accounts._text(pattern) == written
