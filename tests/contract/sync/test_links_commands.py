"""`sfxero links`: a person sees which record is linked with which contact, and moves links."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.commands import Shop
from tests.contract.sync.kit import World
from tests.contract.sync.test_identity import contact_of, later, names, synced

pytestmark = pytest.mark.contract


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(world, tmp_path, monkeypatch)


def told(shop: Shop, *words: str) -> dict[str, Any]:
    done = shop.run("links", "show", *words, "--route", "demo", "--json")
    assert done.exit_code == 0, done.output
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def act(shop: Shop, *words: str) -> Any:
    return shop.run("links", *words, "--route", "demo", "--reason", "asked", "--by", "pat")


def test_what_became_of_a_link_is_shown_and_taken_back(shop: Shop) -> None:
    world = shop.world
    (loser,) = synced(world, "Acme")
    master = world.account("Birch")
    world.merge("Account", master, loser)
    later(world)
    world.undelete("Account", loser)
    later(world)

    (change,) = told(shop, loser)["changes"]
    assert (change["rule"], change["record_after"]) == ("account_merged", master)
    assert told(shop, loser)["links"] == []
    plain = shop.run("links", "show", loser, "--route", "demo")
    assert f"account_merged: {loser} ->" in plain.stdout

    done = act(shop, "undo", str(change["change"]))
    assert done.exit_code == 0, done.output
    assert "Nothing was sent" in done.stdout
    later(world)
    assert names(world) == ["Acme", "Birch"]
    assert told(shop, loser)["changes"][0]["undone_by"] == told(shop, loser)["changes"][1]["change"]


def test_a_link_that_followed_a_merge_comes_back_once_the_contact_does(shop: Shop) -> None:
    world = shop.world
    first, second = synced(world, "Acme", "Birch")
    former = world.link(first).target_id
    world.merge_contacts(contact_of(world, second).contact_id, former)
    later(world)
    (change,) = told(shop, first)["changes"]
    assert [one["shared_with"] for one in told(shop)["links"]] == [[second], [first]]

    refused = act(shop, "undo", str(change["change"]))
    assert refused.exit_code == 1
    assert "is ARCHIVED" in refused.stderr

    world.restore(former)
    assert act(shop, "undo", str(change["change"])).exit_code == 0
    world.forget_calls()
    later(world)
    assert world.link(first).target_id == former
    assert names(world) == ["Acme", "Birch"]
    assert world.writes() == []


def test_an_account_whose_contact_is_archived_gets_another(shop: Shop) -> None:
    world = shop.world
    (account,) = synced(world, "Acme")
    world.put_in_xero("Contacts", '{"Name":"Acme again"}')
    (other,) = (one.contact_id for one in world.contacts if one.name == "Acme again")
    world.archive(contact_of(world, account))
    world.edit("Account", account, BillingCity="Perth")
    later(world)
    assert world.quarantined() == {account: ["contact_archived"]}

    done = act(shop, "follow", account, other)
    assert done.exit_code == 0, done.output
    later(world)

    assert world.quarantined() == {}
    assert names(world) == ["Acme"]
    assert contact_of(world, account).addresses["POBOX"]["City"] == "Perth"
    kinds = [one.fields["rule"] for one in world.ledger.audit.export(world.scope("any").route)]
    assert kinds.count("link_by_hand") == 2


def test_two_merged_accounts_may_keep_their_contacts_apart(shop: Shop) -> None:
    world = shop.world
    loser, master = synced(world, "Acme", "Birch")
    world.merge("Account", master, loser)
    later(world)
    assert world.quarantined() == {loser: ["merged_with_contact"]}
    assert act(shop, "follow", loser, world.link(master).target_id).exit_code == 0
    later(world)
    assert world.quarantined() == {}
    assert world.link(loser) is None
    assert names(world) == ["Acme", "Birch"]


@pytest.mark.parametrize(
    ("record", "contact", "words"),
    [
        ("006000000000001AAA", "c", "no id of an account or a lead"),
        ("001000000000009AAA", "c", "the org has no account"),
        ("short", "c", "15 or 18 characters"),
    ],
)
def test_what_is_not_there_is_not_linked(shop: Shop, record: str, contact: str, words: str) -> None:
    done = act(shop, "follow", record, contact)
    assert done.exit_code in {1, 2}
    assert words in done.stderr


def test_a_contact_that_is_not_there_is_not_linked(shop: Shop) -> None:
    (account,) = synced(shop.world, "Acme")
    unknown = "00000000-0000-0000-0000-000000000009"
    assert "has no contact" in act(shop, "follow", account, unknown).stderr
    same = shop.world.link(account).target_id
    assert "linked so already" in act(shop, "follow", account, same).stderr
    assert "is not there" in act(shop, "undo", "7").stderr
    assert "Nothing to show" in shop.run("links", "show", "--route", "demo").stdout
