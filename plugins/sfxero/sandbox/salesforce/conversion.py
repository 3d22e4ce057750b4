"""How a lead becomes an account with a contact, in one transaction, as a user's conversion does."""

from typing import TYPE_CHECKING

from sfxero.sandbox.salesforce import rules
from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.records import Record

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

CONVERTED = "Closed - Converted"


def convert(org: "SalesforceOrg", lead_id: str, account_id: str | None = None) -> Record:
    """Convert a lead into an account of its company, or into one that is there; return the lead."""
    source = rules.find_object(org, "Lead")
    lead = rules.find_record(org, source, lead_id)
    if lead["IsConverted"]:
        raise refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    with org.records.transaction() as roll_back:
        try:
            into = _account(org, lead) if account_id is None else _known(org, account_id)
            contact = rules.create(
                org,
                "Contact",
                {"AccountId": into}
                | {name: lead[name] for name in ("FirstName", "LastName", "Phone", "Email")},
            )
        except Exception:
            roll_back()
            raise
    changes: Record = {
        "IsConverted": True,
        "Status": CONVERTED,
        "ConvertedAccountId": into,
        "ConvertedContactId": contact,
    }
    org.records.put(source.name, rules.touched(org, lead | changes, at=org.now()))
    return lead | changes


def _account(org: "SalesforceOrg", lead: Record) -> str:
    return rules.create(org, "Account", {"Name": lead["Company"], "Phone": lead["Phone"]})


def _known(org: "SalesforceOrg", account_id: str) -> str:
    found = rules.find_record(org, rules.find_object(org, "Account"), account_id)
    return str(found["Id"])
