import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.ledger.audit_hashing import canonical, event_hash, event_text, values_hash
from sfxero.ledger.audit_tables import audit_events
from sfxero.model.audit import AuditValues

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
FIELDS = st.dictionaries(st.text("abc_", min_size=1), st.none() | TEXTS | st.integers(0, 2**62))
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
EVENT: dict[str, object] = {
    str(column.name): 7 if column.name in {"seq", "entry_id", "attempt_id"} else "x"
    for column in audit_events.columns
} | {"at": AT}


@given(FIELDS)
def test_the_canonical_form_is_what_any_json_library_writes(fields: dict[str, object]) -> None:
    said = {name: value for name, value in fields.items() if value is not None}
    plain = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical(fields) == plain


@pytest.mark.parametrize("column", sorted(set(EVENT) - {"event_hash"}))
def test_each_column_of_an_event_changes_its_hash(column: str) -> None:
    for other in (None, "y"):
        assert event_hash({**EVENT, column: other}) != event_hash(EVENT)


def test_the_hash_of_an_event_is_not_of_itself() -> None:
    assert event_hash({**EVENT, "event_hash": "y"}) == event_hash(EVENT)


def test_a_moment_is_hashed_the_same_in_every_zone() -> None:
    sydney = AT.astimezone(timezone(timedelta(hours=11)))
    assert event_text({"at": sydney}) == '{"at":"2026-11-01T12:00:00.000000+00:00"}'


def test_a_column_that_is_added_later_leaves_older_hashes_alone() -> None:
    assert event_hash({**EVENT, "added_later": None}) == event_hash(EVENT)


@pytest.mark.parametrize("name", sorted(AuditValues.__slots__))
def test_each_value_and_the_salt_change_the_hash(name: str) -> None:
    empty = values_hash("s", AuditValues())
    assert values_hash("s", AuditValues(**{name: ""})) != empty
    assert values_hash("t", AuditValues()) != empty
    assert empty == hashlib.sha256(b"s{}").hexdigest()
