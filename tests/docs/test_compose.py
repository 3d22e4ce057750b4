import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.docs.pages import ROOT, keys, read, section

from sfxero.cli.demo.command import _settings
from sfxero.cli.main import app
from sfxero.cli.pools import needed_pools
from sfxero.mapping.loader import load_route
from sfxero.transport.wire import check_address

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {name for name in SERVICES if name.startswith("airflow-")}
TASKS_RUN_IN = "airflow-scheduler"
HOME = "/opt/sfxero"
REQUIRED = re.compile(r"\$\{([A-Z_]+):\?[^}]+\}")
ANY = re.compile(r"(?<!\$)\$\{[^}]*\}|(?<!\$)\$[A-Za-z_]")
SECRET = re.compile(r"password|secret|_key|token|fernet", re.IGNORECASE)
PUBLIC = {"sandbox-sf-client", "sandbox-sf-secret", "sandbox-xero-client", "sandbox-xero-secret"}
"""The sandbox's credentials, which open nothing but seeded data."""


def environment(service: str) -> dict[str, str]:
    return SERVICES[service].get("environment") or {}


def connection(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(environment(TASKS_RUN_IN)[f"AIRFLOW_CONN_{name}"])
    return found


def demo_connections(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Return what the demo sets, with its sandbox at the address of ours."""
    settings = _settings(tmp_path, 8080, "http://127.0.0.1:8099", [8793, 8794])
    prefix = "AIRFLOW_CONN_"
    return {
        name.removeprefix(prefix): json.loads(value)
        for name, value in settings.items()
        if name.startswith(prefix)
    }


def scalars(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match node:
        case dict():
            for key, value in node.items():
                yield from scalars(value, f"{path}/{key}")
        case list():
            for value in node:
                yield from scalars(value, path)
        case str() if node.startswith("{"):
            yield from scalars(json.loads(node), path)
        case _:
            yield path, str(node)


def mounts(service: str) -> dict[str, str]:
    pairs = (one.split(":")[:2] for one in SERVICES[service].get("volumes", ()))
    return {target: source for source, target in pairs}


def inline_dockerfile() -> str:
    return str(COMPOSE["x-airflow"]["build"]["dockerfile_inline"])


def test_it_has_the_parts_of_airflow_postgres_and_the_sandbox_as_a_profile() -> None:
    parts = ("init", "apiserver", "scheduler", "dag-processor", "triggerer")
    assert {f"airflow-{part}" for part in parts} == AIRFLOW
    assert set(SERVICES) == AIRFLOW | {"postgres", "sandbox"}
    assert {name for name, one in SERVICES.items() if "profiles" in one} == {"sandbox"}
    assert SERVICES["postgres"]["image"] == "postgres:16"


def test_the_image_has_the_airflow_and_the_python_of_the_constraints() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^apache-airflow==(\S+)$", constraints, flags=re.MULTILINE)
    assert pinned
    assert inline_dockerfile().startswith(f"FROM apache/airflow:{pinned[1]}-python3.11\n")


def test_the_image_carries_the_version_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, flags=re.MULTILINE)
    assert version
    images = {one["image"] for name, one in SERVICES.items() if name != "postgres"}
    assert images == {f"sfxero:{version[1]}"}


def test_every_file_that_the_image_copies_is_there() -> None:
    copied = re.findall(r"^COPY --chown=\S+ (.+) \S+$", inline_dockerfile(), flags=re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_the_mounted_checkout_is_the_one_that_is_installed_editable() -> None:
    assert f"WORKDIR {HOME}\n" in inline_dockerfile()
    assert "pip install --no-cache-dir -c constraints.txt -e .\n" in inline_dockerfile()
    for name in AIRFLOW:
        for folder in ("dags", "plugins", "include"):
            assert mounts(name)[f"{HOME}/{folder}"] == f"./{folder}", name
        assert environment(name)["AIRFLOW__CORE__DAGS_FOLDER"] == f"{HOME}/dags"
        assert environment(name)["AIRFLOW__CORE__PLUGINS_FOLDER"] == f"{HOME}/plugins"
        assert environment(name)["SFXERO_INCLUDE"] == f"{HOME}/include"


def test_the_pools_are_those_of_the_routes_as_in_the_demo() -> None:
    init = SERVICES["airflow-init"]["command"][-1]
    assert init.index("airflow db migrate") < init.index("sfxero pools > /tmp/pools.json")
    assert init.index("sfxero pools") < init.index("airflow pools import /tmp/pools.json")
    assert load_route(ROOT / "include/mappings/demo.yaml").xero.pool in needed_pools()


def test_nothing_runs_before_the_pools_are_made() -> None:
    for name in AIRFLOW - {"airflow-init"}:
        waits = SERVICES[name]["depends_on"]
        assert waits["airflow-init"] == {"condition": "service_completed_successfully"}, name
        assert waits["postgres"] == {"condition": "service_healthy"}, name


@pytest.mark.parametrize("name", ["SALESFORCE_DEMO", "XERO_DEMO"])
def test_the_demo_routes_connections_are_those_of_the_demo(name: str, tmp_path: Path) -> None:
    assert connection(name) == demo_connections(tmp_path)[name]


def test_the_tasks_have_every_connection_that_the_demo_route_names(tmp_path: Path) -> None:
    route = load_route(ROOT / "include/mappings/demo.yaml")
    named = {route.salesforce.connection, route.xero.connection, route.ledger.connection}
    given = {name for name in environment(TASKS_RUN_IN) if name.startswith("AIRFLOW_CONN_")}
    assert given == {f"AIRFLOW_CONN_{name.upper()}" for name in named}
    assert {f"AIRFLOW_CONN_{name}" for name in demo_connections(tmp_path)} == given


def test_connections_and_staging_are_where_the_tasks_run_and_nowhere_else() -> None:
    for name in set(SERVICES) - {TASKS_RUN_IN}:
        private = {one for one in environment(name) if one.startswith("AIRFLOW_CONN_")}
        assert not private | ({"SFXERO_STAGING"} & set(environment(name))), name
    staging = environment(TASKS_RUN_IN)["SFXERO_STAGING"]
    assert mounts(TASKS_RUN_IN)[staging.removeprefix("file://")] == "staging"


def test_the_ledger_is_a_database_of_its_own_with_a_role_of_its_own() -> None:
    ledger = connection("SFXERO_LEDGER")
    setup = COMPOSE["configs"]["ledger_database"]["content"]
    assert f"CREATE ROLE {ledger['login']} LOGIN PASSWORD '{ledger['password']}'" in setup
    assert f"CREATE DATABASE {ledger['schema']} OWNER {ledger['login']}" in setup
    metadata = environment(TASKS_RUN_IN)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert metadata.rsplit("/", 1)[1] != ledger["schema"]
    assert ledger["password"] not in metadata


def test_every_secret_is_required_and_has_no_default() -> None:
    seen = set()
    for path, value in scalars({"services": SERVICES, "configs": COMPOSE["configs"]}):
        if SECRET.search(path.rsplit("/", 1)[1]) and value not in PUBLIC and "FILE" not in path:
            assert REQUIRED.fullmatch(value), path
            seen.add(value)
    assert len(seen) >= 4


def test_no_address_carries_a_password_in_clear() -> None:
    for path, value in scalars(SERVICES):
        for password in re.findall(r"://[^:/@\s]+:([^@\s]+)@", value):
            assert REQUIRED.fullmatch(password), path


def test_every_variable_is_documented_and_no_other() -> None:
    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    used = {re.split(r"[:}]", one[2:])[0] for one in ANY.findall("\n".join(lines))}
    assert used == set(keys(section("docs/deployment.md", "## First start")))


def test_the_documented_generator_makes_every_required_variable() -> None:
    text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    page = read("docs/deployment.md")
    loop = re.search(r"for name in ([A-Z_ ]+); do", page)
    assert loop
    made = {*loop[1].split(), *re.findall(r'echo "([A-Z_]+)=\$\(openssl', page)}
    assert made == set(REQUIRED.findall(text))


def test_every_published_port_is_bound_to_loopback() -> None:
    published = [one for service in SERVICES.values() for one in service.get("ports", ())]
    assert published
    assert all(one.startswith("127.0.0.1:") for one in published)


def test_the_sandbox_is_loopback_to_the_tasks_and_to_nobody_else() -> None:
    sandbox = SERVICES["sandbox"]
    assert sandbox["network_mode"] == f"service:{TASKS_RUN_IN}"
    assert not {"ports", "networks"} & set(sandbox)
    for address in (
        connection("XERO_DEMO")["host"],
        connection("SALESFORCE_DEMO")["extra"]["instance_url"],
    ):
        assert check_address(address) == "http://127.0.0.1:8099"


def test_the_sandbox_is_started_as_its_command_line_understands_it() -> None:
    sandbox = SERVICES["sandbox"]
    assert sandbox["entrypoint"] == ["sfxero"]
    group, command, *options = sandbox["command"]
    start: Any = typer.main.get_command(app)
    given = start.commands[group].commands[command].make_context("start", options).params
    assert (given["host"], given["port"]) == ("127.0.0.1", 8099)
    assert not given["allow_non_loopback"]


def test_all_parts_share_one_execution_api_and_one_set_of_keys() -> None:
    names = ("CORE__EXECUTION_API_SERVER_URL", "CORE__FERNET_KEY", "API_AUTH__JWT_SECRET")
    for name in names:
        values = {environment(one)[f"AIRFLOW__{name}"] for one in AIRFLOW}
        assert len(values) == 1, name
    url = environment(TASKS_RUN_IN)["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert url == "http://airflow-apiserver:8080/execution/"
