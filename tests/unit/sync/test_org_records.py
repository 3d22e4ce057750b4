"""What an org's fields must be like to be written."""

import pytest

from sfxero.salesforce.describe import ObjectDescribe, parse_describe
from sfxero.sync.org_records import account_troubles


def account(kind: str) -> ObjectDescribe:
    """An account with one field of this type."""
    field = {"name": "ABN__c", "type": kind, "updateable": True}
    return parse_describe({"name": "Account", "fields": [field]})


@pytest.mark.parametrize("kind", ["double", "int", "currency", "boolean", "date", "reference"])
def test_a_field_of_accounts_that_holds_no_text_is_refused_by_name(kind: str) -> None:
    told = account_troubles(account(kind), ["ABN__c"])
    assert told == {"ABN__c": f"ABN__c is of type {kind}, not text"}


@pytest.mark.parametrize("kind", ["string", "textarea", "phone", "email", "picklist", "url"])
def test_a_field_of_accounts_that_holds_text_is_none_of_trouble(kind: str) -> None:
    assert account_troubles(account(kind), ["ABN__c"]) == {}
