from tests.docs.pages import read, rows, section, spans

from sfxero.mapping.status_fields import STATUS_FIELDS
from sfxero.model.differences import KINDS

PAGE = "docs/reconcile.md"


def test_every_kind_of_difference_is_explained_and_no_other() -> None:
    told = {spans(row[0])[0]: row[1:] for row in rows(section(PAGE, "## Differences"))}
    assert told == {
        str(kind): [facts.title, "no" if facts.is_explained else "yes", facts.next_step]
        for kind, facts in KINDS.items()
    }


def test_what_may_be_sent_again_is_told() -> None:
    text = section(PAGE, "## Repairs")
    told = {str(kind) for kind in KINDS if f"{kind}: resend" in text}
    assert told == {str(kind) for kind, facts in KINDS.items() if facts.can_resend}


def test_the_package_is_told_with_as_many_fields_as_it_has() -> None:
    assert len(STATUS_FIELDS) == 11
    assert "eleven fields" in read("docs/salesforce-package.md")
