"""An account that was made of a contact is linked with it by its settlement, on both stores."""

import json

import pytest
from tests.contract.ledger.making import CONTACT, ROUTE, TENANT, claim, plan, version, wish

from sfxero.ledger import Ledger
from sfxero.ledger.linking import Pair as LinkedPair
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import FOLLOWED, PairedContact, Settlement
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

BOOKS = TenantId("books-1")
AGREED = Agreed(1, {"name": Pair("A", "A")})
CREATE = Entity.ACCOUNT_CREATE


def make(ledger: Ledger, *contacts: str, agreed: Agreed | None = AGREED) -> int:
    """Plan an account for each contact, and settle all as made."""
    plan(ledger, *(wish(one, entity=CREATE) for one in contacts))
    said = [
        Settlement(
            entry.entry_id,
            TargetId(f"account-of-{entry.source_id}"),
            None,
            entry.payload,
            paired=PairedContact(
                BOOKS, TargetId(entry.source_id), "N-7", '{"Name":"A"}', agreed=agreed
            ),
        )
        for entry in claim(ledger, entity=CREATE)
    ]
    return ledger.outbox.settle(said, owner="w1")


def link_of(ledger: Ledger, account: str):  # type: ignore[no-untyped-def] # the tests' own
    return ledger.links.get_many(BOOKS, CONTACT, [SourceId(account)]).get(SourceId(account))


def test_account_and_contact_are_linked_with_what_both_hold(ledger: Ledger) -> None:
    assert make(ledger, "c1", "c2") == 2

    link = link_of(ledger, "account-of-c1")
    assert (link.target_id, link.target_number, link.source_snapshot) == ("c1", "N-7", FOLLOWED)
    assert link.agreed == AGREED
    assert set(ledger.merging.due(BOOKS)) == {"account-of-c1", "account-of-c2"}
    assert ledger.outbox.linked_among(BOOKS, CONTACT, [TargetId("c1"), TargetId("c9")]) == {"c1"}


def test_a_route_that_brings_nothing_back_has_nothing_to_merge(ledger: Ledger) -> None:
    make(ledger, "c1", agreed=None)

    assert link_of(ledger, "account-of-c1").agreed is None
    assert ledger.merging.due(BOOKS) == {}


def test_the_log_tells_of_the_link_after_the_write(ledger: Ledger) -> None:
    make(ledger, "c1")

    told = [(one.fields["kind"], one.fields["source_id"]) for one in ledger.audit.export(ROUTE)]

    assert told == [("settled", "c1"), ("linked", "account-of-c1")]
    assert ledger.audit.verify(ROUTE).broken is None


@pytest.mark.parametrize(("account", "contact"), [("a1", "c1"), ("account-of-c1", "c9")])
def test_what_a_person_has_linked_meanwhile_stays(
    ledger: Ledger, account: str, contact: str
) -> None:
    pair = LinkedPair(
        SourceId(account), TargetId(contact), json.dumps({}), None, version(0), "match"
    )
    ledger.linking.link(ROUTE, BOOKS, CONTACT, [pair], actor="pat")

    assert make(ledger, "c1") == 1

    assert ledger.links.count(BOOKS, CONTACT) == 1
    assert link_of(ledger, account).target_id == contact
    assert ledger.links.get_many(TENANT, CREATE, [SourceId("c1")])
