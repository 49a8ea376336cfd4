"""Texts of letters, from templates/mail: one plain, one HTML, both from the same words."""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from sharelink.assets import asset_directory


def rendered(name: str, context: Mapping[str, object]) -> tuple[str, str]:
    """Return the plain text and the HTML of the template `name`; in HTML everything is escaped."""
    environment = _environment()
    plain = environment.get_template(f"{name}.txt").render(context)
    return plain, environment.get_template(f"{name}.html").render(context)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(asset_directory("templates") / "mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
