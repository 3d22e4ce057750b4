"""Staging in an S3 bucket behaves as staging in a folder does."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.test_downloads import ROWS, rows_of, submitted

from sfxero.errors import IncompleteExtract, StagingError
from sfxero.staging.manifest import is_published, load
from sfxero.staging.reader import read_frame
from sfxero.sync import extract
from sfxero.sync.scope import Scope

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

PAGES = 4


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local S3 server, mounted where Airflow's own paths find it."""
    # Airflow makes its folders when it is imported: not in the home of who runs the tests.
    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    from airflow.sdk.io import attach
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    files = S3FileSystem(
        key="test",
        secret="test",
        client_kwargs={"endpoint_url": f"http://{host}:{port}", "region_name": "ap-southeast-2"},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    attach("s3", conn_id="store", fs=files)
    yield files
    server.stop()


@pytest.fixture
def in_bucket(store: Any, world: World) -> World:
    """An org with some pages, whose runs stage into a bucket of their own."""
    from airflow.sdk import ObjectStoragePath

    bucket = f"staging-{uuid.uuid4().hex}"
    store.mkdir(bucket)
    world.root = ObjectStoragePath(f"s3://store@{bucket}/staging")
    world.account()
    world.control("POST", "/salesforce/seed_big", {"rows": ROWS})
    world.org_switch(page_cap=ROWS // PAGES)
    return world


def names(scope: Scope) -> list[str]:
    return sorted(path.name for path in scope.folder("Opportunity").iterdir())


def test_rows_in_a_bucket_are_those_in_a_folder(in_bucket: World, tmp_path: Any) -> None:
    scope, window_id = submitted(in_bucket)
    folder = extract.download(scope, in_bucket.salesforce, window_id)
    in_bucket.root = tmp_path / "staging"
    local, window_id = submitted(in_bucket)
    extract.download(local, in_bucket.salesforce, window_id)

    assert folder.startswith("s3://")
    assert rows_of(scope) == rows_of(local)
    assert len(rows_of(scope)) == ROWS
    assert len(names(scope)) == PAGES + 1
    assert not [name for name in names(scope) if "draft" in name]


def test_nothing_is_published_before_all_is_there(in_bucket: World) -> None:
    scope, window_id = submitted(in_bucket)
    folder = scope.folder("Opportunity")
    in_bucket.fail("short_page", "/results$", count=None)
    with pytest.raises(IncompleteExtract):
        extract.download(scope, in_bucket.salesforce, window_id)
    assert not is_published(folder)
    with pytest.raises(StagingError, match="nothing is staged"):
        load(folder)

    in_bucket.control("DELETE", "/fault")
    extract.download(scope, in_bucket.salesforce, window_id)

    assert is_published(folder)
    assert len(rows_of(scope)) == ROWS
    assert len(names(scope)) == PAGES + 1  # what the first try left is swept


def test_a_part_of_other_bytes_is_refused(in_bucket: World, store: Any) -> None:
    scope, window_id = submitted(in_bucket)
    extract.download(scope, in_bucket.salesforce, window_id)
    staged = load(scope.folder("Opportunity"))
    part = staged.folder / staged.manifest.files[0].name
    with part.open("wb") as handle:
        handle.write(b"PAR1")

    with pytest.raises(StagingError, match="not the file"):
        read_frame([staged])


def test_whole_runs_stage_windows_and_companions_in_the_bucket(in_bucket: World) -> None:
    in_bucket.run(publishes=False)
    in_bucket.sleep(3600)
    opportunity = in_bucket.won(in_bucket.rows("Account")[0]["Id"])
    in_bucket.run("second", publishes=False)

    scope = in_bucket.scope("second")
    frames = [read_frame([one]) for one in scope.staged("Opportunity")]
    assert opportunity in {one for frame in frames for one in frame["Id"]}
    assert str(scope.staged("Opportunity")[0].folder).startswith("s3://")
