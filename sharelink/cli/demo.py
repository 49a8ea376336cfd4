"""`sharelink demo`: a throw-away installation with an example of everything."""

import tempfile
from pathlib import Path

import click

from sharelink.app import key_source
from sharelink.cli.context import told_kindly
from sharelink.cli.demo_examples import Examples, fill_with_examples
from sharelink.cli.server import bound_socket, serve_until_told
from sharelink.settings import Settings
from sharelink.start import serving_application
from sharelink.web.wiring import current_unit_of_work


@click.command()
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Port to listen on; without it, a free one.")
def demo(port: int) -> None:
    """Serve an installation with examples in every state, in a temporary folder; Ctrl+C removes it."""
    listener = bound_socket("127.0.0.1", port)
    with tempfile.TemporaryDirectory(prefix="sharelink-demo-") as directory, told_kindly():
        settings = _demo_settings(Path(directory), listener.getsockname()[1])
        key_source(settings).create_missing()
        app = serving_application(settings)
        click.echo("Filling the demonstration with examples ...")
        with app.app_context():
            examples = fill_with_examples(current_unit_of_work())

        def announce(_address: str) -> None:
            click.echo(_introduction(settings.base_url, examples))

        serve_until_told(app, settings, with_worker=True, announce=announce, listener=listener)
    click.echo("The demonstration and its folder are gone.")


def _demo_settings(directory: Path, port: int) -> Settings:
    return Settings(
        instance_directory=directory,
        port=port,
        base_url=f"http://localhost:{port}",
        organisation_name="Example Reseller",
        support_contact="support@reseller.example",
    )


def _introduction(base_url: str, examples: Examples) -> str:
    accounts, try_it, requests = examples.accounts, examples.try_it, examples.try_requests
    statement = examples.try_statement
    people = "\n".join(f"  {account.email:<28}{account.password:<28}{account.described_as}" for account in accounts)
    return (
        f"\nThe demonstration runs at {base_url}   (Ctrl+C ends and removes it)\n"
        f"\nSign in as (e-mail, password made just now, role):\n\n{people}\n"
        f"\nOr be a recipient:\n\n  {try_it.link.url(base_url)}\n  code: {try_it.code}\n"
        f"\nOr be a customer who is asked for a secret:\n\n  {requests.submit_link.url(base_url)}\n"
        f"\nOr open an answer, signed in as Clara Custodian:\n\n  {requests.retrieval_link.url(base_url)}\n"
        f"\nOr read a custody statement, as {statement.contact_name} of the customer:\n"
        f"\n  {statement.link.url(base_url)}\n"
    )
