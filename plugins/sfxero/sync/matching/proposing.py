"""Proposing: reads accounts and contacts, and says which belong together; writes to neither."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import TenantId
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import select
from sfxero.sync.related import read_related
from sfxero.sync.scope import OBJECT_OF
from sfxero.sync.staged import typed_schema
from sfxero.xero.accounting import Accounting

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.mapping.matching.matching import Match

SIDE_FIELDS: Final = (
    "name", "tax_number", "account_number", "email", "website", "phone", "street", "city", "region",
    "postal_code", "country",
)  # fmt: skip
"""What a person sees of both sides."""
REFUSED: Final = "the mapping refuses it: {rule}"

Party = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One account with one candidate, or with none; both sides as they were compared."""

    decision: str
    score: int
    reasons: str
    note: str
    account_id: str
    contact_id: str
    account: Party
    contact: Party


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Records of one system that look like one: a person may merge them there."""

    where: str
    records: Sequence[tuple[str, str]]
    """Ids and names."""
    also_same: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """All rows, what may be merged, and how much was read and left out."""

    route: str
    tenant: TenantId
    rows: Sequence[ReviewRow]
    suggestions: Sequence[Suggestion]
    accounts: int
    contacts: int
    linked: int

    def count(self, decision: str) -> int:
        """Count the accounts of a decision."""
        return len({one.account_id for one in self.rows if one.decision == decision})


def propose(
    spec: RouteSpec,
    tenant: TenantId,
    *,
    ledger: "Ledger",
    salesforce: SalesforceClient,
    accounting: Accounting,
) -> Proposal:
    """Match what is not linked yet."""
    from sfxero.mapping.matching.matching import match
    from sfxero.mapping.matching.sides import accounts_of, table_of, without

    links = list(ledger.links.all(tenant, Entity.CONTACT))
    accounts = accounts_of(_account_frame(spec, salesforce), spec)
    contacts = table_of(accounting.contacts_in_full())
    left = without(accounts.table, (link.source_id for link in links))
    right = without(contacts, (link.target_id for link in links))
    matches = match(left, right)
    linked = {link.source_id for link in links}
    parties = [{row["id"]: row for row in side.to_pylist()} for side in (left, right)]
    refused = [
        _row_of_refused(one, rule, accounts.names.get(one))
        for one, rule in sorted(accounts.refused.items())
        if one not in linked
    ]
    groups = (("Salesforce", matches.same_accounts), ("Xero", matches.same_contacts))
    return Proposal(
        spec.route,
        tenant,
        rows=_in_order([*(_row(one, *parties) for one in matches.rows), *refused]),
        suggestions=[
            Suggestion(
                where,
                [(one, parties[side][one]["name"] or "") for one in group.ids],
                group.also_same.name,
            )
            for side, (where, found) in enumerate(groups)
            for group in found
        ],
        accounts=accounts.table.num_rows + len(accounts.refused),
        contacts=contacts.num_rows,
        linked=len(links),
    )


def _account_frame(spec: RouteSpec, client: SalesforceClient) -> Any:
    """Read all live accounts: what the route maps, and what else tells one from another."""
    from sfxero.mapping.matching.sides import EXTRA_FIELDS
    from sfxero.staging.records import frame_of

    name = OBJECT_OF[Entity.ACCOUNT]
    known = client.describe(name).fields
    extras = [field for field in EXTRA_FIELDS if field in known]
    fields = sorted({*needed_fields(spec)[name], *extras})
    records = client.query(select(name, fields))
    frame = frame_of(records, schema=typed_schema(client, name, fields))
    return read_related(spec, client, name, frame, is_whole=True)


def _row(one: "Match", accounts: Mapping[str, Party], contacts: Mapping[str, Party]) -> ReviewRow:
    return ReviewRow(
        decision=str(one.decision),
        score=one.score,
        reasons=", ".join(f"{rule.name} {rule.points:+d}" for rule in one.reasons),
        note=", ".join(one.notes),
        account_id=one.account_id,
        contact_id=one.contact_id or "",
        account=accounts[one.account_id],
        contact=contacts[one.contact_id] if one.contact_id else {},
    )


def _row_of_refused(source_id: str, rule: str, name: str | None) -> ReviewRow:
    """A refused account has no contact until it is cured: then it should be matched, too."""
    from sfxero.mapping.matching.rules import Decision

    note = REFUSED.format(rule=rule)
    return ReviewRow(Decision.NONE, 0, "", note, source_id, "", {"name": name}, {})


def _in_order(rows: Sequence[ReviewRow]) -> list[ReviewRow]:
    """What a person must decide comes first, then what is proposed, then what has no match."""
    places = {"review": 0, "accept": 1, "none": 2}
    best: dict[str, int] = {}
    for one in rows:
        best[one.account_id] = max(one.score, best.get(one.account_id, 0))
    return sorted(
        rows,
        key=lambda one: (
            places[one.decision], -best[one.account_id], one.account_id, -one.score, one.contact_id
        ),
    )  # fmt: skip
