"""The page on the sandbox's Xero: every item, its test file, and every switch with its default."""

import json
import re
from pathlib import Path

from sfxero.sandbox.server import build_sandbox
from sfxero.sandbox.xero.control import build_router
from sfxero.sandbox.xero.switches import Switches

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sandbox-xero.md").read_text(encoding="utf-8")
TESTS = ROOT / "tests/contract/sandbox/xero"
ROWS = re.findall(
    r"^\| (\d+) \| .* \| `(test_item_[a-z0-9_]+\.py)` \| (.+) \|$", PAGE, re.MULTILINE
)


def test_the_thirty_items_are_listed_in_order_with_their_own_test_files():
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 31))
    for number, name, _ in ROWS:
        assert name.startswith(f"test_item_{int(number):02d}_")
        assert "\ndef test_" in (TESTS / name).read_text(encoding="utf-8")
    assert {path.name for path in TESTS.glob("test_item_*.py")} == {name for _, name, _ in ROWS}


def test_every_switch_is_listed_once_with_its_default():
    told = [pair for _, _, cell in ROWS for pair in re.findall(r"`(\w+)` = `([^`]*)`", cell)]
    defaults = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in Switches().as_json().items()
    }
    assert {name: value.strip() for name, value in told} == defaults
    assert len(told) == len(defaults)


def test_every_control_route_is_named():
    told = PAGE.split("\n## Control\n")[1].split("\n## ")[0]
    for route in build_router(build_sandbox().xero).routes:
        *_, last = (part for part in route.path.split("/") if not part.startswith("{"))
        assert re.search(rf"/{last}\b", told), route.path
