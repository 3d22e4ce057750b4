import pytest

from sfxero.mapping.status_fields import STATUS_FIELDS

pytestmark = pytest.mark.contract

TYPES = {
    "text": "string",
    "url": "url",
    "picklist": "picklist",
    "currency": "currency",
    "date": "date",
    "datetime": "datetime",
    "long_text": "textarea",
}


@pytest.mark.parametrize("field", STATUS_FIELDS, ids=lambda field: field.key)
def test_the_sandbox_org_has_each_field_as_an_administrator_deploys_it(client, field):
    body = client.session.call(
        "GET", f"/services/data/v{client.api_version}/sobjects/Opportunity/describe"
    ).json()
    found = next(one for one in body["fields"] if one["name"] == field.name)
    assert found["type"] == TYPES[field.kind]
    assert found["updateable"]
    assert (found["externalId"], found["unique"]) == (field.is_external_id, field.is_unique)
    assert tuple(one["value"] for one in found["picklistValues"]) == field.values
    assert field.length in {None, found["length"]}
    assert field.precision in {None, found["precision"]}
