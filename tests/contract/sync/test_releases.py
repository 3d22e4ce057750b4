"""What a suite refuses a person may let pass: this record, this rule, this value."""

import json
from pathlib import Path

import pytest
from tests.contract.sync.commands import Shop, plain
from tests.contract.sync.kit import World

from sfxero.ledger.tables import releases, warnings
from sfxero.model.ids import RouteName
from sfxero.model.states import Entity
from sfxero.quality.suites import load_suite
from sfxero.sync import prepare
from sfxero.sync.reconcile_outputs import Outputs
from sfxero.sync.scope import ENTITY_OF

pytestmark = pytest.mark.contract

RULE = "discount_unusual"
SUITE = """
  - type: expect_column_values_to_be_between
    kwargs: {column: Discount, max_value: 50}
    severity: critical
    meta: {rule: discount_unusual, hint: "Ask the head of sales."}
"""


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(world, tmp_path, monkeypatch)
    path = made.include / "expectations" / "opportunity_line.yaml"
    path.write_text(path.read_text(encoding="utf-8") + SUITE, encoding="utf-8")
    return made


def run(shop: Shop) -> None:
    """A whole run, with the shop's own suites."""
    world = shop.world
    scope = world.begin()
    world.stage(scope)
    world.check(scope, shop.include / "expectations")
    world.prepare(scope)
    for entity in (Entity.CONTACT, Entity.INVOICE):
        world.publish(entity, run_id=scope.run_id)
    world.ledger.runs.settle(scope.run_id)
    world.sleep(3600)


def release(shop: Shop, record: str, rule: str = RULE) -> tuple[int, str]:
    told = ("--route", "demo", "--rule", rule, "--by", "kim", "--reason", "agreed")
    result = shop.run("quarantine", "release", record, *told)
    return result.exit_code, plain(result.output)


def discounted(shop: Shop, rate: int) -> tuple[str, str]:
    """A won sale of one line with this discount, and the line's id."""
    world = shop.world
    sale = world.won(world.account(), "100")
    (line,) = world.rows("OpportunityLineItem", OpportunityId=sale)
    world.edit("OpportunityLineItem", line["Id"], Discount=rate)
    return sale, str(line["Id"])


def test_a_released_record_goes_with_a_warning_that_names_the_person(shop: Shop) -> None:
    world = shop.world
    sale, line = discounted(shop, 60)
    run(shop)
    assert world.quarantined() == {line: [RULE], sale: ["line_refused"]}
    assert world.invoices == []

    code, told = release(shop, line[:15])
    run(shop)

    assert (code, told.strip()) == (
        0, f"Released: {RULE} of {line} at 60. The next run looks at it again.",
    )  # fmt: skip
    assert world.quarantined() == {}
    assert [str(one.totals.sub_total) for one in world.invoices] == ["40.00"]
    with world.ledger._database.read() as conn:
        (warned,) = conn.execute(warnings.select()).all()
        (kept,) = conn.execute(releases.select()).all()
    assert (warned.source_id, warned.rule, warned.hint) == (line, RULE, "Released by kim: agreed")
    assert (kept.released_by, kept.reason) == ("kim", "agreed")
    (event,) = [
        one
        for one in world.ledger.audit.export(RouteName("demo"))
        if one.fields["kind"] == "released"
    ]
    assert (event.fields["actor"], event.fields["source_id"], event.fields["rule"]) == (
        "kim", line, RULE,
    )  # fmt: skip
    assert event.values is not None
    assert (event.values.after, event.values.note) == ("60", "agreed")


def test_another_value_is_refused_anew(shop: Shop) -> None:
    world = shop.world
    sale, line = discounted(shop, 60)
    run(shop)
    release(shop, line)
    world.edit("OpportunityLineItem", line, Discount=70)

    run(shop)

    assert world.quarantined() == {line: [RULE], sale: ["line_refused"]}
    assert world.invoices == []


def test_each_run_leaves_a_page_of_what_its_suites_found(shop: Shop, tmp_path: Path) -> None:
    world = shop.world
    discounted(shop, 60)
    scope = world.begin()
    world.stage(scope)
    outputs = Outputs(scope, tmp_path / "outputs")
    columns = prepare.suite_columns(world.spec)
    folder = shop.include / "expectations"
    suites = {one: load_suite(folder / f"{one}.yaml", columns) for one in ENTITY_OF.values()}
    kept: list[str] = []

    prepare.check_rows(
        scope, suites, keep_page=lambda page: kept.append(outputs.write_checks(page))
    )

    (path,) = kept
    text = Path(path).read_text(encoding="utf-8")
    assert Path(path).name == "checks.html"
    assert RULE in text
    assert "Ask the head of sales." in text
    assert all(name in text for name in ("Account", "Opportunity", "OpportunityLineItem"))


def test_explain_knows_what_was_released(shop: Shop) -> None:
    sale, line = discounted(shop, 60)
    run(shop)
    before = shop.run("mapping", "explain", sale, "--route", "demo", "--json")
    release(shop, line)

    after = shop.run("mapping", "explain", sale, "--route", "demo", "--json")

    assert (before.exit_code, after.exit_code) == (1, 0)
    (finding,) = json.loads(after.stdout)["records"][1]["findings"]
    assert (finding["rule"], finding["severity"]) == (RULE, "warn")


def test_what_is_held_back_is_listed_with_its_cure(shop: Shop) -> None:
    empty = shop.run("quarantine", "list", "--route", "demo")
    _, line = discounted(shop, 60)
    run(shop)

    told = shop.run("quarantine", "list", "--route", "demo")
    machine = shop.run("quarantine", "list", "--route", "demo", "--json")

    assert (empty.exit_code, told.exit_code) == (0, 1)
    text = plain(told.stdout)
    assert f"opportunity_line {line} {RULE} Discount 60" in text
    assert "Ask the head of sales." in text
    assert {one["rule"] for one in json.loads(machine.stdout)} == {RULE, "line_refused"}


@pytest.mark.parametrize(
    ("record", "rule", "code", "words"),
    [
        ("006000000000001AAA", "total_mismatch", 2, "total_mismatch is no rule of a suite: what"),
        ("006000000000001AAA", RULE, 1, f"006000000000001AAA is not in quarantine by {RULE}."),
        ("nonsense", RULE, 2, "'nonsense' is no id of Salesforce: it has 15 or 18 characters."),
    ],
)
def test_what_cannot_be_released_is_said(
    shop: Shop, record: str, rule: str, code: int, words: str
) -> None:
    assert release(shop, record, rule)[0] == code
    assert words in release(shop, record, rule)[1]
