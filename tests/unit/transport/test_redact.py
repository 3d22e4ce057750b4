import pytest

from sfxero.transport.redact import redact


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "authorization: basic hunter2==",
        "https://user:hunter2@api.test/x",
        "GET https://api.test/x?code=hunter2 failed",
        '{"access_token": "hunter2"}',
        "client_secret=hunter2&grant_type=x",
        "password: hunter2",
        "'session_id': 'hunter2'",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    assert "hunter2" not in redact(text)


def test_named_secret_is_masked_wherever_it_stands():
    assert redact("invalid client my-key-1", ("my-key-1", "")) == "invalid client ***"


def test_plain_words_stay_in_one_short_line():
    assert redact("no such\ncolumn 'X'") == "no such column 'X'"
    assert len(redact("x" * 5000)) == 300
