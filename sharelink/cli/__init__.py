"""The command line: `sharelink`. Every command parses, calls one service, and tells the result."""

import click

from sharelink.cli.audit import audit
from sharelink.cli.check import check
from sharelink.cli.context import in_application
from sharelink.cli.database import database
from sharelink.cli.demo import demo
from sharelink.cli.keys import keys
from sharelink.cli.monitor_token import monitor_token
from sharelink.cli.serving import run, serve, sweep, worker
from sharelink.cli.user import user

_EPILOG = "Settings are environment variables that begin with SHARELINK_; docs/settings.md lists them."


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sharelink")
def main() -> None:
    """One-time links for secrets, with a record of who sent, revealed and kept them."""


for _command in (run, demo, serve, worker, sweep, check, database, keys):
    main.add_command(_command)
audit.add_command(monitor_token)
for _command in (user, audit):
    main.add_command(in_application(_command))
