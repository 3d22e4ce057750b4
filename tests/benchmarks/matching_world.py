"""Accounts and Xero contacts whose true pairs are known, with the troubles of real books."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sfxero.model.ids import to_18

Party = dict[str, Any]
_FIRST = (
    "Alpine", "Amber", "Anchor", "Apex", "Ashgrove", "Aurora", "Banksia", "Beacon", "Birch",
    "Bluegum", "Boronia", "Brisk", "Cedar", "Cobalt", "Coral", "Crimson", "Currawong", "Delta",
    "Dingo", "Eagle", "Echo", "Ember", "Falcon", "Fern", "Flinders", "Galah", "Golden",
    "Granite", "Harbour", "Heron", "Indigo", "Iron", "Jacaranda", "Jarrah", "Kestrel",
    "Kingfisher", "Kookaburra", "Lantern", "Lyrebird", "Magpie", "Mallee", "Maple", "Meridian",
    "Murray", "Myrtle", "Nimbus", "Northern", "Nullarbor", "Oak", "Opal", "Orchid", "Pacific",
    "Pelican", "Pine", "Quartz", "Quokka", "Raven", "Redgum", "Rosella", "Saltbush", "Sapphire",
    "Silver", "Southern", "Sterling", "Summit", "Tallow", "Tasman", "Thornton", "Torrens",
    "Umber", "Vale", "Verdant", "Wattle", "Western", "Whitby", "Willow", "Wombat", "Yarra",
    "Zephyr",
)  # fmt: skip
_TRADE = (
    "Accounting", "Antiques", "Architects", "Bakery", "Brewing", "Builders", "Cabinets",
    "Carpets", "Catering", "Ceramics", "Cleaning", "Coffee", "Concrete", "Couriers", "Dental",
    "Design", "Drilling", "Electrical", "Engineering", "Fencing", "Fisheries", "Flooring",
    "Florists", "Freight", "Furniture", "Glass", "Haulage", "Hardware", "Homes", "Joinery",
    "Landscapes", "Legal", "Logistics", "Marine", "Mechanics", "Mining", "Motors", "Nurseries",
    "Optical", "Painting", "Pharmacy", "Plumbing", "Print", "Pumps", "Removals", "Roofing",
    "Safety", "Signs", "Solar", "Steel", "Storage", "Surveyors", "Tiling", "Timber", "Tools",
    "Tours", "Transport", "Travel", "Veterinary", "Windows", "Wines",
)  # fmt: skip
_FORMS = ("Pty Ltd", "Pty. Ltd.", "Pty Limited", "P/L", "Ltd", "Inc.", "", "PTY LTD")
_STREETS = (
    "High", "Church", "Station", "Victoria", "Albert", "George", "King", "Queen", "Bridge",
    "Mill", "Park", "Beach",
)  # fmt: skip
_PLACES = (
    ("Sydney", "NSW", "2000"), ("Melbourne", "VIC", "3000"), ("Brisbane", "QLD", "4000"),
    ("Perth", "WA", "6000"), ("Adelaide", "SA", "5000"), ("Hobart", "TAS", "7000"),
    ("Darwin", "NT", "0800"), ("Geelong", "VIC", "3220"), ("Cairns", "QLD", "4870"),
)  # fmt: skip


@dataclass
class Books:
    """Both sides in Xero's shape, and which contacts stand for which account in truth."""

    accounts: list[Party] = field(default_factory=list)
    contacts: list[Party] = field(default_factory=list)
    truth: dict[str, set[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def pairs_in(self, accepted: dict[str, str]) -> int:
        """Count the accepted pairs that are true."""
        return sum(contact in self.truth.get(one, ()) for one, contact in accepted.items())


class Maker:
    """Makes one world from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same world for the same seed
        self.books = Books()
        self._ids = 0
        self._names: set[str] = set()

    def make(self, count: int) -> Books:
        """Return about `count` accounts and as many contacts."""
        kinds = list(_KINDS)
        weights = [_KINDS[one] for one in kinds]
        while len(self.books.accounts) < count:
            kind = self.random.choices(kinds, weights)[0]
            kind(self)
        for side in (self.books.accounts, self.books.contacts):
            self.random.shuffle(side)
        return self.books

    # Parts of a company.

    def company(self) -> Party:
        """A company that no other has the name, number or address of."""
        while (name := self._name()) in self._names:
            pass
        self._names.add(name)
        slug = name.lower().replace(" ", "").replace("&", "and")
        city, region, code = self.random.choice(_PLACES)
        street = f"{self.random.randint(1, 999)} {self.random.choice(_STREETS)} Street"
        return {
            "Name": f"{name} {self.random.choice(_FORMS)}".strip(),
            "TaxNumber": self._digits(11),
            "AccountNumber": f"A-{self._digits(6)}",
            "EmailAddress": f"accounts@{slug}.com.au",
            "Addresses": [{"AddressType": "POBOX", "AddressLine1": street, "City": city,
                           "Region": region, "PostalCode": code, "Country": "Australia"}],
            "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": self._digits(8),
                        "PhoneAreaCode": "02"}],
        }  # fmt: skip

    def without(self, party: Party, *names: str) -> Party:
        """The same with less known."""
        return {name: value for name, value in party.items() if name not in names}

    def pair(self, kind: str, account: Party | None, *contacts: Party) -> tuple[str, list[str]]:
        """Put an account and its true contacts into the books."""
        contact_ids = [self._add(self.books.contacts, one, self._guid()) for one in contacts]
        if account is None:
            return "", contact_ids
        account_id = self._add(self.books.accounts, account, self._account_id())
        self.books.truth[account_id] = set(contact_ids)
        self.books.kinds[account_id] = kind
        return account_id, contact_ids

    def _add(self, side: list[Party], party: Party, record_id: str) -> str:
        side.append({"ContactStatus": "ACTIVE", **party, "ContactID": record_id})
        return record_id

    def _name(self) -> str:
        first, second = self.random.sample(_FIRST, 2)
        trade = self.random.choice(_TRADE)
        forms = (
            f"{first} {second} {trade}",
            f"{first} & {second} {trade}",
            f"{first} {trade} of {second}",
        )
        return self.random.choice(forms)

    def _account_id(self) -> str:
        self._ids += 1
        return to_18(f"001Aa{self._ids:010d}")

    def _guid(self) -> str:
        text = f"{self.random.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def _digits(self, count: int) -> str:
        return str(self.random.randint(10 ** (count - 1), 10**count - 1))

    # How one side writes it otherwise.

    def respelt(self, name: str) -> str:
        """Other case, other spaces, another form of company."""
        words = name.split()
        while words and words[-1].strip(".").lower() in {"pty", "ltd", "limited", "p/l", "inc"}:
            words.pop()
        text = " ".join(words).replace(" & ", self.random.choice((" and ", " & ")))
        ways: tuple[Callable[[str], str], ...] = (str.upper, str.lower, str.title, str)
        return f"{self.random.choice(ways)(text)} {self.random.choice(_FORMS)}".strip()

    def mistyped(self, name: str) -> str:
        """One letter missing, doubled, or two of them swapped."""
        place = self.random.randrange(1, len(name) - 8)
        return self.random.choice(
            (
                name[:place] + name[place + 1 :],
                name[:place] + name[place] + name[place:],
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
            )
        )


def _same(make: Maker) -> None:
    one = make.company()
    make.pair("same", one, one)


def _respelt(make: Maker) -> None:
    one = make.company()
    make.pair("respelt", one, {**one, "Name": make.respelt(one["Name"])})


def _respelt_by_email(make: Maker) -> None:
    one = make.without(make.company(), "TaxNumber", "AccountNumber", "Phones")
    contact = {**make.without(one, "Addresses"), "Name": make.respelt(one["Name"])}
    make.pair("name and e-mail", one, contact)


def _mistyped(make: Maker) -> None:
    one = make.company()
    contact = {**make.without(one, "AccountNumber"), "Name": make.mistyped(one["Name"])}
    make.pair("mistyped", one, contact)


def _mistyped_without_number(make: Maker) -> None:
    one = make.without(make.company(), "TaxNumber", "AccountNumber")
    make.pair("mistyped, no number", one, {**one, "Name": make.mistyped(one["Name"])})


def _mistyped_in_place(make: Maker) -> None:
    """Nothing but a mistyped name, and the same town."""
    one = make.company()
    (address,) = one["Addresses"]
    town = {name: value for name, value in address.items() if name != "AddressLine1"}
    contact = {"Name": make.mistyped(one["Name"]), "Addresses": [town]}
    make.pair("mistyped, town only", one, contact)


def _mistyped_alone(make: Maker) -> None:
    one = make.company()
    make.pair("mistyped, nothing else", one, {"Name": make.mistyped(one["Name"])})


def _renamed(make: Maker) -> None:
    one = make.company()
    contact = {**make.without(one, "AccountNumber"), "Name": make.company()["Name"]}
    make.pair("renamed", one, contact)


def _by_account_number(make: Maker) -> None:
    one = make.without(make.company(), "EmailAddress", "Addresses", "Phones", "TaxNumber")
    make.pair("account number", one, {**one, "Name": make.respelt(one["Name"])})


def _name_only(make: Maker) -> None:
    one = make.company()
    make.pair("name only", one, {"Name": make.respelt(one["Name"])})


def _numbered(make: Maker) -> None:
    one = make.company()
    account_id, _ = make.pair("numbered", one, {"Name": make.company()["Name"]})
    make.books.contacts[-1]["ContactNumber"] = make.random.choice((account_id, account_id[:15]))


def _merged(make: Maker) -> None:
    one = make.company()
    _, (survivor,) = make.pair("merged", one, {"Name": make.company()["Name"]})
    make.pair("", None, {**one, "ContactStatus": "ARCHIVED", "MergedToContactID": survivor})


def _twice_in_xero(make: Maker) -> None:
    one = make.company()
    make.pair("twice in Xero", one, one, {**one, "Name": make.respelt(one["Name"])})


def _twice_in_salesforce(make: Maker) -> None:
    one = make.company()
    _, contacts = make.pair("twice in Salesforce", one, one)
    other, _ = make.pair("twice in Salesforce", {**one, "Name": make.respelt(one["Name"])})
    make.books.truth[other] = set(contacts)


def _franchise(make: Maker) -> None:
    """Branches of one name, tax number and e-mail domain; some are in one system only."""
    brand = make.company()
    for _ in range(make.random.randint(3, 8)):
        place = make.company()
        branch = {**brand, **{name: place[name] for name in ("Addresses", "Phones")}}
        branch = make.without(branch, "AccountNumber")
        chance = make.random.random()
        if chance < 0.6:
            make.pair("franchise", branch, branch)
        elif chance < 0.8:
            make.pair("franchise, missing", branch)
        else:
            make.pair("", None, branch)


def _namesakes(make: Maker) -> None:
    """Several companies of one name, each with numbers of its own; some in one system only."""
    name = make.company()["Name"]
    for _ in range(make.random.randint(2, 5)):
        one = {**make.company(), "Name": name}
        little = make.without(one, "TaxNumber", "AccountNumber")
        contact = make.random.choice((one, little))
        chance = make.random.random()
        if chance < 0.5:
            make.pair("namesake", one, contact)
        elif chance < 0.75:
            make.pair("namesake, missing", one)
        else:
            make.pair("", None, contact)


def _sisters(make: Maker) -> None:
    """Two companies of one office with alike names, of which each system knows another one."""
    one = make.without(make.company(), "TaxNumber", "AccountNumber")
    base = one["Name"]
    first, second = make.random.choice(
        (("Westside", "Eastside"), ("Unit 1", "Unit 2"), ("North", "South"))
    )
    make.pair("sister", {**one, "Name": f"{first} {base}"})
    make.pair("", None, {**one, "Name": f"{second} {base}"})


def _accountants_clients(make: Maker) -> None:
    """Companies under the e-mail and address of their accountant."""
    office = make.company()
    for _ in range(make.random.randint(3, 6)):
        one = make.without(make.company(), "TaxNumber", "AccountNumber", "Phones")
        one |= {name: office[name] for name in ("EmailAddress", "Addresses")}
        if make.random.random() < 0.5:
            make.pair("accountant's client", one, {**one, "Name": make.respelt(one["Name"])})
        else:
            make.pair("accountant's client, missing", one)
            make.pair("", None, {**one, "Name": make.company()["Name"]})


def _only_in_salesforce(make: Maker) -> None:
    make.pair("only in Salesforce", make.company())


def _only_in_xero(make: Maker) -> None:
    make.pair("", None, make.company())


_KINDS: dict[Callable[[Maker], None], int] = {
    _same: 18, _respelt: 18, _respelt_by_email: 8, _mistyped: 8, _mistyped_without_number: 3,
    _mistyped_in_place: 2, _mistyped_alone: 1, _renamed: 3, _by_account_number: 5, _name_only: 5,
    _numbered: 3, _merged: 2, _twice_in_xero: 2, _twice_in_salesforce: 1, _franchise: 1,
    _namesakes: 2, _sisters: 1, _accountants_clients: 1, _only_in_salesforce: 8, _only_in_xero: 10,
}  # fmt: skip
"""How often each comes, in any unit."""
