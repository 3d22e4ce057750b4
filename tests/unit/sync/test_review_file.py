"""Review files as people's spreadsheets and editors leave them: read whole, or refused."""

from pathlib import Path

import pytest

from sfxero.errors import ConfigurationError
from sfxero.sync.matching.review_file import Answer, read_csv

HEAD = "answer,account_id,contact_id"
ONE, TWO = "accept,001000000000001AAA,c-1", "accept,001000000000002AAA,c-2"


def read(folder: Path, *lines: str) -> list[Answer]:
    path = folder / "answered.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_csv(path)


def test_a_quotation_mark_that_is_not_closed_does_not_swallow_the_rows_after_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path, f"{HEAD},note", f'{ONE},"see below', f"{TWO},")


@pytest.mark.parametrize("name", ["answer", "account_id", "contact_id"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the column {name} is there twice"):
        read(tmp_path, f"{HEAD},{name}", f"{ONE},")


def test_columns_without_a_name_and_cells_beyond_them_are_passed_over(tmp_path: Path) -> None:
    found = read(tmp_path, f"{HEAD},,", f"{ONE},mine,,and more", TWO)

    assert [one.contact_id for one in found] == ["c-1", "c-2"]


def test_columns_may_move_and_names_may_hold_what_parts_cells(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '"account_name";"contact_id";"account_id";"answer"',
        '"Acme; ""the"" firm,\nSydney";"C-1";"001000000000001AAA";" Accept "',
    )

    assert found == [Answer(3, "accept", "001000000000001AAA", "c-1", "")]
