"""The demo's folder, ports and processes; whatever it started ends with it."""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil

MARK: Final = "SFXERO_DEMO_FOLDER"
"""In the environment of what a demo starts, and so of its children: names its folder."""
_KEEP_MARK: Final = {"SPT_NOENV": "1"}
"""Airflow's parts set their titles; by default that writes over the environment we look into."""
_GRACE_S: Final = 8.0
_MOST_DEMOS: Final = 20


class DemoError(Exception):
    """The demo cannot go on; the text says why and where to look."""


@dataclass(slots=True)
class Processes:
    """What runs for one demo."""

    folder: Path
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process in a session of its own, so that Ctrl-C reaches us first."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=self.folder,
                env={**self.environment, **_KEEP_MARK, MARK: str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise DemoError if one of them has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended; its last words:\n{self.last_words(name)}")

    def last_words(self, name: str) -> str:
        """Return the end of a process's log."""
        text = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-15:])

    def stop(self) -> None:
        """End everything that belongs to the folder."""
        end_all_of(self.folder)
        for process in self.running.values():
            process.wait(timeout=_GRACE_S)


def end_all_of(folder: Path) -> None:
    """End all processes of the folder's demo: politely, then without asking."""
    deadline = time.monotonic() + _GRACE_S
    for process in _processes_of(folder):
        with contextlib.suppress(psutil.Error):
            process.terminate()
    while (left := _processes_of(folder)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.3)
    # Whoever is left may start others while it dies, so this is done until nobody is.
    while left := _processes_of(folder):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Find all that carry the folder's mark in their environment, whoever is their parent."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_ours = process.environ().get(MARK) == str(folder)
            if is_ours and process.pid != os.getpid() and process.status() != "zombie":
                found.append(process)
    return found


@contextlib.contextmanager
def own_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder that no other running demo uses, and hold it; nothing outlives it."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, _MOST_DEMOS):
        with (root / f"{number}.lock").open("w") as lock:
            if not _take(lock):
                continue
            folder = (root / str(number)).resolve()
            # A demo that was killed could not clean up.
            end_all_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                end_all_of(folder)
            return
    raise DemoError(f"{_MOST_DEMOS - 1} demos run already; their folders are in {root}")


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def free_ports(wanted: Sequence[int]) -> list[int]:
    """Return for each wanted port itself, or a free one if it is taken."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(_bound(port)) for port in wanted]
        return [one.getsockname()[1] for one in held]


def _bound(port: int) -> socket.socket:
    for candidate in (port, 0):
        one = socket.socket()
        # As the servers do it: a port in TIME_WAIT is free, one that is listened on is not.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", candidate))
            if candidate:
                _refuse_listened(candidate)
        except OSError:
            one.close()
        else:
            return one
    raise DemoError("no port is free on 127.0.0.1")


def _refuse_listened(port: int) -> None:
    """Raise OSError if anybody answers there, on whatever local address."""
    with socket.socket() as one:
        one.settimeout(0.5)
        if one.connect_ex(("127.0.0.1", port)) == 0:
            raise OSError(port)
