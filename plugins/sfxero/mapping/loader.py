"""Route files read into specs."""

from itertools import chain
from pathlib import Path

from sfxero.errors import ConfigurationError
from sfxero.mapping.files import YamlFile
from sfxero.mapping.functions import load_functions
from sfxero.mapping.inverse import objections
from sfxero.mapping.new_in_xero import objections_to_new
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.uses import line_of


def load_routes(folder: Path) -> list[RouteSpec]:
    """Return every route of a folder, sorted by name."""
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder of route files")
    return [load_route(path) for path in sorted(folder.glob("*.yaml"))]


def load_route(path: Path) -> RouteSpec:
    """Return the route that a file describes; MappingFileError if it is refused."""
    return read_route(path)[0]


def read_route(path: Path) -> tuple[RouteSpec, YamlFile]:
    """Return a route with its file, which knows the line of each key.

    Functions of the user's own lie in `functions/`, beside the folder of route files.
    """
    file = YamlFile(path)
    spec = file.read(RouteSpec, functions=load_functions(path.parent.parent / "functions"))
    if spec.route != path.stem:
        raise file.mistake(
            f"the route is '{spec.route}' but the file is '{path.name}'",
            line=file.line_of(("route",)),
            hint=f"Name the file {spec.route}.yaml, or write 'route: {path.stem}'.",
        )
    for key, message, hint in chain(objections(spec.contacts), objections_to_new(spec.contacts)):
        raise file.mistake(message, line=line_of(file, key), hint=hint)
    return spec, file
