"""The doctor's look at the Salesforce org: its connection, and each field that the route names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from sfxero.errors import ConfigurationError, RequestRejected
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.inverse import written_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.uses import FieldKind, FieldUse, Key, field_uses
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.describe import CURRENCY_FIELD, FieldDescribe, ObjectDescribe
from sfxero.sync.checking import Notebook
from sfxero.sync.org_rates import read_rates, uses_org_rates
from sfxero.sync.org_records import (
    ACCOUNT_HINT,
    FIELDS_HINT,
    MIRROR_HINT,
    NEW_ACCOUNT_HINT,
    account_troubles,
    field_troubles,
    mirror_troubles,
    new_account_troubles,
)

_CONNECTION: Final = ("salesforce", "connection")
_NUMBERS: Final = frozenset({"currency", "double", "percent", "int", "long"})
_NO_LABELS: Final = frozenset({"currency", "double", "percent", "date", "datetime", "boolean"})


class OrgDoctor:
    """Looks at one org; each describe is asked for once."""

    def __init__(self, spec: RouteSpec, notes: Notebook) -> None:
        """Findings go into the notes."""
        self._spec = spec
        self._notes = notes
        self._described: dict[str, ObjectDescribe | None] = {}

    def examine(self, connect: Callable[[], SalesforceClient]) -> None:
        """Check all; without a connection there is nothing more to see."""
        name = "salesforce connection"
        with self._notes.guarding(name, _CONNECTION):
            client = connect()
            client.server_now()
            self._notes.ok(name, f"{client.instance_url}, API {client.api_version}")
            self._client = client
            for object_name, fields in needed_fields(self._spec).items():
                self._check_object(object_name, fields)
            for object_name in self._others():
                self._check_object(object_name, ())
            self._check_currency()
            self._check_shown()
            self._check_mirror(client)
            self._check_accounts()
            self._check_new_accounts()
            if uses_org_rates(self._spec):
                self._check_rates(client)

    def _check_shown(self) -> None:
        """Warn of fields that cannot show what Xero says: invoices are made without them."""
        name, described = "fields that show Xero", self._describe(self._spec.invoices.source)
        if described is None or self._spec.xero_to_salesforce.schedule is None:
            return
        fields = self._spec.salesforce_fields
        for key, text in field_troubles(described, fields).items():
            self._notes.warn(name, text, hint=FIELDS_HINT, key=("salesforce_fields", key))
        if self._notes.well(name):
            self._notes.ok(name, f"{len(fields.named())} fields, all writable")

    def _check_mirror(self, client: SalesforceClient) -> None:
        """Warn of objects that cannot mirror what Xero has: invoices are made without them."""
        name, mirror = "objects that mirror Xero", self._spec.mirror
        if not mirror.enabled:
            return
        parts = {"invoices": mirror.invoices, "lines": mirror.lines, "payments": mirror.payments}
        for section, part in parts.items():
            for text in mirror_troubles(client, part).values():
                told = f"{part.object_name}: {text}"
                self._notes.warn(name, told, hint=MIRROR_HINT, key=("mirror", section))
        if self._notes.well(name):
            self._notes.ok(name, f"{len(parts)} objects, all fields writable")

    def _check_accounts(self) -> None:
        """Refuse fields of accounts that cannot take what was changed in Xero."""
        name, contacts = "fields that flow back", self._spec.contacts
        described = self._describe(contacts.source)
        if contacts.two_way is None or described is None:
            return
        names = written_fields(contacts)
        for text in account_troubles(described, names).values():
            key = ("contacts", "two_way")
            self._notes.failed(name, text, hint=ACCOUNT_HINT, key=key)
        if self._notes.well(name):
            self._notes.ok(name, f"{len(names)} fields, all writable")

    def _check_new_accounts(self) -> None:
        """Refuse an org in which contacts cannot become accounts, or could become two."""
        name, contacts = "accounts from Xero", self._spec.contacts
        described = self._describe(contacts.source)
        if contacts.new_in_xero is None or described is None:
            return
        key = ("contacts", "new_in_xero")
        for text in new_account_troubles(described, contacts):
            self._notes.failed(name, text, hint=NEW_ACCOUNT_HINT, key=key)
        if self._notes.well(name):
            self._notes.ok(name, f"by {contacts.new_in_xero.external_id}, which is unique")

    def _others(self) -> list[str]:
        """Return the objects whose rows lend fields."""
        named = {one.object_name for one in field_uses(self._spec)}
        return sorted(named - needed_fields(self._spec).keys())

    def _check_object(self, object_name: str, fields: tuple[str, ...]) -> None:
        name = f"fields of {object_name}"
        uses = [one for one in field_uses(self._spec) if one.object_name == object_name]
        described = self._describe(object_name)
        if described is None:
            self._notes.failed(
                name,
                f"the integration user cannot see {object_name}",
                hint="Grant read access to the object.",
                key=self._section(object_name),
            )
            return
        for use in uses:
            self._check_field(name, use, described)
        # What the sync reads of itself has no place in the file but its section.
        own = set(fields) - {one.field for one in uses}
        for field in sorted(own):
            use = FieldUse(self._section(object_name), object_name, field, FieldKind.TEXT)
            self._check_field(name, use, described)
        if self._notes.well(name):
            count = len({*fields, *(one.field for one in uses)})
            self._notes.ok(name, f"{count} fields, all readable and of the expected type")

    def _check_field(self, name: str, use: FieldUse, described: ObjectDescribe) -> None:
        from sfxero.staging.arrow_schema import parent_objects, schema_for

        try:
            names = parent_objects(described, [use.field])
            parents = {name: self._describe(name) for name in names}
            # The very reading that an extract would do.
            seen = {name: one for name, one in parents.items() if one is not None}
            schema_for(described, [use.field], parents=seen)
        except ConfigurationError as error:
            self._notes.failed(name, error.message, hint=error.hint, key=use.key)
            return
        found = self._find(described, use.field)
        if found is not None and not _fits(found, use.kind):
            self._notes.failed(
                name,
                f"{use.object_name}.{use.field} is of type {found.type}, not {_wanted(use.kind)}",
                hint="Name a field of that type in the route file.",
                key=use.key,
            )

    def _check_currency(self) -> None:
        """Warn of an org with several currencies whose route does not look at them."""
        described = self._describe(self._spec.invoices.source)
        if described is None or self._spec.invoices.currency is not None:
            return
        if CURRENCY_FIELD in described.fields:
            self._notes.warn(
                "currency of the org",
                "the org has several currencies, and the route names no currency field",
                hint=f"Set invoices.currency to {CURRENCY_FIELD}: "
                "amounts are else taken as they are.",
                key=("invoices",),
            )

    def _check_rates(self, client: SalesforceClient) -> None:
        name, key = "rates of the org", ("invoices", "exchange", "rates")
        with self._notes.guarding(name, key):
            rates = read_rates(client)
            dated = max(map(len, rates.values()), default=0)
            told = f"dated, up to {dated} of a currency" if dated > 1 else "one of each currency"
            self._notes.ok(name, f"{', '.join(sorted(rates))}: {told}")

    def _describe(self, object_name: str) -> ObjectDescribe | None:
        """Return an object's describe; None if the integration user cannot see it."""
        if object_name not in self._described:
            try:
                self._described[object_name] = self._client.describe(object_name)
            except RequestRejected as error:
                if error.status != 404:
                    raise
                self._described[object_name] = None
        return self._described[object_name]

    def _find(self, described: ObjectDescribe, path: str) -> FieldDescribe | None:
        """Return the describe of a field, through parents."""
        head, _, rest = path.partition(".")
        if not rest:
            return described.fields.get(path)
        for target in self._parents(described.fields, head):
            found = self._find(target, rest)
            if found is not None:
                return found
        return None

    def _parents(
        self, fields: Mapping[str, FieldDescribe], relationship: str
    ) -> Iterator[ObjectDescribe]:
        for field in fields.values():
            if field.relationship_name == relationship:
                for target in field.reference_to:
                    described = self._describe(target)
                    if described is not None:
                        yield described

    def _section(self, object_name: str) -> Key:
        contacts, lines = self._spec.contacts, self._spec.invoices.lines_source
        if object_name == contacts.source:
            return ("contacts",)
        return ("invoices", "lines") if object_name == lines else ("invoices",)


def _fits(field: FieldDescribe, kind: FieldKind) -> bool:
    match kind:
        case FieldKind.TEXT:
            return True
        case FieldKind.LABEL:
            return field.type not in _NO_LABELS
        case FieldKind.NUMBER:
            return field.type in _NUMBERS
        case FieldKind.DATE:
            return field.type == "date"
        case FieldKind.ACCOUNT:
            return field.type == "reference" and "Account" in field.reference_to


def _wanted(kind: FieldKind) -> str:
    return f"a {kind}"
