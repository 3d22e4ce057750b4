"""The section of a route file that lets contacts which were made in Xero become accounts."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from sfxero.mapping.conditions import Condition
from sfxero.mapping.section import Section

EXTERNAL_ID: Final = "Xero_Contact_Id__c"
"""The field of the package in include/salesforce."""
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class NewInXeroSection(Section):
    """Which contacts that stand for no account become one, and what else these accounts hold."""

    when: Condition
    """Over the fields of the contact, by Xero's names."""
    external_id: FieldName = EXTERNAL_ID
    """The account's field for the contact's id: an external id, and unique."""
    values: Mapping[FieldName, bool | str] = Field(default_factory=dict)
    """Fields of the account that are the same for all of them."""
