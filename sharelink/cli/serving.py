"""`sharelink run`, `serve`, `worker` and `sweep`: the service itself."""

import signal
from contextlib import nullcontext
from datetime import timedelta

import click
from flask import Flask

from sharelink.actors import Actor
from sharelink.app import key_source
from sharelink.cli.context import command_application, load_settings, told_kindly
from sharelink.cli.monitor import answering_monitors
from sharelink.cli.server import bound_socket, serve_until_told
from sharelink.jobs.noise import tell_noise
from sharelink.jobs.sweeper import destroy_epochs_once, report_failed_sign_ins, sweep_once, void_lapsed_changes
from sharelink.jobs.worker import Worker
from sharelink.settings import Settings
from sharelink.start import harden_process, require_keys, require_schema, serving_application
from sharelink.web.wiring import current_unit_of_work, wiring


@click.command()
def run() -> None:
    """Start Sharelink on this machine: keys and database are made when they are missing."""
    settings = load_settings()
    # First of all, so that a person whose port is taken finds nothing changed.
    listener = bound_socket(settings.host, settings.port)
    with told_kindly():
        harden_process(settings)
        try:
            key_source(settings).create_missing()
        except OSError as error:
            raise click.ClickException(
                f"The folder {settings.instance_directory} cannot be written: {error.strerror}."
            ) from None
        app = serving_application(settings)
        set_up_link = _new_set_up_link(app, settings)

    def announce(_address: str) -> None:
        click.echo(f"\nSharelink runs at {settings.base_url}   (Ctrl+C stops it)")
        if set_up_link is not None:
            click.echo(
                f"\nTo make the first account, open this link within one hour; it works once:\n\n  {set_up_link}\n"
            )

    serve_until_told(app, settings, with_worker=True, announce=announce, listener=listener)
    click.echo("Sharelink has stopped.")


@click.command()
@click.option("--worker/--no-worker", "with_worker", default=True, help="Do the background work in this process too.")
def serve(with_worker: bool) -> None:
    """Serve as an installation: keys must exist, and the schema be current unless the database is the embedded one."""
    settings = load_settings()
    listener = bound_socket(settings.host, settings.port)
    with told_kindly():
        app = serving_application(settings)

    def announce(address: str) -> None:
        click.echo(f"Sharelink serves {settings.base_url} on {address}")

    serve_until_told(app, settings, with_worker=with_worker, announce=announce, listener=listener)


@click.command()
def worker() -> None:
    """Do the background work until told to stop; the item in hand is finished first."""
    settings = load_settings()
    listener = bound_socket(settings.monitor_host, settings.monitor_port) if settings.monitor_port else None
    with command_application(settings, counting=True) as app:
        require_schema(settings)
        require_keys(wiring())
        counters = wiring().counters
        on_failure = None if counters is None else counters.task_failed
        work = Worker(app, current_unit_of_work(), settings, on_failure=on_failure)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: work.stop())
    click.echo("The worker works.")
    with nullcontext() if listener is None else answering_monitors(app, settings, listener, work.is_turning):
        work.run()


@click.command()
def sweep() -> None:
    """Do the background work once, now: expire shares, destroy old keys, tell vain tries, void old proposals."""
    settings = load_settings()
    with command_application(settings):
        require_schema(settings)
        unit_of_work = current_unit_of_work()
        expired = sweep_once(unit_of_work)
        destroyed = destroy_epochs_once(unit_of_work, timedelta(seconds=settings.epoch_grace_seconds))
        report_failed_sign_ins(unit_of_work)
        tell_noise(unit_of_work)
        void_lapsed_changes(unit_of_work)
    click.echo(f"{expired} shares expired, {destroyed} epoch keys destroyed.")


def _new_set_up_link(app: Flask, settings: Settings) -> str | None:
    """Return a new set-up link, while there is no administrator."""
    with app.app_context(), current_unit_of_work().write(Actor.operator()) as work:
        key = work.accounts.new_set_up_link()
    return None if key is None else f"{settings.base_url}/set-up#{key}"
