from tests.docs.pages import rows, section
from tests.simulation.defects import DEFECTS

PAGE = "docs/simulation.md"


def test_the_page_lists_the_deliberate_defects() -> None:
    told = [row[0] for row in rows(section(PAGE, "## That it can fail"))]
    assert sorted(told) == sorted(one.name for one in DEFECTS)
