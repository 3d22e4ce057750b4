import pyarrow as pa
import pytest

from sfxero.proof.contacts import check_contacts

ACCOUNTS = pa.table({"Id": ["a1", "a2"], "IsDeleted": [False, True]})
DIRECTORY = pa.table({"contact_id": ["c1", "c2"], "status": ["ACTIVE", "ARCHIVED"]})


@pytest.mark.parametrize(
    ("account", "contact", "kinds"),
    [
        ("a1", "c1", []),
        ("a1", "c2", ["contact_archived"]),
        ("a1", "c9", ["contact_missing"]),
        ("a2", "c1", ["account_deleted"]),
        ("a9", "c1", ["account_missing"]),
        ("a9", "c9", ["contact_missing", "account_missing"]),
    ],
)
def test_both_ends_of_a_link_are_looked_for(account: str, contact: str, kinds: list[str]) -> None:
    links = pa.table({"source_id": [account], "target_id": [contact]})
    found = check_contacts(ACCOUNTS, links, DIRECTORY)
    assert [one.kind for one in found.rows] == kinds
