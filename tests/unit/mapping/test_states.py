"""Regions of addresses as codes or as names, whichever way they are written."""

import pytest

from sfxero.mapping.countries import NotJudged, country_code, state_code, state_name
from sfxero.model.findings import Severity

REGION = {"from": ["BillingState"], "country": ["BillingCountry"], "country_default": "AU"}


@pytest.fixture
def region(contacts, build, demo):
    """Transform one account by a rule of regions, and return the region sent and the findings."""

    def run(state, address_country, /, **rule):
        spec = build.respec(demo, contacts={"postal_address": {"region": REGION | rule}})
        result = contacts(
            build.account(1, BillingCity="X", BillingState=state, BillingCountry=address_country),
            spec=spec,
        )
        found = [(one.rule, one.severity, one.field) for one in result.findings]
        (payload,) = build.payloads(result).values() or [{"Addresses": [{}]}]
        return payload["Addresses"][0].get("Region"), found

    return run


@pytest.mark.shows("Contact.Addresses")
@pytest.mark.parametrize(
    ("written", "country", "code", "name"),
    [
        ("NSW", "Australia", "NSW", "New South Wales"),
        ("new  south wales", "AU", "NSW", "New South Wales"),
        ("N.S.W.", None, "NSW", "New South Wales"),
        ("Vic", None, "VIC", "Victoria"),
        ("Queensland", None, "QLD", "Queensland"),
        ("SA", None, "SA", "South Australia"),
        ("Western Australia", None, "WA", "Western Australia"),
        ("TAS", None, "TAS", "Tasmania"),
        ("NT", None, "NT", "Northern Territory"),
        ("ACT", None, "ACT", "Australian Capital Territory"),
        ("Auckland", "New Zealand", "AUK", "Auckland"),
        ("CA", "USA", "CA", "California"),
        ("Quebec", "Canada", "QC", "Quebec"),
        ("Kent", "England", "KEN", "Kent"),
        ("WA", "US", "WA", "Washington"),
        ("Barcelona", "Spain", "B", "Barcelona"),
    ],
)
def test_a_region_goes_as_code_or_as_name_as_the_route_says(region, written, country, code, name):
    assert region(written, country, **{"with": "state_code"}) == (code, [])
    assert region(written, country, **{"with": "state_name"}) == (name, [])


@pytest.mark.shows("Contact.Addresses")
@pytest.mark.parametrize(("state", "country"), [("Atlantis", "AU"), ("Suva", "Fiji Islands")])
@pytest.mark.parametrize("kind", ["state_code", "state_name"])
@pytest.mark.parametrize(
    ("on_unknown", "does"), [("pass", None), ("warn", "warn"), ("refuse", "refuse")]
)
def test_a_region_that_is_not_known_goes_as_it_is_unless_the_route_refuses_it(
    region, state, country, kind, on_unknown, does
):
    sent, found = region(state, country, **{"with": kind, "on_unknown": on_unknown})
    assert sent == (None if does == "refuse" else state)
    assert found == ([("state_unknown", does, "BillingState and BillingCountry")] if does else [])


def test_a_code_of_salesforces_picklists_is_known_without_a_country_field(region):
    sent = region("VIC", "Nowhere", **{"with": "state_name", "country": []})
    assert sent == ("Victoria", [])


def test_a_region_without_a_function_goes_as_it_is(region):
    without = {"country": [], "country_default": None}
    assert region("n.s.w.", "AU", **without) == ("n.s.w.", [])


@pytest.mark.parametrize("name", ["Chiayi", "Hsinchu"])
def test_a_name_that_two_states_share_is_not_guessed(name):
    with pytest.raises(NotJudged):
        state_code(name, "Taiwan")


def test_of_a_region_and_its_part_with_one_name_the_region_is_meant():
    assert (state_code("La Rioja", "ES"), state_name("LO", "ES")) == ("RI", "La Rioja")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Australia", "AU"), ("au", "AU"), ("AUS", "AU"), ("Commonwealth of Australia", None),
        ("U.K.", "GB"), ("United Kingdom", "GB"), ("Scotland", "GB"), ("U.S.A.", "US"),
        ("The Netherlands", "NL"), ("Holland", "NL"), ("South Korea", "KR"), ("Russia", "RU"),
        ("Turkey", "TR"), ("Côte d'Ivoire", "CI"), ("cote d'ivoire", "CI"), ("Vietnam", "VN"),
        ("Utopia", None), ("", None), ("the", None),
    ],
)  # fmt: skip
def test_a_country_is_known_by_code_or_name(written, code):
    assert country_code(written) == code


def test_a_refused_region_holds_its_contact_back(region):
    _, found = region("Atlantis", "AU", **{"with": "state_code", "on_unknown": "refuse"})
    assert found[0][1] is Severity.REFUSE
