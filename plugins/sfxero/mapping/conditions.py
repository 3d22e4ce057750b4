"""Conditions of a route file: the model. `meets` in `comparing` evaluates them."""

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from sfxero.mapping.section import Section, as_list
from sfxero.mapping.template import FieldPath

_GROUPS: Final = ("all", "any", "not")
COMPARISONS: Final = (
    "equals", "is_not", "one_of", "none_of", "above", "at_least", "below", "at_most",
    "starts_with", "contains", "is_empty",
)  # fmt: skip


Values = Annotated[
    tuple[str, ...], BeforeValidator(as_list, json_schema_input_type=str | list[str])
]


class Condition(Section):
    """All of, any of, or the opposite of other conditions; or one comparison of one field."""

    all_: tuple["Condition", ...] | None = Field(default=None, alias="all")
    any_: tuple["Condition", ...] | None = Field(default=None, alias="any")
    not_: "Condition | None" = Field(default=None, alias="not")
    field: FieldPath | None = None
    equals: str | None = None
    is_not: str | None = None
    one_of: Values | None = None
    none_of: Values | None = None
    above: str | None = None
    at_least: str | None = None
    below: str | None = None
    at_most: str | None = None
    starts_with: str | None = None
    contains: str | None = None
    is_empty: bool | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Condition":
        groups = [name for name in _GROUPS if getattr(self, f"{name}_") is not None]
        compared = [name for name in COMPARISONS if getattr(self, name) is not None]
        if self.field is None and (compared or len(groups) != 1):
            raise ValueError("a condition has one of 'all', 'any', 'not' and 'field'")
        if self.field is not None and (groups or len(compared) != 1):
            raise ValueError(f"a comparison has one of: {', '.join(COMPARISONS)}")
        for name in ("all_", "any_", "one_of", "none_of"):
            if getattr(self, name) == ():
                raise ValueError(f"'{name.rstrip('_')}' is empty")
        return self

    def told(self) -> str:
        """Say in words what is asked."""
        if self.not_ is not None:
            return f"not ({self.not_.told()})"
        group = self.all_ or self.any_
        if group is not None:
            return (" and " if self.all_ else " or ").join(f"({one.told()})" for one in group)
        name = next(one for one in COMPARISONS if getattr(self, one) is not None)
        if name == "is_empty":
            return f"{self.field} is {'' if self.is_empty else 'not '}empty"
        value = getattr(self, name)
        shown = ", ".join(value) if isinstance(value, tuple) else value
        return f"{self.field} {name.replace('_', ' ')} {shown}"

    def fields(self) -> Iterator[str]:
        """Yield the fields that the condition reads."""
        if self.field is not None:
            yield self.field
        for inner in (*(self.all_ or ()), *(self.any_ or ()), *([self.not_] if self.not_ else ())):
            yield from inner.fields()
