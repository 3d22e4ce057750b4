"""Pages that need nothing but themselves: every value is escaped, and a missing one is an error."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def page_template(
    package: str, name: str, filters: Mapping[str, Callable[..., Any]] | None = None
) -> "Template":
    """Return a template of a package's `templates` folder, with filters of one's own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name)
