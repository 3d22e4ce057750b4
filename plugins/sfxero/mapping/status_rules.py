"""The section of a route file that names the fields which show what Xero says."""

import hashlib
import json
from typing import Annotated, Final

from pydantic import StringConstraints, model_validator

from sfxero.mapping.section import Section
from sfxero.mapping.status_fields import STATUS_FIELDS

STATUS_VERSION: Final = 1
"""Raised when the same invoice begins to show otherwise on its opportunity."""

_STATUS_NAMES: Final = {one.key: one.name for one in STATUS_FIELDS}

CustomField = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$")]
"""A custom field: the sync writes none of Salesforce's own."""


class SalesforceFieldsSection(Section):
    """The fields of the opportunity that show what Xero says; null leaves one out."""

    invoice_id: CustomField | None = _STATUS_NAMES["invoice_id"]
    invoice_number: CustomField | None = _STATUS_NAMES["invoice_number"]
    invoice_url: CustomField | None = _STATUS_NAMES["invoice_url"]
    status: CustomField | None = _STATUS_NAMES["status"]
    payment_status: CustomField | None = _STATUS_NAMES["payment_status"]
    amount_paid: CustomField | None = _STATUS_NAMES["amount_paid"]
    amount_due: CustomField | None = _STATUS_NAMES["amount_due"]
    amount_credited: CustomField | None = _STATUS_NAMES["amount_credited"]
    paid_on: CustomField | None = _STATUS_NAMES["paid_on"]
    last_synced_at: CustomField | None = _STATUS_NAMES["last_synced_at"]
    sync_error: CustomField | None = _STATUS_NAMES["sync_error"]

    @model_validator(mode="after")
    def _names_each_once(self) -> "SalesforceFieldsSection":
        names = [name.lower() for name in self.named().values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} cannot show two things at once")
        if not self.shown():
            raise ValueError("without any field of the invoice there is nothing to show")
        return self

    def named(self) -> dict[str, str]:
        """Return the names of the fields that are written, by their keys."""
        return {one.key: name for one in STATUS_FIELDS if (name := getattr(self, one.key))}

    def shown(self) -> dict[str, str]:
        """Return those among them that show the invoice itself."""
        others = {"last_synced_at", "sync_error"}
        return {key: name for key, name in self.named().items() if key not in others}

    @property
    def version(self) -> str:
        """Identify the rules by which opportunities show their invoices."""
        text = json.dumps([STATUS_VERSION, self.named()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
