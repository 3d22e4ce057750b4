import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sfxero.errors import StagingError
from sfxero.staging.manifest import Manifest, StagedFile, is_published, load, save, withdraw

MANIFEST = Manifest(
    route="demo",
    run_id="scheduled__2026-11-01",
    object_name="Opportunity",
    window_from_at=datetime(2026, 11, 1, 1, tzinfo=UTC),
    window_to_at=datetime(2026, 11, 1, 2, 0, 0, 5, tzinfo=UTC),
    api_version="66.0",
    job_id="750000000000001AAA",
    mapping_version="sha-1",
    files=(StagedFile("part-00000.parquet", 2, 1234, "ab" * 32),),
    row_count=2,
    staged_at=datetime(2026, 11, 1, 2, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "manifest", [MANIFEST, replace(MANIFEST, window_from_at=None, job_id=None)]
)
def test_manifest_comes_back_as_it_was_saved(tmp_path, manifest):
    saved = save(manifest, tmp_path)
    assert load(tmp_path) == saved
    assert load(tmp_path).manifest == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_saving_again_replaces(tmp_path):
    save(MANIFEST, tmp_path)
    save(replace(MANIFEST, row_count=3), tmp_path)
    assert load(tmp_path).manifest.row_count == 3


def test_what_is_withdrawn_is_not_published_any_more(tmp_path):
    save(MANIFEST, tmp_path)
    assert is_published(tmp_path)
    for _ in range(2):
        withdraw(tmp_path)
    assert not is_published(tmp_path)


def test_folder_without_manifest_is_not_staged(tmp_path):
    (tmp_path / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(StagingError, match="nothing is staged"):
        load(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"row_count": ...},
        {"format": ...},
        {"surplus": 1},
        {"window_to_at": "2026-11-01T00:00:00"},
        {"staged_at": None},
        {"files": [{"name": "x"}]},
        {"files": 7},
    ],
    ids=str,
)
def test_damaged_manifest_is_refused(tmp_path, damage):
    save(MANIFEST, tmp_path)
    path = tmp_path / "manifest.json"
    body = json.loads(path.read_text()) | damage
    kept = {name: value for name, value in body.items() if value is not ...}
    path.write_text(json.dumps(kept))
    with pytest.raises(StagingError):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format": 1', "\xff"])
def test_manifest_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(StagingError):
        load(tmp_path)
