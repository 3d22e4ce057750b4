"""Rules of a route about rows of other objects that belong to a record."""

from typing import Annotated

from pydantic import StringConstraints

from sfxero.mapping.conditions import Condition
from sfxero.mapping.section import Section
from sfxero.mapping.template import FieldPath

ObjectName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9_]*$")]
RelatedName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
"""Small letters, so that it is no relationship of Salesforce's."""


class RelatedSection(Section):
    """Rows of another object that belong to a record; the first of them lends its fields."""

    object: ObjectName
    of: FieldPath
    """Its field that holds the record's id, or a path to it through parents."""
    when: Condition | None = None
    """Which rows count; all, if it is left out."""
    first: Condition | None = None
    """Rows that meet it come before others."""
    order_by: FieldPath | None = None
    """Then by this field; without it, by id."""


class PersonsSection(RelatedSection):
    """The contact persons: up to five rows, each person once."""

    first_name: FieldPath = "FirstName"
    last_name: FieldPath = "LastName"
    email: FieldPath = "Email"
    in_emails: bool = False
    """Whether Xero sends them copies of invoices."""
