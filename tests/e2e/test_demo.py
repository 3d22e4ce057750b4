"""The demo in real processes: it ends well, it ends at once if told to, and leaves nothing."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from tests.e2e.world import QUICK, SLOW, clean_environment, wait_for

from sfxero.cli.demo.processes import MARK, Processes, free_ports, own_folder

USUAL_PORTS = (8080, 8099)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


class Demo:
    """A running demo, and every process that it was ever seen to have."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        self._seen: set[psutil.Process] = set()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sfxero.cli.main", "demo", *arguments],
                env=clean_environment(COLUMNS="120"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8")

    def titles(self) -> list[str]:
        """Return the command lines of all that runs for it now."""
        with suppress(psutil.NoSuchProcess):
            self._seen.update(psutil.Process(self.process.pid).children(recursive=True))
        return [title for one in self._seen if (title := title_of(one))]

    def has_ended(self) -> bool:
        """Look at its processes, and say whether the demo itself is over."""
        self.titles()
        return self.process.poll() is not None

    def wait_until(self, is_so: Callable[[list[str]], bool], *, what: str) -> None:
        """Wait for a state of its processes."""
        wait_for(
            lambda: is_so(self.titles()) or self.process.poll() is not None,
            limit_s=SLOW,
            what=what,
        )
        assert self.process.poll() is None, self.output

    def end(self, number: signal.Signals) -> int:
        """Send a signal twice, as impatient people do; returns the exit status."""
        self.titles()
        self.process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)
        self.process.send_signal(number)
        return self.process.wait(QUICK)

    def leftovers(self) -> list[str]:
        """Return what still runs of all that it was ever seen to have, or that has its mark."""
        found = re.search(r"Airflow in (\S+)", self.output)
        assert found, self.output
        marked = [title_of(one) for one in psutil.process_iter() if mark_of(one) == found.group(1)]
        return [*self.titles(), *filter(None, marked)]

    def abandon(self) -> None:
        """End whatever a failed test left behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(QUICK)
        for one in self._seen:
            with suppress(psutil.Error):
                one.kill()


def title_of(process: psutil.Process) -> str:
    """Return the command line of a process that lives; a zombie does not."""
    with suppress(psutil.Error):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return " ".join(process.cmdline())
    return ""


def mark_of(process: psutil.Process) -> str | None:
    """Return the folder whose demo a process belongs to."""
    with suppress(psutil.Error):
        return process.environ().get(MARK)
    return None


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start a demo that ends with the test."""
    with ExitStack() as stack:

        def begin(*arguments: str) -> Demo:
            demo = Demo(tmp_path / "demo.log", *arguments)
            stack.callback(demo.abandon)
            return demo

        yield begin


@pytest.fixture
def taken_ports() -> Iterator[None]:
    """Somebody else, perhaps not of this test, listens on the usual ports."""
    with ExitStack() as stack:
        for port in USUAL_PORTS:
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                one.listen()
        yield


def has_api_server(titles: list[str]) -> bool:
    """Say whether the API server has taken its own title, as it does when it is up."""
    return any(title.startswith("airflow api_server") for title in titles)


def has_sandbox(titles: list[str]) -> bool:
    """Say whether the sandbox has been started, which comes first."""
    return any("sandbox start" in title for title in titles)


@pytest.mark.usefixtures("taken_ports")
def test_a_demo_beside_taken_ports_ends_well_and_leaves_no_process(
    start: Callable[..., Demo],
) -> None:
    demo = start("--wait", "0")
    demo.wait_until(has_api_server, what="an API server")
    ports = {int(port) for title in demo.titles() for port in re.findall(r"port[ :](\d+)", title)}
    assert len(ports) == 2
    assert not ports & set(USUAL_PORTS)
    wait_for(demo.has_ended, limit_s=500, what="the end of the demo")
    assert demo.process.returncode == 0, demo.output
    assert re.search(r"difference +.* AUD 0\.00", demo.output)
    assert re.search(r"calls refused with 429 +.* 0\b", demo.output)
    paid = re.findall(r"│ paid.*? AUD ([\d,.]+) │", demo.output)
    assert len(paid) == 2
    assert paid[0] == paid[1] != "0.00"
    assert "not well" not in demo.output
    assert demo.leftovers() == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [(has_sandbox, signal.SIGTERM), (has_api_server, signal.SIGINT)],
)
def test_a_demo_that_is_interrupted_while_it_starts_leaves_no_process(
    start: Callable[..., Demo], moment: Callable[[list[str]], bool], number: signal.Signals
) -> None:
    demo = start()
    demo.wait_until(moment, what="that moment")
    assert demo.end(number) == 130, demo.output
    assert demo.leftovers() == []
    assert "Traceback" not in demo.output


def test_a_taken_port_is_replaced_and_a_free_one_is_kept() -> None:
    with socket.socket() as taken, socket.socket() as free:
        for one in (taken, free):
            one.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = [taken.getsockname()[1], free.getsockname()[1]]
        free.close()
        given = free_ports(wanted)
    assert given[1] == wanted[1]
    assert given[0] not in wanted


def test_two_demos_at_once_have_folders_of_their_own(tmp_path: Path) -> None:
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert first != second
    with own_folder(tmp_path) as third:
        assert third == first


def test_what_a_killed_demo_left_running_ends_before_its_folder_is_used_again(
    tmp_path: Path,
) -> None:
    with own_folder(tmp_path) as folder:
        pass
    ready = folder / "ready"
    # As Airflow does: a title of its own must not hide a process.
    code = f"""
import pathlib, setproctitle, time
setproctitle.setproctitle("another title " * 20)
pathlib.Path({str(ready)!r}).touch()
time.sleep(600)
"""
    processes = Processes(folder, clean_environment())
    processes.start("sleeper", [sys.executable, "-c", code])
    sleeper = processes.running["sleeper"]
    try:
        wait_for(ready.exists, limit_s=QUICK, what="the sleeper")
        assert sleeper.poll() is None
        with own_folder(tmp_path) as again:
            assert again == folder
            # It sleeps longer than this waits. Whoever asks first is told its status: where psutil
            # was first, what is left is 0.
            assert sleeper.wait(QUICK) in {-signal.SIGTERM, 0}
            assert not ready.exists()
    finally:
        sleeper.kill()
        sleeper.wait(QUICK)
