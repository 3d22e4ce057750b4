"""Field rules of a route file: where one value of a document comes from."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from sfxero.mapping.conditions import Condition
from sfxero.mapping.functions import FUNCTIONS, NamedFunction
from sfxero.mapping.section import Section, as_list
from sfxero.mapping.template import FieldPath, template_fields

INSTANCE_URL: Final = "instance_url"


def _check_template(text: str) -> str:
    if not template_fields(text):
        raise ValueError("a template needs a field, such as {Name}; for a constant use 'value'")
    if INSTANCE_URL in template_fields(text):
        raise ValueError("{instance_url} belongs into the url only")
    return text


def _find_function(name: object, given: ValidationInfo) -> NamedFunction:
    """Return the function of that name: of the package, or of the route's include folder."""
    known: Mapping[str, NamedFunction] = (given.context or {}).get("functions", FUNCTIONS)
    function = known.get(str(name))
    if function is None:
        raise ValueError(f"there is no function '{name}'; known: {', '.join(sorted(known))}")
    return function


def _read_shorthand(value: object) -> object:
    """Let `field: Name` and `field: [A, B]` stand for `field: {from: ...}`."""
    return {"from": value} if isinstance(value, str | list | tuple) else value


def _check_filled(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        raise ValueError("name at least one field")
    return paths


TextTemplate = Annotated[str, AfterValidator(_check_template)]
FunctionName = Annotated[
    NamedFunction,
    PlainValidator(_find_function, json_schema_input_type=str),
    PlainSerializer(lambda function: function.name, return_type=str),
]
OnInvalid = Literal["warn", "refuse"]
OnUnknown = Literal["pass", "warn", "refuse"]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
_Fields = BeforeValidator(as_list, json_schema_input_type=FieldPath | list[FieldPath])


class FieldRule(Section):
    """One target field: read from fields, a template or a constant; then a table, a function."""

    from_: Annotated[
        tuple[FieldPath, ...],
        AfterValidator(_check_filled),
        _Fields,
    ] = Field(default=(), alias="from")
    join: str | None = None
    """What stands between the filled fields of `from`; without it, the first of them counts."""
    template: TextTemplate | None = None
    value: str | None = None
    table: Mapping[str, str] | None = None
    """What was read to what is meant; a text that is not in it is empty."""
    when: Condition | None = None
    """Records that do not meet it get the default."""
    required: bool = False
    default: str | None = None
    with_: FunctionName | None = Field(default=None, alias="with")
    on_invalid: OnInvalid = "refuse"
    """What a value that `with` cannot use does: `warn` sends the record without it."""
    country: Annotated[tuple[FieldPath, ...], _Fields] = ()
    """Where the country stands by which `with` judges; the first that is filled counts."""
    country_default: Country | None = None
    """The country of records that give none."""
    on_unknown: OnUnknown = "pass"
    """What a value does that `with` cannot judge; it goes as it is, unless it is refused."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "FieldRule":
        given = [one for one in (self.from_ or None, self.template, self.value) if one is not None]
        if len(given) != 1:
            raise ValueError("a field rule has one of 'from', 'template' and 'value'")
        if self.join is not None and len(self.from_) < 2:
            raise ValueError("'join' needs several fields in 'from'")
        return self

    @model_validator(mode="after")
    def _knows_the_country(self) -> "FieldRule":
        is_given = bool(self.country) or self.country_default is not None
        is_wanted = self.with_ is not None and self.with_.is_of_country
        if is_wanted and not is_given:
            raise ValueError("this function needs 'country' or 'country_default'")
        if not is_wanted and (is_given or self.on_unknown != "pass"):
            raise ValueError("'country' and 'on_unknown' are for functions that differ by country")
        return self

    @property
    def read_fields(self) -> tuple[str, ...]:
        """The fields that the value is made of."""
        return self.from_ or template_fields(self.template or "")

    def fields(self) -> tuple[str, ...]:
        """Return all fields that the rule reads."""
        asked = self.when.fields() if self.when else ()
        return (*self.read_fields, *self.country, *asked)


TextRule = Annotated[
    FieldRule,
    BeforeValidator(
        _read_shorthand, json_schema_input_type=FieldPath | list[FieldPath] | FieldRule
    ),
]


class LookupRule(Section):
    """A value from a table by the value of one field; `default` for all others."""

    by: FieldPath
    table: Mapping[str, str] = Field(default_factory=dict)
    default: str | None = None


class TrackingRule(Section):
    """One tracking category of the organisation, and the option that a line has in it."""

    category: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    option: TextRule
