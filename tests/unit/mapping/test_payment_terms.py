"""Payment terms of contacts: by a table, in the words that due dates have."""

import pytest

from sfxero.errors import MappingFileError
from sfxero.mapping.loader import load_route
from sfxero.mapping.terms_rules import PaymentTermsSection, TermsSection
from sfxero.model.findings import Severity

TABLE = {
    "30 days": {"days": 30},
    "20th of next month": {"days": 20, "terms": "day_of_next_month"},
}
FIELD = "Payment_Terms__c"
ACCOUNT = "001000000000001AAA"


@pytest.fixture
def made(contacts, build, demo):
    """Return the payload, and the findings, of an account that says this of its terms."""

    def make(said, **section):
        terms = {"by": FIELD, "table": TABLE} | section
        spec = build.respec(demo, contacts={"payment_terms": terms})
        result = contacts(build.account(1, **{FIELD: said}), spec=spec)
        return build.payloads(result).get(ACCOUNT), result.findings

    return make


@pytest.mark.shows("Contact.PaymentTerms")
@pytest.mark.parametrize(
    ("days", "terms", "kind"),
    [
        (30, "after_date", "DAYSAFTERBILLDATE"),
        (0, "after_month_end", "DAYSAFTERBILLMONTH"),
        (15, "day_of_month", "OFCURRENTMONTH"),
        (20, "day_of_next_month", "OFFOLLOWINGMONTH"),
    ],
)
def test_terms_go_as_xero_says_them_and_only_those_of_sales(made, days, terms, kind):
    payload, findings = made("Net", table={"Net": {"days": days, "terms": terms}})
    assert payload["PaymentTerms"] == {"Sales": {"Day": days, "Type": kind}}
    assert findings == []


@pytest.mark.shows("Contact.PaymentTerms")
@pytest.mark.parametrize("said", [None, "", "  "])
def test_an_account_that_says_nothing_leaves_the_terms_alone(made, said):
    payload, findings = made(said)
    assert "PaymentTerms" not in payload
    assert findings == []


@pytest.mark.shows("Contact.PaymentTerms")
@pytest.mark.parametrize("said", ["30 Days", "45 days"])
def test_terms_that_the_table_does_not_name_refuse_the_account(made, said):
    payload, (finding,) = made(said)
    assert payload is None
    assert (finding.rule, finding.field, finding.value, finding.severity) == (
        "payment_terms_unknown", FIELD, said, Severity.REFUSE,
    )  # fmt: skip


@pytest.mark.shows("Contact.PaymentTerms")
def test_a_route_may_send_the_contact_without_unknown_terms(made):
    payload, (finding,) = made("45 days", on_unknown="warn")
    assert "PaymentTerms" not in payload
    assert (finding.rule, finding.severity) == ("payment_terms_unknown", Severity.WARN)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"days": 32}, "less than or equal to 31"),
        ({"days": -1}, "greater than or equal to 0"),
        ({"days": 0, "terms": "day_of_month"}, "days is a day of a month: 1 to 31"),
        ({"days": 0, "terms": "day_of_next_month"}, "days is a day of a month: 1 to 31"),
        ({"days": 7, "terms": "soon"}, "'after_date', 'after_month_end'"),
    ],
)
def test_terms_that_xero_does_not_have_are_refused(terms, message):
    with pytest.raises(ValueError, match=message):
        TermsSection.model_validate(terms)


def test_a_table_without_terms_is_refused():
    with pytest.raises(ValueError, match="table"):
        PaymentTermsSection.model_validate({"by": FIELD, "table": {}})


WAY = "  payment_terms:\n    by: {by}\n    {more}\n    table:\n      30 days: {{days: 30}}\n"


def route(build, tmp_path, section):
    text = build.demo_file.read_text(encoding="utf-8")
    shared = "  source: Account\n  two_way: {payment_terms: newest}\n"
    path = tmp_path / "demo.yaml"
    path.write_text(text.replace("  source: Account\n", f"{shared}{section}", 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        (WAY.format(by=FIELD, more="on_unknown: refuse") + "      Net 30: {days: 30}\n",
         "Net 30", "'Net 30' cannot flow back to the account: '30 days' has the same terms"),
        (WAY.format(by=FIELD, more="on_unknown: warn"), "on_unknown", "would be taken for none"),
        (WAY.format(by="Parent.Terms__c", more="on_unknown: refuse"), "payment_terms",
         "'contacts.payment_terms' cannot flow back to the account: Parent.Terms__c is a field of"),
        (WAY.format(by="Name", more="on_unknown: refuse"), "payment_terms", None),
        ("", "two_way", "shares a field that 'contacts' does not map"),
    ],
)  # fmt: skip
def test_terms_without_one_way_back_are_refused_with_their_line(
    build, tmp_path, section, line, message
):
    path = route(build, tmp_path, section)
    if message is None:
        assert load_route(path).contacts.payment_terms is not None
        return

    with pytest.raises(MappingFileError) as caught:
        load_route(path)

    assert message in str(caught.value)
    assert caught.value.hint
    lines = path.read_text(encoding="utf-8").splitlines()
    assert line in lines[caught.value.line - 1]


def test_names_of_the_same_terms_may_stand_in_a_route_of_one_way(build, demo):
    terms = {"by": FIELD, "table": TABLE | {"Net 30": {"days": 30}}}
    spec = build.respec(demo, contacts={"payment_terms": terms})
    assert spec.contacts.payment_terms.doubles() == {"Net 30": "30 days"}
