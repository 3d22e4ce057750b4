"""The page of the fields is what the tests show, and each field is shown."""

from tests.docs.field_rows import ROWS
from tests.docs.field_table import PAGE, page, read_tests, shown_fields
from tests.docs.pages import ROOT

FIELDS = [field for row in ROWS for field in row.xero]


def test_the_page_is_what_make_fields_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(shown_fields()), "run `make fields`"


def test_every_field_of_a_row_is_shown_by_a_test() -> None:
    shown = {field for test in shown_fields() for field in test.fields}
    assert [field for field in FIELDS if field not in shown] == []


def test_every_mark_names_a_field_of_one_row() -> None:
    assert len(FIELDS) == len(set(FIELDS))
    for test in shown_fields():
        assert set(test.fields) <= set(FIELDS), test


def test_no_mark_is_passed_over() -> None:
    files = [one for one in (ROOT / "tests").rglob("*.py") if one.parent.name != "docs"]
    marks = sum(one.read_text(encoding="utf-8").count("mark.shows") for one in files)
    assert marks == len(shown_fields())


SOURCE = """
KNOWN = "51 824"

@pytest.mark.shows("A.B", "A.C")
@pytest.mark.parametrize(("given", "made_of"), [
    (KNOWN, [Decimal("1.50"), None]),
    ("a|b", {"on": date(2026, 11, 20)}),
    (" \\u200b", []),
    ("x" * 3, made()),
    ("y" * 3, "made by code"),
])
@pytest.mark.parametrize("one", ["Cafe\\u0301", ""])
def test_the_abn_is_what_xero_takes(given, made_of, one): ...

def test_others_are_passed_over(): ...
"""


def test_a_test_is_read_with_its_sentence_and_its_plain_examples() -> None:
    (test,) = read_tests(SOURCE, "test_x.py")
    assert (test.sentence, test.fields) == ("The ABN is what Xero takes", ("A.B", "A.C"))
    pairs, singles = test.examples
    assert (pairs.names, pairs.others) == (("given", "made of"), 2)
    assert pairs.rows == (
        ("`51 824`", "`1.50`, nothing"),
        ("`a\\|b`", "on: `2026-11-20`"),
        ('`" \\u200b"`', "none"),
    )
    assert (singles.rows, singles.others) == ((('`"Cafe\\u0301"`',), ('`""`',)), 0)
