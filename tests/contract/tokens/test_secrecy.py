"""No token, code or secret in logs, in texts of errors, or in the ledger's files."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.tokens.consenting import BOOKS, CLIENT_SECRET, Control, client

from sfxero.clock import FakeClock
from sfxero.errors import ConsentRevoked, ServiceUnavailable
from sfxero.ledger import Ledger
from sfxero.transport.tokens import Grant
from sfxero.xero.rotation import Rotation

pytestmark = pytest.mark.contract

New = Callable[..., Rotation]
Passes = Callable[[float], None]


def secrets_of(ledger: Ledger, *grants: Grant) -> set[str]:
    held = ledger.tokens.read(BOOKS)
    assert held is not None
    found = {held.access_token, held.refresh_token, held.previous}
    found |= {one for grant in grants for one in (grant.access_token, grant.refresh_token)}
    return {CLIENT_SECRET, *(one for one in found if one)}


def test_the_ledgers_files_hold_tokens_as_ciphertext_only(
    new_rotation: New, grant: Grant, ledger: Ledger, tmp_path: Path, key: str, passes: Passes
) -> None:
    for _ in range(3):
        passes(1800)
        new_rotation().fetch()
    secrets = secrets_of(ledger, grant) | {key}

    files = [path for path in tmp_path.iterdir() if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)

    assert BOOKS.encode() in content, "the row itself is there"
    assert len(secrets) >= 6
    assert [one for one in secrets if one.encode() in content] == []
    # Nor in pieces: a JWT's signature, a refresh token's first half.
    assert [one for one in secrets if one[-40:].encode() in content] == []


def test_logs_and_texts_of_errors_hold_none(
    new_rotation: New,
    grant: Grant,
    control: Control,
    ledger: Ledger,
    address: str,
    clock: FakeClock,
    passes: Passes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = []
    with caplog.at_level(logging.DEBUG):
        passes(1800)
        control.arm("refresh_reply_lost", count=4)
        for _ in range(2):
            try:
                new_rotation().fetch()
            except ServiceUnavailable as error:
                told.append("".join(traceback.format_exception(error)))
        one = client(address, ledger, clock=clock, sleeper=clock)
        one.call("GET", "Organisation")
        one.close()
        secrets = secrets_of(ledger, grant)
        passes(1800)
        control.post("/xero/tokens/revoke")
        with pytest.raises(ConsentRevoked) as caught:
            new_rotation().fetch()
        told.append("".join(traceback.format_exception(caught.value)))

    text = "".join([caplog.text, *told, str(ledger.alerts.list())])
    assert "token_renewed" in caplog.text
    assert len(told) == 2
    assert [one for one in secrets if one in text] == []
