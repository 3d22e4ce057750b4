"""The section of a route file that lets contacts and accounts be edited on both sides."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from sfxero.mapping.section import Section

Master = Literal["salesforce", "xero", "newest", "ask"]
"""Who counts where both sides changed: one of them, the record that changed last, or a person."""

_MASTERS = frozenset({"salesforce", "xero", "newest", "ask"})


def _check_master(value: object) -> object:
    if value is not None and value not in _MASTERS:
        raise ValueError("the master is salesforce, xero, newest or ask")
    return value


MasterOrNone = Annotated[Master | None, BeforeValidator(_check_master)]


class TwoWaySection(Section):
    """Which fields flow back to the account, and who counts where both sides changed.

    What is left out goes from Salesforce to Xero alone, as all does without the section.
    """

    name: MasterOrNone = None
    """Only with it does a contact that was renamed in Xero rename the account."""
    tax_number: MasterOrNone = None
    email: MasterOrNone = None
    phones: MasterOrNone = None
    """Each phone that is mapped, by itself."""
    postal_address: MasterOrNone = None
    """The address as one: a street of one side and a city of the other would be no address."""
    payment_terms: MasterOrNone = None

    @model_validator(mode="after")
    def _names_a_field(self) -> "TwoWaySection":
        if not self.masters():
            raise ValueError("'two_way' names no field: name one, or leave the section out")
        return self

    def masters(self) -> dict[str, Master]:
        """Return the master of each field that is named."""
        named = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: master for name, master in named if master is not None}
