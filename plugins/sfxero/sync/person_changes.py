"""Contact persons that were edited in Xero: told to a person, since nobody knows who is who."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sfxero.mapping.shared_fields import PERSONS, Part, SharedField
from sfxero.model.findings import Finding, Severity
from sfxero.model.states import Entity
from sfxero.sync.contact_merging import MergedPair

_HINT: Final = (
    "Enter the change in Salesforce as well: the contact takes its persons from there when they "
    "change."
)


def changed_persons(
    merged: Sequence[MergedPair], fields: Sequence[SharedField]
) -> Iterator[Finding]:
    """Yield a warning for each contact whose persons are neither the account's nor as agreed."""
    field = next((one for one in fields if one.key == PERSONS), None)
    if field is None:
        return
    for one in merged:
        theirs = one.theirs[PERSONS]
        known = {field.text(one.ours[PERSONS]), field.text(one.agreed[PERSONS].xero)}
        if field.text(theirs) not in known:
            yield Finding(
                Entity.CONTACT,
                one.pair.contact.contact_id,
                "persons_changed",
                PERSONS,
                _told(theirs),
                _HINT,
                Severity.WARN,
            )


def _told(part: Part) -> str | None:
    persons: list[Mapping[str, Any]] = part if isinstance(part, list) else []
    names = ("FirstName", "LastName", "EmailAddress")
    return (
        "; ".join(" ".join(one[name] for name in names if name in one) for one in persons) or None
    )
