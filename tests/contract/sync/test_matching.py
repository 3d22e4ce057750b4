"""`sfxero match`: an organisation that has contacts already gets none a second time."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.commands import Shop
from tests.contract.sync.kit import World

from sfxero.errors import ServiceUnavailable
from sfxero.sandbox.xero.models import Contact

pytestmark = pytest.mark.contract

ABN = "53004085616"
OTHER_ABN = "51824753556"


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(world, tmp_path, monkeypatch)


def held(world: World, **fields: Any) -> str:
    """A contact that was in Xero before the sync; returns its id."""
    known = {one.contact_id for one in world.contacts}
    world.put_in_xero("Contacts", json.dumps(fields))
    (contact_id,) = {one.contact_id for one in world.contacts} - known
    return contact_id


def contact(world: World, contact_id: str) -> Contact:
    return world.books.contacts[contact_id]


def matched(shop: Shop) -> dict[str, Any]:
    """Run the command, and return what it says."""
    folder = shop.include.parent
    done = shop.run("match", "--route", "demo", "--output", str(folder), "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def answered(told: dict[str, Any], change: Callable[[dict[str, str]], None] = id) -> str:
    """Edit the rows of the review file as a person would, and return its path."""
    path = Path(told["csv"])
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        change(row)
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def decisions(told: dict[str, Any]) -> dict[str, str]:
    with Path(told["csv"]).open(encoding="utf-8-sig", newline="") as handle:
        return {row["account_name"]: row["decision"] for row in csv.DictReader(handle)}


def accept(row: dict[str, str]) -> None:
    row["answer"] = "accept" if row["contact_id"] else ""


def apply(shop: Shop, path: str) -> Any:
    return shop.run("match", "apply", path, "--route", "demo", "--by", "pat")


def test_a_first_start_updates_what_is_there_and_creates_only_what_is_not(shop: Shop) -> None:
    world = shop.world
    differs = held(world, Name="ACME", TaxNumber=ABN, EmailAddress="pay@acme.com.au")
    foreign = held(world, Name="Birch & Sons P/L", TaxNumber=OTHER_ABN, ContactNumber="OLD-7")
    acme = world.account("Acme Pty Ltd", ABN__c=ABN)
    birch = world.account("Birch and Sons Pty Ltd", ABN__c=OTHER_ABN)
    world.account("New Ltd")

    told = matched(shop)
    assert world.writes() == []
    assert decisions(told) == {
        "Acme Pty Ltd": "accept",
        "Birch and Sons Pty Ltd": "accept",
        "New Ltd": "none",
    }
    done = apply(shop, answered(told))
    assert done.exit_code == 0, done.output
    assert "Linked 2 accounts" in done.stdout
    assert world.writes() == []

    world.run()

    assert [one.name for one in world.contacts] == [
        "Acme Pty Ltd", "Birch and Sons Pty Ltd", "New Ltd"]  # fmt: skip
    first, second = contact(world, differs), contact(world, foreign)
    assert first.texts["ContactNumber"] == acme
    assert first.texts["EmailAddress"] == "pay@acme.com.au"
    assert second.texts["ContactNumber"] == "OLD-7"
    assert (world.link(acme).target_id, world.link(birch).target_id) == (differs, foreign)
    assert sorted(world.writes()) == ["POST Contacts", "PUT Contacts"]


def test_a_contact_that_is_alike_is_linked_without_a_write(shop: Shop) -> None:
    world = shop.world
    same = held(world, Name="Acme", TaxNumber=ABN, ContactNumber="OLD-7")
    account = world.account("Acme", ABN__c=ABN)
    opportunity = world.won(account, "100")
    apply(shop, answered(matched(shop)))

    world.run()

    assert world.writes() == ["PUT Invoices"]
    assert [one.contact_id for one in world.invoices] == [same]
    world.forget_calls()
    world.edit("Opportunity", opportunity, Name="Deal, again")
    world.run(full=True)
    assert world.writes() == []


def test_the_name_of_a_linked_contact_is_its_accounts(shop: Shop) -> None:
    """Without the link, a stranger's contact of this name would make it 'Acme (A-1)'."""
    world = shop.world
    linked = held(world, Name="Acme", TaxNumber=ABN)
    world.account("Acme", ABN__c=ABN, AccountNumber="A-1")
    apply(shop, answered(matched(shop)))

    world.run()

    assert contact(world, linked).name == "Acme"
    assert len(world.contacts) == 1


def test_two_accounts_of_one_contact_are_never_guessed(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    for _ in range(2):
        world.account("Acme", ABN__c=ABN)

    told = matched(shop)

    assert decisions(told) == {"Acme": "review"}
    assert told["suggestions"] == 1
    done = apply(shop, answered(told, accept))
    assert done.exit_code == 1
    assert "was accepted in line 2 already" in done.output
    assert world.ledger.links.count(world.scope("x").tenant, "contact") == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("answer", "yes", "the answer 'yes' is none. Write accept or reject"),
        ("contact_id", "", "no contact is named"),
        ("contact_id", "00000000-0000-0000-0000-000000000001", "has no contact 00000000"),
        ("account_id", "1", "'1' is no id of an account"),
        ("account_id", "001000000000099AAB", "'001000000000099AAB' is no id of an account"),
        ("account_id", "001000000000099AAA", "the org has no account 001000000000099AAA"),
    ],
)
def test_one_bad_row_is_named_by_its_line_and_nothing_is_linked(
    shop: Shop, field: str, value: str, words: str
) -> None:
    world = shop.world
    for name, abn in (("Acme", ABN), ("Birch", OTHER_ABN)):
        held(world, Name=name, TaxNumber=abn)
        world.account(name, ABN__c=abn)

    def spoil(row: dict[str, str]) -> None:
        if row["account_name"] == "Birch":
            row[field] = value

    done = apply(shop, answered(matched(shop), spoil))

    assert done.exit_code == 1
    assert f"{told_line(shop, 'Birch')}: " in done.output
    assert words in done.output
    assert all(world.link(one["Id"]) is None for one in world.rows("Account"))


def told_line(shop: Shop, name: str) -> str:
    path = shop.include.parent / "match-demo.csv"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return f"match-demo.csv:{next(n for n, line in enumerate(lines, 1) if name in line)}"


def test_a_contact_that_was_archived_since_is_refused(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    world.account("Acme", ABN__c=ABN)
    told = matched(shop)
    world.archive(world.contacts[0])

    done = apply(shop, answered(told))

    assert done.exit_code == 1
    assert "is ARCHIVED. Restore it in Xero" in done.output


def test_a_contact_that_is_archived_before_the_first_update_is_a_dead_letter(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme Limited", TaxNumber=ABN)
    world.account("Acme", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.run(publishes=False)
    world.archive(world.contacts[0])
    world.forget_calls()

    world.publish()

    assert world.writes() == []
    assert "is ARCHIVED" in world.letters()[0]
    assert "sfxero match undo" in world.letters()[0]


def test_a_contact_that_was_archived_before_the_run_waits(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme Limited", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.archive(world.contacts[0])
    world.run()
    assert world.quarantined() == {account: ["contact_archived"]}
    assert world.letters() == []


def test_undone_is_as_if_it_had_not_been(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    path = answered(matched(shop))
    apply(shop, path)
    again = apply(shop, path)
    assert "Linked 0 accounts; 1 were linked before" in again.stdout

    done = shop.run("match", "undo", path, "--route", "demo", "--by", "pat", "--reason", "wrong")

    assert "Parted 1 of 1" in done.stdout
    assert world.link(account) is None
    assert decisions(matched(shop)) == {"Acme": "accept"}
    kinds = [
        (one.fields["kind"], one.fields["actor"], one.values and one.values.note)
        for one in world.ledger.audit.export(world.scope("x").route)
    ]
    assert kinds == [
        ("linked", "pat", "match 100: tax_number +60, name +40"),
        ("unlinked", "pat", "wrong"),
    ]
    assert world.writes() == []


def test_ten_thousand_contacts_cost_ten_calls(world: World) -> None:
    held(world, Name="Acme")
    first = world.contacts[0]
    for number in range(1, 10_000):
        contact_id = f"00000000-0000-4000-8000-{number:012d}"
        world.books.put_contact(replace(first, contact_id=contact_id, name=f"Firm {number}"))
    world.forget_calls()

    rows = list(world.accounting.contacts_in_full())

    assert len({row["ContactID"] for row in rows}) == len(rows) == 10_000
    assert world.calls() == ["GET Contacts"] * 10


def test_a_value_is_neither_a_formula_nor_markup(shop: Shop) -> None:
    world = shop.world
    name = '=HYPERLINK(1) & "Sons" {{ 7 * 7 }}'
    held(world, Name="Hyperlink 1 Sons", TaxNumber=ABN)
    world.account(f"{name} O'Hara", ABN__c=ABN)

    told = matched(shop)

    with Path(told["csv"]).open(encoding="utf-8-sig", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert row["account_name"].startswith("'=HYPERLINK")
    page = Path(told["html"]).read_text(encoding="utf-8")
    assert "=HYPERLINK(1) &amp; &#34;Sons&#34; {{ 7 * 7 }}" in page
    assert "<script" not in page
    assert "://" not in page


def test_a_file_from_a_spreadsheet_of_another_country_is_read(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    path = Path(matched(shop)["csv"])
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.reader(handle))
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter=";").writerows([*rows, [""] * 20])

    done = apply(shop, str(path))

    assert done.exit_code == 0, done.output
    assert world.link(account) is not None


def test_an_account_that_the_mapping_refuses_is_named(shop: Shop) -> None:
    shop.world.account("<>")

    told = matched(shop)

    with Path(told["csv"]).open(encoding="utf-8-sig", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["decision"], row["note"]) == ("none", "the mapping refuses it: name_missing")


def test_rows_of_other_objects_help_to_match(shop: Shop) -> None:
    shop.edit(
        "  name_suffix: AccountNumber\n",
        "  name_suffix: AccountNumber\n"
        "  related:\n    lead: {object: Contact, of: AccountId}\n  email: lead.Email\n",
    )
    world = shop.world
    held(world, Name="Acme", EmailAddress="pat@gmail.com")
    account = world.account("Acme Pty Ltd")
    world.new("Contact", LastName="Doe", Email="Pat@gmail.com", AccountId=account)

    assert decisions(matched(shop)) == {"Acme Pty Ltd": "accept"}


@pytest.mark.parametrize("kind", ["lost_reply", "timeout_before"])
def test_a_first_update_without_an_answer_is_looked_up(shop: Shop, kind: str) -> None:
    world = shop.world
    contact_id = held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.fail(kind, "/Contacts", method="POST", count=3)

    world.run()
    # A call without an answer may take a while yet to be carried out.
    world.sleep(61)
    world.publish()

    assert contact(world, contact_id).texts["ContactNumber"] == account
    assert len(world.contacts) == 1
    assert world.states() == ["settled"]


def test_a_contact_that_xero_lost_is_a_dead_letter(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    world.account("Acme Ltd", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.books.contacts.clear()
    world.forget_calls()

    world.run()

    assert world.writes() == []
    assert "no longer has the contact" in world.letters()[0]


def test_what_cannot_be_read_now_waits(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    world.account("Acme Ltd", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.run(publishes=False)
    world.fail("error_before", "/Contacts", method="GET", count=3)

    with pytest.raises(ServiceUnavailable):
        world.publish()

    assert world.states() == ["pending"]
    world.publish()
    assert world.states() == ["settled"]


def test_a_file_that_is_none_is_refused(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    for one, words in ((path, "the column answer is missing"), (tmp_path / "no", "cannot be read")):
        done = apply(shop, str(one))
        assert done.exit_code == 1
        assert words in done.output


def test_a_contact_with_the_id_of_another_account_is_refused(shop: Shop) -> None:
    world = shop.world
    other = world.account("Zebra Wholesale")
    contact_id = held(world, Name="Acme", ContactNumber=other)
    world.account("Acme")

    def insist(row: dict[str, str]) -> None:
        is_acme = row["account_name"] == "Acme"
        row.update({"answer": "accept", "contact_id": contact_id} if is_acme else {"answer": ""})

    done = apply(shop, answered(matched(shop), insist))

    assert done.exit_code == 1
    assert f"carries the id of another account, {other}" in done.output


def test_a_pair_that_is_accepted_and_rejected_is_neither(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    path = Path(matched(shop)["csv"])
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    path.write_text("\n".join([*lines, lines[1].replace("accept", "reject", 1)]), encoding="utf-8")

    done = apply(shop, str(path))

    assert done.exit_code == 1
    assert "match-demo.csv:2: the same pair is rejected in line 3" in done.output
    assert world.link(account) is None


def test_a_contact_with_the_id_of_an_account_that_was_merged_away_can_be_accepted(
    shop: Shop,
) -> None:
    """What is proposed must be fit to be applied: nobody else can be accepted for it."""
    world = shop.world
    loser, winner = world.account("Acme", ABN__c=ABN), world.account("Acme", ABN__c=ABN)
    contact_id = held(world, Name="Acme", TaxNumber=ABN, ContactNumber=loser)
    world.merge("Account", winner, loser)
    told = matched(shop)
    assert decisions(told) == {"Acme": "accept"}

    done = apply(shop, answered(told))

    assert done.exit_code == 0, done.output
    assert world.link(winner).target_id == contact_id
    world.run(full=True)
    assert len(world.contacts) == 1
    assert world.link(winner).target_id == contact_id


def test_a_linked_account_that_the_mapping_refuses_is_left_out(shop: Shop) -> None:
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    apply(shop, answered(matched(shop)))
    world.edit("Account", account, Name="<>")

    told = matched(shop)

    assert decisions(told) == {}
    assert (told["none"], told["accounts"]) == (0, 1)


def test_an_answered_file_is_kept_when_matching_again(shop: Shop) -> None:
    """Its answers are hours of somebody's work, and `undo` needs the file that was applied."""
    world = shop.world
    held(world, Name="Acme", TaxNumber=ABN)
    account = world.account("Acme", ABN__c=ABN)
    path = Path(answered(matched(shop)))
    path.write_text(path.read_text(encoding="utf-8-sig").replace("Acme", "ACME"), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    apply(shop, str(path))

    told = matched(shop)

    kept = Path(told["kept"])
    assert kept.read_text(encoding="utf-8") == text
    assert decisions(told) == {}
    assert matched(shop)["kept"] is None
    done = shop.run("match", "undo", str(kept), "--route", "demo", "--reason", "wrong")
    assert "Parted 1 of 1" in done.stdout
    assert world.link(account) is None
    assert kept.exists()
