"""The command line: `sharelink`. Every command parses, calls one service, and tells the result."""

from functools import cache
from importlib import import_module

import click

from sharelink.collection import collection_paused

_EPILOG = "Settings are environment variables that begin with SHARELINK_; docs/settings.md lists them."

_MODULES = {
    # command: module of this package that holds it
    "run": "serving",
    "demo": "demo",
    "serve": "serving",
    "worker": "serving",
    "sweep": "serving",
    "check": "check",
    "database": "database",
    "keys": "keys",
    "user": "user",
    "audit": "audit",
}


class _OnDemand(click.Group):
    """Imports a command when it is asked for: none waits for what only the others need (docs/adr/0060)."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return _command(name) if name in _MODULES else None


@cache
def _command(name: str) -> click.Command:
    with collection_paused():
        command: click.Command = getattr(import_module(f"sharelink.cli.{_MODULES[name]}"), name)
        return command


@click.group(cls=_OnDemand, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sharelink")
def main() -> None:
    """One-time links for secrets, with a record of who sent, revealed and kept them."""
