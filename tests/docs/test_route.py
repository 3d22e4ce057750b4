import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from tests.docs.pages import ROOT, blocks, keys, read, rows, section, spans

from sfxero.errors import MappingFileError
from sfxero.mapping.conditions import Condition
from sfxero.mapping.field_rules import FieldRule, LookupRule, TrackingRule
from sfxero.mapping.functions import FUNCTIONS
from sfxero.mapping.loader import load_route
from sfxero.mapping.mirror_fields import MIRRORED_INVOICE, MIRRORED_LINE, MIRRORED_PAYMENT
from sfxero.mapping.related_rules import RelatedSection
from sfxero.mapping.spec import RouteSpec
from sfxero.quality.suites import KEYS, TYPES

PAGE = "docs/route.md"
NONE = {None, "", ()}
APART = {FieldRule, LookupRule, TrackingRule, Condition, RelatedSection}
"""What has a table of its own."""


def inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((one for each in get_args(annotation) if (one := inner(each))), None)


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key that a file may have, with its default."""
    for name, field in model.model_fields.items():
        key = f"{path}{field.alias or name}"
        below = inner(field.annotation)
        if below is None or below in APART:
            yield key, field
        else:
            if field.default is None:
                yield key, field
            yield from leaves(below, f"{key}.")


def told(heading: str) -> dict[str, str]:
    return {spans(row[0])[0]: row[1] for row in rows(section(PAGE, heading))}


def default_text(field: Any) -> set[str]:
    if field.default is not PydanticUndefined:
        value = str(field.default).lower() if isinstance(field.default, bool) else field.default
        return {"none", "empty"} if value in NONE else {f"`{value}`"}
    if field.default_factory is None:
        return {"needed"}
    return {"empty", "`xero_<connection>`"}


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("## Keys", RouteSpec),
        ("## Field rules", FieldRule),
        ("## Lookup rules", LookupRule),
        ("## Tracking rules", TrackingRule),
        ("## Conditions", Condition),
        ("## Rows of other objects", RelatedSection),
    ],
)
def test_every_key_is_documented_with_its_default_and_no_other(
    heading: str, model: type[BaseModel]
) -> None:
    known = dict(leaves(model))
    documented = told(heading)
    assert set(documented) == set(known)
    for key, field in known.items():
        assert documented[key] in default_text(field), key


def test_every_field_of_the_mirror_is_documented_and_no_other() -> None:
    told = [(spans(row[0])[0], spans(row[1])[0]) for row in rows(section(PAGE, "## The mirror"))]
    parts = (MIRRORED_INVOICE, MIRRORED_LINE, MIRRORED_PAYMENT)
    assert told == [(one.key, one.name) for part in parts for one in part.fields]


def test_every_key_and_type_of_a_suite_is_documented_and_no_other() -> None:
    named = keys(section(PAGE, "## Expectation suites"))
    assert set(named) == {*KEYS, *TYPES}
    assert len(named) == len(set(named))


def test_every_function_is_documented() -> None:
    with_row = next(row for row in rows(section(PAGE, "## Field rules")) if row[0] == "`with`")
    assert set(spans(with_row[2])) == set(FUNCTIONS)


def test_the_message_of_a_mistake_is_as_shown(tmp_path: Any) -> None:
    demo = (ROOT / "include/mappings/demo.yaml").read_text(encoding="utf-8")
    wrong = demo.replace("route: demo", "route: acme").replace("batch_size", "batchsize")
    (tmp_path / "acme.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(MappingFileError) as caught:
        load_route(tmp_path / "acme.yaml")
    text = re.sub(r"^.*/acme", "mappings/acme", str(caught.value))
    assert text in blocks(PAGE, "")[0]


def test_the_message_and_the_example_are_on_the_page() -> None:
    assert "include/mappings/demo.yaml" in read(PAGE)
