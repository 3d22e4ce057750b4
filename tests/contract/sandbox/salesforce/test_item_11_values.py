"""Item 11: the texts of CSV values that trip readers."""

import csv
import io

import pytest

pytestmark = pytest.mark.contract


def csv_of(bench, soql, **settings):
    return bench.call("GET", f"/jobs/query/{bench.finished_job(soql, **settings)}/results").text


def test_item_11_nul_line_separator_and_newlines_stay_as_they_are(empty):
    name = 'A\x00B\u2028C "quoted"'
    empty.call("POST", "/sobjects/Account", json={"Name": name, "BillingStreet": "1\r\n2\n3"})
    text = csv_of(empty, "SELECT Name, BillingStreet FROM Account")
    assert text == ('"Name","BillingStreet"\n"A\x00B\u2028C ""quoted""","1\r\n2\n3"\n')


@pytest.mark.parametrize(
    ("style", "texts"),
    [("java", ["12.5", "1200.0", "8.0E7"]), ("plain", ["12.5", "1200", "8.0E7"])],
)
def test_item_11_decimals_below_ten_million_are_a_switch(empty, deal, style, texts):
    for amount in (12.5, 1200, 80_000_000):
        deal(Amount=amount)
    empty.switch(decimal_text=style)
    lines = csv_of(empty, "SELECT Amount FROM Opportunity ORDER BY Amount").splitlines()[1:]
    assert lines == [f'"{text}"' for text in texts]


@pytest.mark.parametrize(
    ("keeps", "texts"),
    [(True, ["1.0E-4", "33.333", "1.2345678901E7"]), (False, ["0.0", "33.33", "1.23456789E7"])],
)
def test_item_11_numbers_may_keep_more_digits_than_their_field_has(empty, deal, keeps, texts):
    empty.switch(keeps_digits=keeps)
    for amount in ("0.0001", "33.333", "12345678.901"):
        deal(Amount=amount)
    lines = csv_of(empty, "SELECT Amount FROM Opportunity ORDER BY Amount").splitlines()[1:]
    assert lines == [f'"{text}"' for text in texts]


@pytest.mark.parametrize(
    ("name", "sign"),
    [("COMMA", ","), ("TAB", "\t"), ("PIPE", "|"), ("SEMICOLON", ";"), ("CARET", "^"),
     ("BACKQUOTE", "`")],
)  # fmt: skip
def test_item_11_all_delimiters_and_crlf(empty, name, sign):
    empty.call("POST", "/sobjects/Account", json={"Name": f"a{sign}b"})
    text = csv_of(empty, "SELECT Name, Phone FROM Account", columnDelimiter=name, lineEnding="CRLF")
    assert text == f'"Name"{sign}"Phone"\r\n"a{sign}b"{sign}""\r\n'
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=sign))[1] == [f"a{sign}b", ""]
