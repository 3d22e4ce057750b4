import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfxero.cli.demo.airflow_api import progress
from sfxero.cli.demo.processes import DemoError, Processes, end_all_of, free_ports, own_folder
from sfxero.cli.demo.report import _faults, _shown_faults

WAITER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


def test_a_free_port_is_taken_as_wished(listener: socket.socket) -> None:
    free = listener.getsockname()[1]
    listener.close()

    assert free_ports([free]) == [free]


def test_a_taken_port_gives_way_to_a_free_one(listener: socket.socket) -> None:
    taken = listener.getsockname()[1]

    first, second = free_ports([taken, taken])

    assert len({first, second, taken}) == 3


def test_a_port_that_is_listened_on_by_all_addresses_counts_as_taken() -> None:
    with socket.socket() as one:
        one.bind(("0.0.0.0", 0))  # noqa: S104 - that is the point
        one.listen()
        taken = one.getsockname()[1]

        assert free_ports([taken]) != [taken]


def test_two_demos_have_two_folders_and_the_next_starts_empty(tmp_path: Path) -> None:
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert first != second
        (first / "left.txt").write_text("behind")

    with own_folder(tmp_path) as again:
        assert again == first
        assert list(again.iterdir()) == []


def test_too_many_demos_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfxero.cli.demo.processes._MOST_DEMOS", 2)
    with own_folder(tmp_path), pytest.raises(DemoError, match="run already"):
        own_folder(tmp_path).__enter__()


def test_a_process_that_ended_is_reported_with_its_last_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ)
    processes.start("short", [sys.executable, "-c", "print('goodbye')"])
    processes.running["short"].wait(timeout=10)

    with pytest.raises(DemoError, match="short ended; its last words:\ngoodbye"):
        processes.check()


def test_stopping_ends_the_children_of_the_children_too(tmp_path: Path) -> None:
    child = [sys.executable, "-u", "-c", f"print('up'); import time; time.sleep(60)  # {tmp_path}"]
    nested = f"import subprocess; subprocess.run({child!r})"
    processes = Processes(tmp_path, os.environ)
    processes.start("parent", [sys.executable, "-c", nested])
    while "up" not in processes.last_words("parent"):
        processes.check()

    processes.stop()

    assert processes.running["parent"].poll() is not None
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in listed.stdout


def test_what_belongs_to_another_folder_goes_on(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ)
    processes.start("ours", WAITER)
    try:
        end_all_of(tmp_path / "other")
        processes.check()
    finally:
        processes.stop()


@pytest.mark.parametrize(
    ("tasks", "line"),
    [
        ([], ""),
        ([("start", "success")], "start 1/1"),
        (
            [
                ("publish.contacts", None),
                ("start", "success"),
                ("publish.contacts", "success"),
                ("gate", "running"),
            ],
            "start 1/1  publish 1/2  gate 0/1",
        ),
        (
            [("read", "success"), ("check", None), ("start", "success")],
            "start 1/1  read 1/1  check 0/1",
        ),
        (
            [("extract.Account.wait", "failed"), ("gate", "upstream_failed")],
            "extract 0/1  gate 0/1  failed: extract.Account.wait, gate",
        ),
    ],
)
def test_progress_is_one_line_by_group(tasks: list[Any], line: str) -> None:
    assert progress([{"task_id": name, "state": state} for name, state in tasks]) == line


def invoice(source_id: str, sub_total: str) -> dict[str, str]:
    url = f"https://org.example/lightning/r/Opportunity/{source_id}/view"
    return {"number": f"SF-{source_id}", "url": url, "sub_total": sub_total}


@pytest.mark.parametrize(
    ("invoices", "words"),
    [
        ([("a", "100.00")], []),
        ([("a", "100")], []),
        ([], ["opportunity 1 has 0 invoices, not 1"]),
        ([("a", "100"), ("a", "100")], ["opportunity 1 has 2 invoices, not 1"]),
        ([("a", "100.01")], ["invoice SF-a is over another amount"]),
        ([("a", "100"), ("b", "5")], ["invoice SF-b belongs to no valid opportunity"]),
    ],
)
def test_each_valid_opportunity_has_exactly_one_invoice_of_its_amount(
    invoices: list[tuple[str, str]], words: list[str]
) -> None:
    good = {"a": {"number": "1", "amount": "100.00"}}

    assert _faults(good, [invoice(*one) for one in invoices]) == words


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([("i", "30.00")], []),
        ([("i", "30")], []),
        ([("i", None)], ["invoice SF-1 is shown with another amount paid"]),
        ([("i", "29.99")], ["invoice SF-1 is shown with another amount paid"]),
        ([(None, None)], ["invoice SF-1 is shown on no opportunity"]),
    ],
)
def test_each_invoice_is_shown_with_what_was_paid_of_it(
    shown: list[tuple[str | None, str | None]], words: list[str]
) -> None:
    deals = [{"Xero_Invoice_Id__c": one, "Xero_Amount_Paid__c": paid} for one, paid in shown]
    invoices = [{"invoice_id": "i", "number": "SF-1", "amount_paid": "30.00"}]

    assert _shown_faults(deals, invoices) == words
