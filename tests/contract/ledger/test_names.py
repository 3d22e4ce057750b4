from datetime import timedelta

import pytest
from tests.contract.ledger.making import START, TENANT

from sfxero.ledger import Ledger
from sfxero.ledger.names import DirectoryContact
from sfxero.model.ids import SourceId, TenantId

pytestmark = pytest.mark.contract


def _reserve(ledger: Ledger, source: str, name: str) -> list[tuple[SourceId, str, str]]:
    return ledger.names.reserve(TENANT, [(SourceId(source), name.casefold(), name)])


def _contact(contact_id: str, name: str, number: str | None, *, hours: int) -> DirectoryContact:
    return DirectoryContact(
        contact_id=contact_id,
        name_key=name.casefold(),
        name=name,
        contact_number=number,
        account_number=None,
        status="ACTIVE",
        updated_at=START + timedelta(hours=hours),
    )


def test_a_name_belongs_to_the_source_that_reserved_it_first(ledger: Ledger) -> None:
    assert _reserve(ledger, "s1", "Acme") == []
    assert _reserve(ledger, "s2", "ACME") == [("s2", "acme", "ACME")]
    assert ledger.names.owners(TENANT) == {"acme": "s1"}
    assert ledger.names.names_of(TENANT) == {"s1": "Acme"}


def test_within_one_call_the_refused_are_named(ledger: Ledger) -> None:
    rows = [(SourceId(f"s{number}"), "acme", "Acme") for number in range(3)]
    refused = ledger.names.reserve(TENANT, rows)
    assert len(refused) == 2
    assert ledger.names.owners(TENANT)["acme"] not in {source for source, _, _ in refused}


def test_a_renamed_source_keeps_its_older_names_from_others(ledger: Ledger) -> None:
    _reserve(ledger, "s1", "Acme")
    _reserve(ledger, "s1", "Acme (2)")
    assert ledger.names.names_of(TENANT) == {"s1": "Acme (2)"}
    assert _reserve(ledger, "s2", "Acme") != []


def test_an_older_name_taken_up_again_is_the_present_one(ledger: Ledger) -> None:
    for name in ("Acme", "Bolt", "ACME"):
        assert _reserve(ledger, "s1", name) == []
    assert ledger.names.names_of(TENANT) == {"s1": "ACME"}


def test_the_directory_names_owners_by_contact_number_or_contact_id(ledger: Ledger) -> None:
    ledger.names.upsert_directory(
        TENANT, [_contact("c1", "Acme", "s1", hours=1), _contact("c2", "Bolt", None, hours=2)]
    )
    assert ledger.names.owners(TENANT) == {"acme": "s1", "bolt": "contact:c2"}
    assert ledger.names.owners(TenantId("another")) == {}


def test_a_contact_renamed_in_the_target_gives_its_name_free(ledger: Ledger) -> None:
    ledger.names.upsert_directory(TENANT, [_contact("c1", "Acme", None, hours=1)])
    ledger.names.upsert_directory(TENANT, [_contact("c1", "Bolt", None, hours=2)])
    assert ledger.names.owners(TENANT) == {"bolt": "contact:c1"}


def test_a_reservation_outranks_the_directory(ledger: Ledger) -> None:
    _reserve(ledger, "s1", "Acme")
    ledger.names.upsert_directory(TENANT, [_contact("c1", "Acme", None, hours=1)])
    assert ledger.names.owners(TENANT) == {"acme": "s1"}


def test_the_directory_knows_its_newest_change(ledger: Ledger) -> None:
    assert ledger.names.directory_watermark(TENANT) is None
    ledger.names.upsert_directory(
        TENANT, [_contact("c1", "Acme", None, hours=5), _contact("c2", "Bolt", None, hours=2)]
    )
    assert ledger.names.directory_watermark(TENANT) == START + timedelta(hours=5)
