from pathlib import Path

from sfxero.settings import load_settings


def test_everything_has_a_place_in_airflows_home(tmp_path: Path) -> None:
    settings = load_settings({"AIRFLOW_HOME": str(tmp_path)})

    assert settings.ledger_url == f"sqlite:///{tmp_path}/sfxero/ledger.db"
    assert settings.staging_root == f"file://{tmp_path}/sfxero/staging"


def test_without_airflows_home_its_usual_place_is_taken() -> None:
    assert load_settings({}).ledger_url == f"sqlite:///{Path.home()}/airflow/sfxero/ledger.db"


def test_what_is_named_wins(tmp_path: Path) -> None:
    (tmp_path / "include" / "mappings").mkdir(parents=True)
    named = {
        "AIRFLOW_HOME": str(tmp_path),
        "SFXERO_INCLUDE": "/etc/sfxero",
        "SFXERO_STAGING": "s3://bucket/staging",
    }

    settings = load_settings(named)

    assert settings.mappings == Path("/etc/sfxero/mappings")
    assert settings.expectations == Path("/etc/sfxero/expectations")
    assert settings.staging_root == "s3://bucket/staging"


def test_routes_in_airflows_home_win_over_those_of_the_package(tmp_path: Path) -> None:
    environment = {"AIRFLOW_HOME": str(tmp_path)}
    packaged = load_settings(environment)
    assert (packaged.mappings / "demo.yaml").exists()

    (tmp_path / "include" / "mappings").mkdir(parents=True)
    assert load_settings(environment).include == tmp_path / "include"


def test_the_environment_is_read_when_nothing_is_given(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SFXERO_STAGING", f"file://{tmp_path}")

    assert load_settings().staging_root == f"file://{tmp_path}"


def test_keys_are_read_newest_first_and_do_not_show_themselves() -> None:
    settings = load_settings({"SFXERO_TOKEN_KEY": " hunter2, hunter1 ,"})
    assert settings.token_keys == ("hunter2", "hunter1")
    assert "hunter" not in repr(settings)
