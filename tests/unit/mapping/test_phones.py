"""Phones and e-mail of contacts."""

import pytest

ACCOUNT_FIELDS = {"phones": {"default": "AccountNumber"}, "name_suffix": None, "email": "ABN__c",
                  "tax_number": None}  # fmt: skip


@pytest.fixture
def made(demo, build, contacts):
    """Return the contact of an account with this phone and e-mail, and the findings' rules."""

    def run(phone=None, email=None, **phones):
        section = {"phones": ACCOUNT_FIELDS["phones"] | phones}
        spec = build.respec(demo, contacts=ACCOUNT_FIELDS | section)
        result = contacts(build.account(1, AccountNumber=phone, ABN__c=email), spec=spec)
        (payload,) = build.payloads(result).values()
        return payload, [(one.rule, one.severity, one.value) for one in result.findings]

    return run


def parts(number, *, area=None, country=None, kind="DEFAULT"):
    given = {"PhoneCountryCode": country, "PhoneAreaCode": area, "PhoneNumber": number}
    return {"PhoneType": kind} | {name: text for name, text in given.items() if text is not None}


@pytest.mark.shows("Contact.Phones")
@pytest.mark.parametrize(
    ("text", "country", "area", "number"),
    [
        ("(03) 9123 4567", "61", "3", "91234567"),
        ("0412 345 678", "61", "", "412345678"),
        ("+1 (650) 253-0000", "1", "650", "2530000"),
        ("+44 20 7946 0958 ext 12", "44", "20", "79460958 x12"),
    ],
)
def test_a_number_is_split_by_the_rules_of_its_country(made, text, country, area, number):
    payload, findings = made(text)
    assert (payload["Phones"], findings) == ([parts(number, area=area, country=country)], [])


@pytest.mark.shows("Contact.Phones")
def test_a_number_without_country_code_is_of_the_routes_region(made):
    payload, _ = made("020 7946 0958", region="GB")
    assert payload["Phones"] == [parts("79460958", area="20", country="44")]


@pytest.mark.shows("Contact.Phones")
def test_what_is_no_number_goes_as_it_is_and_is_named(made):
    payload, findings = made("ask Ann")
    assert payload["Phones"] == [parts("ask Ann", area="", country="")]
    assert findings == [("phone_unusual", "warn", "ask Ann")]


@pytest.mark.shows("Contact.Phones")
def test_each_kind_has_its_own_rule_and_an_empty_one_is_left_out(made):
    payload, _ = made("(03) 9123 4567", mobile="BillingCity", fax="AccountNumber")
    assert [one["PhoneType"] for one in payload["Phones"]] == ["DEFAULT", "FAX"]


def test_without_any_phone_there_is_no_list(made):
    assert "Phones" not in made()[0]


@pytest.mark.shows("Contact.EmailAddress")
@pytest.mark.parametrize("text", ["ann@example.com", "a.b+c@sub.example.co"])
def test_an_email_address_goes(made, text):
    payload, findings = made(email=text)
    assert (payload["EmailAddress"], findings) == (text, [])


@pytest.mark.shows("Contact.EmailAddress")
@pytest.mark.parametrize("text", ["ann", "ann@", "änn@example.com", "a@b", "a b@example.com"])
def test_a_wrong_email_address_stays_out_and_is_named(made, text):
    payload, findings = made(email=text)
    assert "EmailAddress" not in payload
    assert findings == [("email_invalid", "warn", text)]
