"""Explain: one record through the route's own transforms, field by field; nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sfxero.errors import ConfigurationError
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.files import YamlFile
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.result import OUT_OF_SCOPE, TransformResult
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.targets import contact_targets, invoice_targets, line_targets
from sfxero.model.findings import Finding
from sfxero.model.ids import RouteName, SourceId, to_18
from sfxero.model.outbox import APPROVAL, NOTE
from sfxero.model.states import Entity
from sfxero.quality.suites import Suite
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.sync.approving import approval_meta
from sfxero.sync.explaining import (
    Explanation,
    LineStory,
    Outcome,
    RecordStory,
    Teller,
    document_of,
    outcome_of,
)
from sfxero.sync.holding import ACCOUNT_GONE, ACCOUNT_WAITS
from sfxero.sync.locking import Locked
from sfxero.sync.memory import Memory
from sfxero.sync.org_rates import rates_if_used
from sfxero.sync.preflight import check_codes
from sfxero.sync.related import read_related
from sfxero.sync.releasing import with_releases
from sfxero.sync.scope import OBJECT_OF
from sfxero.sync.staged import schema_of

_ENTITY_OF_PREFIX: Final = {"001": Entity.ACCOUNT, "006": Entity.OPPORTUNITY}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the transforms must know beside the record; names in use as the ledger has them."""

    organisation: OrganisationFacts
    memory: Memory
    owners: Mapping[str, str] = field(default_factory=dict)
    own_names: Mapping[str, str] = field(default_factory=dict)
    suites: Mapping[Entity, Suite] = field(default_factory=dict)


def entity_of(salesforce_id: str) -> tuple[Entity, SourceId]:
    """Return what an id belongs to; ConfigurationError if that is not explained."""
    try:
        source_id = to_18(salesforce_id)
        entity = _ENTITY_OF_PREFIX[salesforce_id[:3]]
    except (ValueError, KeyError):
        raise ConfigurationError(
            f"'{salesforce_id}' is no id of an account or an opportunity",
            hint="It has 15 or 18 characters and begins with 001 or 006.",
        ) from None
    return entity, source_id


def explain(
    salesforce_id: str,
    route: tuple[RouteSpec, YamlFile],
    *,
    client: SalesforceClient,
    around: Surroundings,
) -> Explanation:
    """Read the record and what belongs to it by id, and tell what a run would make of it."""
    entity, source_id = entity_of(salesforce_id)
    spec, file = route
    check_codes(spec, around.organisation)
    story = _Story(spec, file, client=client, around=around)
    records = story.account(source_id) if entity is Entity.ACCOUNT else story.sale(source_id)
    return Explanation(spec.route, file.file, tuple(records))


class _Story:
    """Reads and transforms the records of one explanation."""

    def __init__(
        self, spec: RouteSpec, file: YamlFile, *, client: SalesforceClient, around: Surroundings
    ) -> None:
        self._spec = spec
        self._client = client
        self._around = around
        self._tell = Teller(spec, file)

    def account(self, source_id: SourceId) -> list[RecordStory]:
        """Tell the contact of an account."""
        records = self._read(Entity.ACCOUNT, source_id)
        if not records:
            raise _not_shown(Entity.ACCOUNT, source_id)
        return [self._contact(source_id, records)]

    def sale(self, source_id: SourceId) -> list[RecordStory]:
        """Tell the contact of an opportunity's account, then its invoice."""
        records = self._read(Entity.OPPORTUNITY, source_id)
        if not records:
            raise _not_shown(Entity.OPPORTUNITY, source_id)
        account = records[0].get(self._spec.invoices.account)
        accounts = self._read(Entity.ACCOUNT, SourceId(str(account))) if account else []
        contacts = [self._contact(SourceId(str(account)), accounts)] if accounts else []
        held = self._held(source_id, contacts, account=account)
        return [*contacts, self._invoice(source_id, records, held=held)]

    def _held(
        self, source_id: SourceId, contacts: Sequence[RecordStory], *, account: object
    ) -> list[Finding]:
        """Say what its account does to an invoice."""
        ends = {one.outcome for one in contacts}
        if account is None or ends == {Outcome.SENT}:
            return []
        rule, hint = ACCOUNT_WAITS if Outcome.REFUSED in ends else ACCOUNT_GONE
        where = self._spec.invoices.account
        return [Finding(Entity.OPPORTUNITY, source_id, rule, where, str(account), hint)]

    def _contact(self, source_id: SourceId, records: Sequence[Mapping[str, object]]) -> RecordStory:
        from sfxero.mapping.transform import transform_contacts

        frame = self._frame(Entity.ACCOUNT, records)
        result = transform_contacts(
            frame, self._spec, owners=self._around.owners, own_names=self._around.own_names
        )
        findings = (*self._checked(Entity.ACCOUNT, frame), *result.findings)
        outcome, rule, document = _end(result, findings)
        return RecordStory(
            Entity.ACCOUNT,
            source_id,
            outcome,
            rule,
            None,
            self._tell.fields(contact_targets(self._spec), _lent(frame, records[0]), document),
            findings,
        )

    def _invoice(
        self,
        source_id: SourceId,
        records: Sequence[Mapping[str, object]],
        *,
        held: Sequence[Finding],
    ) -> RecordStory:
        from sfxero.mapping.transform import transform_invoices

        lines = self._read(Entity.OPPORTUNITY_LINE, source_id, by="OpportunityId")
        frame = self._frame(Entity.OPPORTUNITY, records)
        line_frame = self._frame(Entity.OPPORTUNITY_LINE, lines)
        around, rules = self._around, self._spec.invoices
        locked = Locked(around.memory, rules, frame, organisation=around.organisation)
        result = transform_invoices(
            frame,
            line_frame,
            self._spec,
            organisation=around.organisation,
            instance_url=self._client.instance_url,
            org_rates=rates_if_used(self._spec, self._client),
            written=locked.written,
        )
        findings = (
            *self._checked(Entity.OPPORTUNITY, frame),
            *self._checked(Entity.OPPORTUNITY_LINE, line_frame),
            *result.findings,
            *locked.changed(result),
            *(held if result.documents else ()),
        )
        outcome, rule, document = _end(result, findings)
        why = self._why_asked(result) if outcome is Outcome.SENT else None
        return RecordStory(
            Entity.OPPORTUNITY,
            source_id,
            Outcome.AWAITING_APPROVAL if why else outcome,
            rule,
            self._condition(records[0], rule),
            self._tell.fields(invoice_targets(self._spec), _lent(frame, records[0]), document),
            findings,
            self._lines(source_id, records[0], lines, frame=line_frame, document=document),
            self._tell.approval(records[0], why=why) if rules.approval else None,
        )

    def _why_asked(self, result: TransformResult) -> str | None:
        """Say why a person must approve the invoice first; None if nobody need."""
        memory = self._around.memory
        meta = approval_meta(self._spec.invoices.approval, result, memory)
        for one in result.documents:
            if not memory.is_settled(one.source_id, one.content_hash):
                return meta(one).get(APPROVAL)
        return None

    def _lines(
        self,
        source_id: SourceId,
        record: Mapping[str, object],
        lines: Sequence[Mapping[str, object]],
        *,
        frame: Any,
        document: Mapping[str, Any],
    ) -> tuple[LineStory, ...]:
        from sfxero.mapping.lines import line_order

        by_id = {str(one["Id"]): one for one in lines}
        order = line_order(frame, self._spec.invoices.lines, source_id)
        made: list[dict[str, Any]] = document.get("LineItems") or []
        if not order:
            if self._spec.invoices.single_line is None:
                return ()
            targets = line_targets(self._spec, of="single_line")
            made = made or [{}]
            return (LineStory(None, self._tell.fields(targets, record, made[0])),)
        targets = line_targets(self._spec)
        told = [
            LineStory(one, self._tell.fields(targets, by_id[one], made[place] if made else {}))
            for place, one in enumerate(order)
        ]
        # What goes beyond the products is the difference to the amount.
        rounding = line_targets(self._spec, of="rounding")
        told += [
            LineStory(None, self._tell.fields(rounding, record, one)) for one in made[len(order) :]
        ]
        return tuple(told)

    def _condition(self, record: Mapping[str, object], rule: str | None) -> Any:
        if self._spec.invoices.when is None:
            return None
        is_met = None if rule not in {None, OUT_OF_SCOPE} else rule is None
        return self._tell.condition(("invoices", "when"), record, is_met=is_met)

    def _read(
        self, entity: Entity, record_id: SourceId, *, by: str = "Id"
    ) -> list[Mapping[str, object]]:
        """Read records by REST, deleted ones too."""
        object_name = OBJECT_OF[entity]
        (where,) = id_chunks([record_id], by)
        soql = select(object_name, needed_fields(self._spec)[object_name], where=where)
        return list(self._client.query(soql, all_rows=True))

    def _frame(self, entity: Entity, records: Sequence[Mapping[str, object]]) -> Any:
        from sfxero.staging.records import frame_of

        name = OBJECT_OF[entity]
        frame = frame_of(records, schema=schema_of(self._spec, self._client, name))
        return read_related(self._spec, self._client, name, frame)

    def _checked(self, entity: Entity, frame: Any) -> tuple[Finding, ...]:
        """Return what the entity's expectation suite says."""
        from sfxero.quality.checks import check
        from sfxero.staging.records import exact_frame

        suite = self._around.suites.get(entity)
        if suite is None:
            return ()
        released = self._around.memory.released(RouteName(self._spec.route), entity)
        return with_releases(check([exact_frame(frame)], suite, entity=entity).findings, released)


def _end(
    result: TransformResult, findings: Sequence[Finding]
) -> tuple[Outcome, str | None, dict[str, Any]]:
    """Return how the one record ends, the rule that skips it, and its document if there is one."""
    rule = next((rule for _, rule in result.skipped), None)
    outcome = outcome_of(findings, skipped=rule, is_removed=bool(result.removed))
    found: dict[str, Any] = {}
    # A record that only a suite or its account holds back has a document all the same.
    for document in result.documents:
        found = document_of(document.payload)
        if NOTE in document.meta:
            found["(note)"] = document.meta[NOTE]
        if document.parent_source_id is not None:
            found["Contact"] = document.parent_source_id
    return outcome, rule, found


def _lent(frame: Any, record: Mapping[str, object]) -> Mapping[str, object]:
    """Return a record as it was read, with what rows of other objects lend it."""
    (row,) = frame.to_dict("records")
    return {**row, **record}


def _not_shown(entity: Entity, source_id: SourceId) -> ConfigurationError:
    return ConfigurationError(
        f"the org shows no {OBJECT_OF[entity]} {source_id}",
        service="salesforce",
        hint="Check the id, and that the integration user can read the record.",
    )
