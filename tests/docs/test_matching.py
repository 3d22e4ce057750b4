from tests.docs.pages import keys, rows, section

from sfxero.mapping.matching import rules
from sfxero.mapping.matching.rules import RULES, Decision

PAGE = "docs/matching.md"


def test_every_rule_is_told_with_its_points() -> None:
    told = [
        (row[0].strip("`"), int(row[1])) for row in rows(section(PAGE, "## What speaks for a pair"))
    ]
    assert told == [(rule.name, rule.points) for rule in RULES]


def test_every_decision_is_told_with_its_threshold() -> None:
    text = section(PAGE, "## What is decided")
    assert keys(text) == [str(one) for one in Decision]
    accept, review, none = (row[1] for row in rows(text))
    assert f"{rules.ACCEPT} points" in accept
    assert f"within {rules.NEAR} points" in accept
    assert f"{rules.REVIEW} points" in review
    assert f"{rules.REVIEW} points" in none


def test_how_alike_names_must_be_is_told_by_the_code() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(section(PAGE, "## What speaks for a pair"))}
    limits = {
        "name_similar": rules.SIMILAR,
        "name_alike": rules.ALIKE,
        "name_differs": rules.UNLIKE,
    }
    assert all(f"{limit} of 100" in told[name] for name, limit in limits.items())
