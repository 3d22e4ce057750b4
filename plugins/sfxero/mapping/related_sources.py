"""What a route reads of other objects, and the names that it has beside a record's own fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sfxero.mapping.fields import lent_fields
from sfxero.mapping.related_rules import PersonsSection, RelatedSection
from sfxero.mapping.spec import RouteSpec

PERSONS: Final = "persons"
MOST_PERSONS: Final = 5


@dataclass(frozen=True, slots=True)
class RelatedSource:
    """Rows of `rules.object` that belong to records of `owner`; up to `most` lend their fields."""

    owner: str
    name: str
    rules: RelatedSection
    fields: tuple[str, ...]
    most: int = 1

    @property
    def read_fields(self) -> tuple[str, ...]:
        """All that must be read of a row."""
        rules = self.rules
        conditions = [one for one in (rules.when, rules.first) if one is not None]
        others = [path for one in conditions for path in one.fields()]
        ordering = [rules.order_by] if rules.order_by else []
        return tuple(sorted({"Id", rules.of, *self.fields, *others, *ordering}))

    def column(self, field: str, place: int = 0) -> str:
        """Return the name of a row's field beside the record's own."""
        return f"{self.name}.{field}" if self.most == 1 else f"{self.name}.{place + 1}.{field}"

    def columns(self) -> Iterator[str]:
        """Return all such names."""
        for place in range(self.most):
            yield from (self.column(field, place) for field in self.fields)


def related_sources(spec: RouteSpec) -> Iterator[RelatedSource]:
    """Yield what the route reads of other objects."""
    contacts, invoices = spec.contacts, spec.invoices
    for owner, related in (
        (contacts.source, contacts.related),
        (invoices.source, invoices.related),
    ):
        lent = lent_fields(spec, owner)
        for name, rules in related.items():
            if name in lent:
                yield RelatedSource(owner, name, rules, lent[name])
    if contacts.persons is not None:
        yield persons_source(contacts.source, contacts.persons)


def persons_source(owner: str, rules: PersonsSection) -> RelatedSource:
    """Return the rows that become contact persons."""
    fields = tuple(dict.fromkeys((rules.first_name, rules.last_name, rules.email)))
    return RelatedSource(owner, PERSONS, rules, fields, most=MOST_PERSONS)


def with_related(fields: Mapping[str, tuple[str, ...]], spec: RouteSpec) -> dict[str, set[str]]:
    """Return the fields by object, with those that are lent by other objects' rows."""
    all_fields = {name: set(paths) for name, paths in fields.items()}
    for source in related_sources(spec):
        all_fields[source.owner].update(source.columns())
    return all_fields
