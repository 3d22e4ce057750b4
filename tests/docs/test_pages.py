import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.docs.pages import GUIDES, PAGES, ROOT, commands, keys, read, section, spans

from sfxero.cli.main import app

CLI = typer.main.get_command(app)
FOREIGN = {"PATH"}
"""Variables that are handed on and not read."""


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def leaves(command: Any, path: str) -> set[str]:
    below = getattr(command, "commands", None)
    if below is None:
        return {path}
    own = {path} if command.invoke_without_command else set()
    return own | {leaf for name, one in below.items() for leaf in leaves(one, f"{path} {name}")}


def parse(arguments: list[str]) -> None:
    """Go down the command tree, and let the last command read its options."""
    command: Any = CLI
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        assert name in command.commands, name
        command = command.commands[name]
    if arguments not in ([], ["--help"]) and not hasattr(command, "commands"):
        command.make_context("sfxero", arguments)


def read_names(source: str) -> set[str]:
    """Return the names of environment variables that a module reads."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(name), *_]
            ):
                pass
            case ast.Call(
                func=ast.Attribute(value=owner, attr="getenv"), args=[ast.Constant(name), *_]
            ):
                owner = ast.Name("environ")
            case ast.Subscript(value=owner, slice=ast.Constant(name), ctx=ast.Load()):
                pass
            case _:
                continue
        if getattr(owner, "attr", getattr(owner, "id", "")) in {"env", "environ"}:
            found.add(str(name))
    return found


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_every_make_target_is_in_the_guides() -> None:
    told = {one for page in GUIDES for one in commands(page)}
    assert {f"make {one}" for one in targets()} <= {" ".join(one.split()[:2]) for one in told}


def test_contributing_lists_exactly_the_make_targets() -> None:
    assert set(keys(section("CONTRIBUTING.md", "## Set up"))) == {f"make {x}" for x in targets()}


def test_operations_lists_exactly_the_commands() -> None:
    assert set(keys(section("docs/operations.md", "## Commands"))) == leaves(CLI, "sfxero")


@pytest.mark.parametrize("page", GUIDES)
def test_every_command_that_a_guide_names_exists(page: str) -> None:
    for line in commands(page):
        words = line.replace("docker compose exec sandbox ", "").split()
        if words[0] == "make":
            named = [word for word in words[1:] if "=" not in word]
            assert set(named) <= targets(), line
        if words[0] == "sfxero" and "<command>" not in line:
            parse(words[1:])


def test_every_environment_variable_that_we_read_is_documented() -> None:
    known = {name for page in GUIDES for name in spans(read(page))}
    for path in sources("plugins", "dags", "tests"):
        for name in read_names(path.read_text(encoding="utf-8")) - FOREIGN:
            assert name in known, f"{path} reads {name}"


def test_the_settings_are_found_by_the_reader_of_names() -> None:
    settings = ROOT / "plugins/sfxero/settings.py"
    expected = {
        "AIRFLOW_HOME",
        "SFXERO_INCLUDE",
        "SFXERO_OUTPUTS",
        "SFXERO_OUTPUTS_URL",
        "SFXERO_STAGING",
        "SFXERO_TOKEN_KEY",
    }
    assert read_names(settings.read_text(encoding="utf-8")) == expected


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert there.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, target


def test_every_guide_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)\)", read("README.md")))
    assert set(GUIDES) - {"README.md"} <= linked


def test_decisions_are_numbered_without_a_gap_and_have_their_four_parts() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. ")
        places = [
            text.index(part)
            for part in ("\nStatus: ", "\n## Context", "\n## Decision", "\n## Consequences")
        ]
        assert places == sorted(places), page.name
