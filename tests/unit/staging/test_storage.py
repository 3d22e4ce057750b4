"""What the operating system really says about a bad place becomes our error, with a hint."""

import errno
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfxero.errors import StagingError
from sfxero.staging.layout import part_name
from sfxero.staging.storage import make_folder, storage_errors
from sfxero.staging.writer import stage_page, write_records

NAME = part_name(0, token="w1")
FULL = Path("/dev/full")
MANY = 2_000
KIB = 1024

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond a few kilobytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * KIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@needs_full
def test_a_full_disk_is_told_and_the_page_not_read_again(tmp_path, schema, page_of, fake_page):
    (tmp_path / NAME).symlink_to(FULL)
    page = fake_page(page_of({}, {"record_id": "2"}), count=2)

    with pytest.raises(StagingError, match="No space left on device") as caught:
        stage_page(page, schema=schema, folder=tmp_path, name=NAME)

    assert caught.value.hint == (
        "Make room there; nothing is lost, the next run reads the same again."
    )
    assert page.reopened == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_not_grow_is_told_and_nothing_of_it_stays(
    tmp_path, schema, page_of, fake_page, small_files
):
    page = fake_page(page_of(*({"record_id": str(n * 7919)} for n in range(MANY))))

    with pytest.raises(StagingError, match="File too large"):
        stage_page(page, schema=schema, folder=tmp_path, name=NAME)

    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nobody_may_write_is_told():
    """Not even root makes folders among the kernel's."""
    with pytest.raises(StagingError, match=r"cannot be written: .*/sys/") as caught:
        make_folder(Path("/sys/staging/demo"))

    assert "SFXERO_STAGING" in (caught.value.hint or "")


def test_records_of_a_query_are_told_of_alike(schema, tmp_path):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StagingError, match="Not a directory"):
        write_records([], schema=schema, folder=tmp_path / "file" / "below")


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ETIMEDOUT, None])
def test_what_is_not_the_places_fault_passes(number):
    raised = OSError(number, "of the network") if number else OSError("of the network")
    with pytest.raises(OSError, match="of the network") as caught, storage_errors():
        raise raised
    assert caught.value is raised
