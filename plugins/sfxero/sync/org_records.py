"""From entries that show something in Salesforce to the records that are sent, and their fields."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson

from sfxero.errors import ConfigurationError, RequestRejected
from sfxero.mapping.inverse import written_fields
from sfxero.mapping.mirror_fields import CURRENCY, INVOICE
from sfxero.mapping.mirror_rules import MirrorPart
from sfxero.mapping.new_in_xero import filled_fields
from sfxero.mapping.new_in_xero_rules import EXTERNAL_ID
from sfxero.mapping.spec import ContactsSection, RouteSpec
from sfxero.mapping.status_fields import STATUS_FIELDS, FieldKind, StatusField
from sfxero.mapping.status_rules import SalesforceFieldsSection
from sfxero.model.outbox import Entry
from sfxero.model.states import Entity
from sfxero.salesforce.describe import CURRENCY_FIELD, FieldDescribe, ObjectDescribe
from sfxero.salesforce.record_updates import ExternalKey

OPPORTUNITY: Final = "Opportunity"
ACCOUNT: Final = "Account"
FIELDS_HINT: Final = (
    "Deploy include/salesforce and assign its permission set to the integration user, or name "
    "other fields, or null, in the route's salesforce_fields."
)
MIRROR_HINT: Final = (
    "Deploy include/salesforce with manifest/mirror.xml and assign its permission set to the "
    "integration user, or name other objects and fields in the route's mirror."
)
ACCOUNT_HINT: Final = (
    "Let the integration user edit the fields, or leave them out of the route's contacts.two_way."
)
NEW_ACCOUNT_HINT: Final = (
    "Let contacts.new_in_xero.external_id name a text field of Account that is an external id and "
    "unique, as include/salesforce has it, let the route map fields of texts, and let the "
    "integration user create accounts with them."
)
_CONTACT_ID_LENGTH: Final = 36
_NUMBERS: Final = frozenset({"currency", "double"})
_TEXTS: Final = frozenset({"string", "textarea", "picklist", "url"})
NO_TEXTS: Final = _NUMBERS | {
    "address", "boolean", "date", "datetime", "int", "long", "percent", "reference", "time",
}  # fmt: skip
_TYPES: Final[Mapping[FieldKind, frozenset[str]]] = {
    "text": _TEXTS,
    "url": _TEXTS,
    "picklist": _TEXTS,
    "long_text": _TEXTS,
    "currency": _NUMBERS,
    "number": _NUMBERS,
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
    "checkbox": frozenset({"boolean"}),
    "lookup": frozenset({"reference"}),
}


class Describes(Protocol):
    """Tells what an org's object has."""

    def describe(self, object_name: str) -> ObjectDescribe:
        """Return the fields that the integration user may see."""
        ...


class RecordForm(Protocol):
    """Makes the records of one kind of entry."""

    object_name: str
    by: ExternalKey | None
    """The external id that names the record, which is made if need be; None: by its own id."""
    lookups: Collection[str]
    """Fields that name another record and can be empty, if that one is gone."""

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, numbers to the letter as they were planned."""
        ...

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        ...

    def check(self, org: Describes) -> None:
        """Raise ConfigurationError if a field that is to be written is not ours to write.

        It is called before any record is made.
        """
        ...


class StatusForm:
    """What opportunities show: fields of a record by its id."""

    object_name: str = OPPORTUNITY
    by: ExternalKey | None = None
    lookups: Collection[str] = ()

    def __init__(self, fields: SalesforceFieldsSection) -> None:
        """The fields are the route's."""
        self._fields = fields

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, numbers to the letter as they were planned."""
        return _text(self.object_name, "Id", entry, _synced(self._fields.last_synced_at, entry))

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        return _row("Id", entry, _synced(self._fields.last_synced_at, entry))

    def check(self, org: Describes) -> None:
        """Raise ConfigurationError if a field that is to be written is not ours to write."""
        troubles = field_troubles(org.describe(self.object_name), self._fields)
        if troubles:
            raise ConfigurationError(
                f"{self.object_name} cannot show what Xero says: {'; '.join(troubles.values())}",
                service="salesforce",
                hint=FIELDS_HINT,
            )


class MirrorForm:
    """A record of the mirror: made or changed by the external id, which is Xero's.

    In an org of several currencies its amounts are in that of its invoice.
    """

    def __init__(self, part: MirrorPart) -> None:
        """Object and fields are the route's; `check` tells whether the org has currencies."""
        self._part = part
        self._has_currency = False
        self.object_name: str = part.object_name
        self.by: ExternalKey | None = ExternalKey(part.object_name, part.key)
        names = part.named()
        self.lookups: Collection[str] = [
            names[one.key] for one in part.written() if one.refers_to and one.key != INVOICE
        ]

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, numbers to the letter as they were planned."""
        return _text(self.object_name, self._part.key, entry, self._more(entry))

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        return _row(self._part.key, entry, self._more(entry))

    def check(self, org: Describes) -> None:
        """Raise ConfigurationError if a field that is to be written is not ours to write."""
        described = _described(org, self._part)
        troubles = _part_troubles(described, self._part)
        if described is None or troubles:
            raise ConfigurationError(
                f"{self.object_name} cannot mirror what Xero has: {'; '.join(troubles.values())}",
                service="salesforce",
                hint=MIRROR_HINT,
            )
        self._has_currency = CURRENCY_FIELD in described.fields

    def _more(self, entry: Entry) -> dict[str, str]:
        more = _synced(self._part.name_of("last_synced_at"), entry)
        code = entry.meta.get(CURRENCY) if self._has_currency else None
        return more | {CURRENCY_FIELD: code} if code else more


class AccountForm:
    """What comes back to an account from its contact: fields of a record by its id."""

    object_name: str = ACCOUNT
    by: ExternalKey | None = None
    lookups: Collection[str] = ()

    def __init__(self, names: Iterable[str]) -> None:
        """The names are those of the fields that the route may write."""
        self._names = tuple(names)

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, texts to the letter as they were planned."""
        return _text(self.object_name, "Id", entry, {})

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        return _row("Id", entry, {})

    def check(self, org: Describes) -> None:
        """Raise ConfigurationError if a field that is to be written is not ours to write."""
        troubles = account_troubles(org.describe(self.object_name), self._names)
        if troubles:
            raise ConfigurationError(
                f"{self.object_name} cannot take what Xero says: {'; '.join(troubles.values())}",
                service="salesforce",
                hint=ACCOUNT_HINT,
            )


class NewAccountForm:
    """An account that is made of a contact: named by the contact's id."""

    object_name: str = ACCOUNT
    lookups: Collection[str] = ()

    def __init__(self, contacts: ContactsSection) -> None:
        """A route without the section sends none; what it once left in doubt is looked for."""
        self._contacts = contacts
        section = contacts.new_in_xero
        self._key = section.external_id if section else EXTERNAL_ID
        self.by: ExternalKey | None = ExternalKey(ACCOUNT, self._key)

    def text(self, entry: Entry) -> str:
        """Return the JSON of a record, texts to the letter as they were planned."""
        return _text(self.object_name, self._key, entry, {})

    def row(self, entry: Entry) -> dict[str, str | None]:
        """Return the texts of a record for an upload; None for a field to be emptied."""
        return _row(self._key, entry, {})

    def check(self, org: Describes) -> None:
        """Raise ConfigurationError if accounts cannot be made, or could be made twice."""
        troubles = new_account_troubles(org.describe(self.object_name), self._contacts)
        if troubles:
            raise ConfigurationError(
                f"no account can be made of a contact: {'; '.join(troubles)}",
                service="salesforce",
                hint=NEW_ACCOUNT_HINT,
            )


def forms_of(spec: RouteSpec) -> Mapping[Entity, RecordForm]:
    """Return the forms of all that a route writes to its org, or once did."""
    status, mirror = StatusForm(spec.salesforce_fields), spec.mirror
    return {
        Entity.ACCOUNT_UPDATE: AccountForm(written_fields(spec.contacts)),
        Entity.ACCOUNT_CREATE: NewAccountForm(spec.contacts),
        Entity.OPPORTUNITY_STATUS: status,
        Entity.OPPORTUNITY_ERROR: status,
        Entity.MIRROR_INVOICE: MirrorForm(mirror.invoices),
        Entity.MIRROR_LINE: MirrorForm(mirror.lines),
        Entity.MIRROR_PAYMENT: MirrorForm(mirror.payments),
    }


def field_troubles(described: ObjectDescribe, fields: SalesforceFieldsSection) -> dict[str, str]:
    """Return by key what is wrong with the fields that the route names."""
    return dict(_troubles(described, STATUS_FIELDS, fields.named()))


def account_troubles(described: ObjectDescribe, names: Iterable[str]) -> dict[str, str]:
    """Return by name what is wrong with the fields of accounts that are to be written."""
    found = {name: _account_trouble(name, described.fields.get(name)) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def _account_trouble(name: str, field: FieldDescribe | None) -> str | None:
    if field is None:
        return f"{name} is missing or hidden"
    if not field.updateable:
        return _read_only(name)
    # What is read back of another would never be the text that was written.
    return _no_text(field) if field.type in NO_TEXTS else None


def _no_text(field: FieldDescribe) -> str:
    return f"{field.name} is of type {field.type}, not text"


def _read_only(name: str) -> str:
    return f"{name} is read-only for the integration user"


def new_account_troubles(described: ObjectDescribe, contacts: ContactsSection) -> list[str]:
    """Return what keeps accounts from being made of contacts, or lets one be made twice."""
    section = contacts.new_in_xero
    if section is None:
        return []
    found = []
    if not described.createable:
        found.append("the integration user may not create accounts")
    found += _key_troubles(section.external_id, described.fields.get(section.external_id))
    filled = filled_fields(contacts)
    for name in dict.fromkeys((*filled, *section.values)):
        field = described.fields.get(name)
        if field is None:
            found.append(f"{name} is missing or hidden")
        elif not field.createable:
            found.append(f"{name} cannot be set by the integration user")
        elif name in filled and field.type in NO_TEXTS:
            found.append(_no_text(field))
    return found


def check_texts(described: ObjectDescribe, contacts: ContactsSection) -> None:
    """Raise ConfigurationError if a field that contacts fill is there and holds no text.

    No account can be looked up by its parts, and not every text can be tried out in it.
    """
    fields = (described.fields.get(name) for name in filled_fields(contacts))
    troubles = [_no_text(one) for one in fields if one is not None and one.type in NO_TEXTS]
    if troubles:
        raise ConfigurationError(
            f"no account can be made of a contact: {'; '.join(troubles)}",
            service="salesforce",
            hint=NEW_ACCOUNT_HINT,
        )


def _key_troubles(name: str, field: FieldDescribe | None) -> Iterator[str]:
    if field is None:
        yield f"{name} is missing or hidden"
        return
    if field.type != "string" or field.length < _CONTACT_ID_LENGTH:
        yield f"{name} is no text of {_CONTACT_ID_LENGTH} characters"
    if not field.external_id:
        yield f"{name} is no external id"
    if not field.unique:
        yield f"{name} is not unique"
    if not field.createable:
        yield f"{name} cannot be set by the integration user"


def mirror_troubles(org: Describes, part: MirrorPart) -> dict[str, str]:
    """Return by key what is wrong with an object of the mirror; under `object_name`, itself."""
    return _part_troubles(_described(org, part), part)


def _described(org: Describes, part: MirrorPart) -> ObjectDescribe | None:
    try:
        return org.describe(part.object_name)
    except RequestRejected as error:
        if error.status != 404:
            raise
        return None


def _part_troubles(described: ObjectDescribe | None, part: MirrorPart) -> dict[str, str]:
    if described is None:
        return {"object_name": f"{part.object_name} is missing or hidden"}
    found = dict(_troubles(described, part.written(), part.named()))
    currency = described.fields.get(CURRENCY_FIELD)
    if currency is not None and not currency.updateable:
        found[CURRENCY_FIELD] = _read_only(CURRENCY_FIELD)
    return found


def _troubles(
    described: ObjectDescribe, defined: Iterable[StatusField], names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for one in defined:
        if name := names.get(one.key):
            text = _trouble(name, described.fields.get(name), one)
            if text is not None:
                yield one.key, text


def _trouble(name: str, field: FieldDescribe | None, wanted: StatusField) -> str | None:
    if field is None:
        return f"{name} is missing or hidden"
    if not field.updateable:
        return _read_only(name)
    if wanted.refers_to is not None and field.type == "reference":
        # The route may have renamed the object: that there is one is what can be seen here.
        return None if field.reference_to else f"{name} leads nowhere"
    kind = wanted.kind
    return None if field.type in _TYPES[kind] else f"{name} is of type {field.type}, not {kind}"


def _synced(name: str | None, entry: Entry) -> dict[str, str]:
    """Return when it was synced: sent along with a change, and never alone."""
    return {name: _moment(entry.meta["synced_at"])} if name else {}


def _text(object_name: str, key: str, entry: Entry, synced: Mapping[str, str]) -> str:
    head = {"attributes": {"type": object_name}, key: entry.source_id, **synced}
    return f"{orjson.dumps(head).decode()[:-1]},{entry.payload[1:]}"


def _row(key: str, entry: Entry, synced: Mapping[str, str]) -> dict[str, str | None]:
    values = json.loads(entry.payload, parse_float=str, parse_int=str)
    return {key: entry.source_id, **synced, **dict(_cells(values))}


def _cells(values: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield the columns of an upload: a parent by its external id has a name of two parts."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", said) for inner, said in value.items())
        elif isinstance(value, bool):
            yield name, "true" if value else "false"
        else:
            yield name, value


def _moment(text: str) -> str:
    """Return a moment as Salesforce reads it: with milliseconds, and Z for UTC."""
    utc = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"
