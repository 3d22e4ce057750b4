"""Storms of merges, archives, renames and deletions; SFXERO_IDENTITY_SEEDS for more of them."""

import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import TENANT, Forward, World, standing_still
from tests.contract.sync.test_leads import LEADS

from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.ledger.tables import reserved_names
from sfxero.mapping.names import name_key
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import chain_end
from sfxero.model.states import Entity, EntryState
from sfxero.sandbox.server import Sandbox
from sfxero.sandbox.xero.models import Contact

pytestmark = pytest.mark.contract

SEEDS = int(os.environ.get("SFXERO_IDENTITY_SEEDS", "3"))
NAMES = ("Acme", "ACME", "Birch & Sons", "Cedar")
HOUR = 3600
BY_NOBODY = {"merged_with_contact", "contact_moved_on", "contact_archived"}
"""What only a person ends."""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox of their own: weeks pass in storms, and other tests' invoices would be overdue."""
    with standing_still() as served:
        yield served


class Storm:
    """Random hands on both sides."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)  # noqa: S311 - no secret
        self.told: list[str] = []
        self.suffixed: dict[str, str] = {}
        self.archived: set[str] = set()
        self.late: set[str] = set()
        """What was archived between the reading of it and a write, which is then refused."""
        self.deleted: set[str] = set()
        self._acts: list[Any] = [
            self._add, self._add, self._rename, self._rename, self._win, self._merge_accounts,
            self._delete, self._undelete, self._archive, self._restore, self._merge_contacts,
            self._add_lead, self._edit_lead, self._convert, self._merge_leads, self._lose_a_reply,
            self._die, self._delete_lead, self._undelete_lead, self._come_late,
        ]  # fmt: skip

    def act(self) -> None:
        chosen = self.random.choice(self._acts)
        self.told.append(f"{chosen.__name__} {chosen()}")

    def leads(self) -> list[str]:
        """Those that are not converted."""
        rows = self.world.rows("Lead", IsDeleted=False, IsConverted=False)
        return sorted(str(one["Id"]) for one in rows)

    def accounts(self, *, deleted: bool = False) -> list[str]:
        rows = self.world.rows("Account")
        return sorted(str(one["Id"]) for one in rows if bool(one["IsDeleted"]) is deleted)

    def contacts(self, status: str = "ACTIVE") -> list[str]:
        return [one.contact_id for one in self.world.contacts if one.status == status]

    def is_merged_into_active(self, contact: Contact) -> bool:
        """Say whether its merges end at a contact that can be written to."""
        books = self.world.books.contacts
        after = {one.contact_id: one.merged_to for one in books.values() if one.merged_to}
        end = books[chain_end(contact.contact_id, after)]
        return contact.merged_to is not None and end.status == "ACTIVE"

    def heirs(self) -> dict[str, str]:
        """Who stands for another record in the end, by that record."""
        rows = [*self.world.rows("Account"), *self.world.rows("Lead")]
        after = {
            str(one["Id"]): heir
            for one in rows
            if (heir := one["MasterRecordId"] or one.get("ConvertedAccountId"))
        }
        return {one: chain_end(one, after) for one in after}

    def _some(self, of: list[str], count: int = 1) -> list[str]:
        return self.random.sample(of, count) if len(of) >= count else []

    def _add(self) -> str:
        number = self.random.choice((None, None, "A-1", f"N-{self.random.randrange(5)}"))
        return self.world.account(self.random.choice(NAMES), AccountNumber=number)

    def _rename(self) -> list[str]:
        chosen = self._some(self.accounts())
        for one in chosen:
            self.world.edit("Account", one, Name=self.random.choice(NAMES))
        return chosen

    def _win(self) -> list[str]:
        chosen = self._some(self.accounts())
        for one in chosen:
            self.world.won(one, "100")
        return chosen

    def _merge_accounts(self) -> list[str]:
        chosen = self._some(self.accounts(), 2)
        if chosen:
            self.world.merge("Account", *chosen)
        return chosen

    def _delete(self) -> list[str]:
        # The invoices of a deleted account are a matter of their own.
        sold = {one["AccountId"] for one in self.world.rows("Opportunity")}
        chosen = self._some([one for one in self.accounts() if one not in sold])
        self.deleted |= set(chosen)
        for one in chosen:
            self.world.delete("Account", one)
        return chosen

    def _undelete(self) -> list[str]:
        chosen = self._some(self.accounts(deleted=True))
        for one in chosen:
            self.world.undelete("Account", one)
        return chosen

    def _archive(self) -> list[str]:
        chosen = self._some(self.contacts())
        self.archived |= set(chosen)
        for one in chosen:
            self.world.archive(self.world.books.contacts[one])
        return chosen

    def _restore(self) -> list[str]:
        active = {self.world.books.contacts[one].name.casefold() for one in self.contacts()}
        free = [
            one
            for one in self.contacts("ARCHIVED")
            if self.world.books.contacts[one].name.casefold() not in active
        ]
        chosen = self._some(free)
        for one in chosen:
            self.world.restore(one)
        return chosen

    def _merge_contacts(self) -> list[str]:
        chosen = self._some(self.contacts(), 2)
        if chosen:
            self.archived.add(chosen[1])
            self.world.merge_contacts(*chosen)
        return chosen

    def _add_lead(self) -> str:
        status = self.random.choice(("Qualified", "Qualified", "Open"))
        return self.world.lead(self.random.choice(NAMES), Status=status)

    def _edit_lead(self) -> list[str]:
        chosen = self._some(self.leads())
        for one in chosen:
            status = self.random.choice(("Qualified", "Qualified", "Open"))
            self.world.edit("Lead", one, Company=self.random.choice(NAMES), Status=status)
        return chosen

    def _convert(self) -> list[str]:
        chosen = self._some(self.leads())
        into = [None, *self._some(self.accounts())]
        return [self.world.convert(one, self.random.choice(into)) for one in chosen]

    def _merge_leads(self) -> list[str]:
        chosen = self._some(self.leads(), 2)
        if chosen:
            self.world.merge("Lead", *chosen)
        return chosen

    def _delete_lead(self) -> list[str]:
        chosen = self._some(self.leads())
        self.deleted |= set(chosen)
        for one in chosen:
            self.world.delete("Lead", one)
        return chosen

    def _undelete_lead(self) -> list[str]:
        rows = self.world.rows("Lead", IsDeleted=True)
        chosen = self._some(sorted(str(one["Id"]) for one in rows))
        for one in chosen:
            self.world.undelete("Lead", one)
        return chosen

    def _come_late(self) -> str:
        """Something happens between the end of a run's windows and their reading."""
        scope = self.world.begin()
        self.world.sleep(5)
        others = {self._die, self._lose_a_reply, self._come_late}
        chosen = self.random.choice([one for one in self._acts if one not in others])
        active = set(self.contacts())
        told = f"{chosen.__name__} {chosen()}"
        self.late |= active.difference(self.contacts())
        self.world.stage(scope)
        self.world.prepare(scope)
        for entity in (Entity.CONTACT, Entity.INVOICE):
            self.world.publish(entity, run_id=scope.run_id)
        self.world.sleep(HOUR)
        return told

    def _lose_a_reply(self) -> None:
        """The next write arrives, and its answer does not."""
        self.world.seam.plans.append(_lost)

    def _die(self) -> list[str]:
        """A worker takes what waits, and is never heard of again."""
        self.world.run(publishes=False)
        return [entry.source_id for entry in self.world.claim()]

    def run(self, **options: Any) -> Any:
        self.told.append("run")
        report = self.world.run(**options)
        self.world.sleep(HOUR)
        assert report.missing_count == 0
        self.check_suffixes()
        return report

    def check_suffixes(self) -> None:
        """A name with a suffix is its account's for ever."""
        with self.world.ledger._database.read() as conn:
            rows = list(conn.execute(reserved_names.select()))
        for row in rows:
            if "(" in row.name:
                assert self.suffixed.setdefault(row.name_key, row.source_id) == row.source_id


def _lost(request: httpx.Request, forward: Forward) -> httpx.Response:
    forward(request)
    raise httpx.ReadTimeout("lost", request=request)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_people_do_every_link_leads_somewhere_or_a_finding_says_why(
    world: World, seed: int
) -> None:
    content = world.spec.model_dump(mode="json", by_alias=True) | {"leads": LEADS}
    world.spec = RouteSpec.model_validate(content)
    storm = Storm(world, seed)
    for _ in range(10):
        for _ in range(storm.random.randrange(1, 5)):
            storm.act()
        storm.run()
    # What only a full refresh would find, nobody would.
    storm.run()
    storm.run()

    told = "\n".join(storm.told)
    links = {one.source_id: one.target_id for one in world.ledger.links.all(TENANT, Entity.CONTACT)}
    sold_to = {one["Id"]: one["AccountId"] for one in world.rows("Opportunity")}
    for one in world.ledger.outbox.listing(EntryFilter(states=frozenset({EntryState.DEAD}))):
        of_whom = sold_to.get(one.source_id, one.source_id)
        assert links.get(of_whom) in storm.late, f"{one}\n{told}"
    active = [one for one in world.contacts if one.status == "ACTIVE"]
    keys = Counter(name_key(one.name) for one in active)
    assert max(keys.values(), default=1) == 1, told
    found = world.quarantined(Entity.ACCOUNT) | world.quarantined(Entity.LEAD)
    assert {rule for rules in found.values() for rule in rules} <= BY_NOBODY, told
    qualified = {one["Id"] for one in world.rows("Lead", Status="Qualified")}
    live = {*storm.accounts(), *qualified.intersection(storm.leads())}
    refused = {links.get(one) for one in found} - {None}
    for one in live - found.keys():
        assert one in links, f"{one} has no contact\n{told}"
        contact = world.books.contacts[links[one]]
        # Of several records of one contact, the finding of one names it; and what does not change
        # waits for nothing while its contact, or the one that it was merged into, is archived.
        is_told = contact.contact_id in refused or not storm.is_merged_into_active(contact)
        assert contact.status == "ACTIVE" or is_told, f"{one}: {contact}\n{told}"
    for one in found.keys() - live:
        assert found[one] in (["merged_with_contact"], ["contact_archived"]), f"{one}\n{told}"
    # Who stands for another has its contact, or a person is told of both; to archive one of them is
    # how a person leaves them apart.
    for one, heir in storm.heirs().items():
        own = links.get(one)
        has_own = own is not None and world.books.contacts[own].status == "ACTIVE"
        if has_own and own not in storm.archived and heir in live and heir not in storm.deleted:
            assert own == links.get(heir) or one in found, f"{one} {heir}\n{told}"
    # No contact was made that nobody stands for.
    ours = {one.contact_id for one in active if one.texts.get("ContactNumber")}
    assert ours - storm.archived <= set(links.values()), told

    world.forget_calls()
    storm.run(full=True)
    assert world.writes() == [], told
