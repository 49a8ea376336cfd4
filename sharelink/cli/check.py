"""`sharelink check`: everything that can be found out about an installation without serving."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from sharelink.accounts.queries import active_administrators, people
from sharelink.accounts.states import Role
from sharelink.addresses import host_of, is_loopback
from sharelink.app import EPOCH_DIRECTORY, create_app, key_source
from sharelink.audit.queries import head_counts_leaves, log_size
from sharelink.cli.check_watching import advise_on_watching, sink_problems
from sharelink.cli.context import load_settings
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.errors import SharelinkError, UnsafeStart
from sharelink.jobs.deliveries import Post
from sharelink.mail.smtp import MailFailed
from sharelink.outbox.queries import ERROR_WORDS, failed_count
from sharelink.persistence.clocks import CLOCK_TOLERANCE, database_now
from sharelink.persistence.database import db
from sharelink.persistence.schema import is_current
from sharelink.settings import Settings
from sharelink.shares.epochs import end_of
from sharelink.start import harden_process
from sharelink.web.wiring import current_unit_of_work

Problems = Iterator[str]
Check = Callable[[Settings], Problems]


@click.command()
def check() -> None:
    """Check settings, keys, database, schema, clocks and audit; end with 1 if anything is wrong."""
    settings = load_settings()
    harden_process(settings)
    click.echo("ok       settings")
    sound = _all_sound(_OUTSIDE, settings)
    if sound:
        app = create_app(settings, serving=False)
        with app.app_context():
            sound = _report("database", _database, settings) and _all_sound(_INSIDE, settings)
            if sound:
                _advise(settings)
                advise_on_watching(settings)
    if not sound:
        raise SystemExit(1)


def _all_sound(checks: dict[str, Check], settings: Settings) -> bool:
    """Run every check, also after one that found something."""
    results = [_report(name, look, settings) for name, look in checks.items()]
    return all(results)


def _report(name: str, look: Check, settings: Settings) -> bool:
    try:
        problems = list(look(settings))
    except UnsafeStart as error:
        problems = error.problems
    except (SharelinkError, SQLAlchemyError, OSError) as error:
        problems = [f"cannot be looked at ({type(error).__name__})"]
    for problem in problems:
        click.echo(f"PROBLEM  {name}: {problem}")
    if not problems:
        click.echo(f"ok       {name}")
    return not problems


def _keyring(settings: Settings) -> Problems:
    source = key_source(settings)
    for version in Keyring.load(source).keys[KeyPurpose.MASTER]:
        if settings.has_kms and not source.is_wrapped(KeyName(KeyPurpose.MASTER, version)):
            yield f"master.{version} lies in clear although SHARELINK_KMS_KEY_ID is set; run: sharelink keys wrap"
    yield from _private(settings.keyring_directory)
    for path in sorted(settings.keyring_directory.rglob("*")):
        yield from _private(path)
    epochs = settings.keyring_directory / EPOCH_DIRECTORY
    if not os.access(epochs if epochs.exists() else settings.keyring_directory, os.R_OK | os.W_OK | os.X_OK):
        yield f"{epochs} cannot be written, so nothing can be sent"


def _files(settings: Settings) -> Problems:
    path = settings.database_file
    if path is None:
        return
    if path.exists():
        yield from _private(path)
    else:
        yield f"{path} does not exist yet; make it with: sharelink database upgrade"


def _private(path: Path) -> Problems:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield f"{path} can be read by others (mode {mode:o}); mend it with: chmod go= {path}"


def _database(_settings: Settings) -> Problems:
    # Each new connection sets its pragmas and reads them back; one that did not hold would raise here.
    with db.engine.connect():
        pass
    if not is_current(db.engine):
        yield "the schema is not the one of this version; run: sharelink database upgrade"


def _clocks(_settings: Settings) -> Problems:
    with current_unit_of_work().read() as work:
        apart = abs(database_now(work.session) - work.now)
    if apart > CLOCK_TOLERANCE:
        yield f"this machine and the database are {apart.total_seconds():.0f} s apart; no key is destroyed meanwhile"


def _audit(_settings: Settings) -> Problems:
    with current_unit_of_work().read() as work:
        size, counts = log_size(work.session), head_counts_leaves(work.session)
    if size is None:
        yield "the head of the log is missing: nothing can be done until it is restored"
    elif not counts:
        yield "the head does not count the events there are; look closer with: sharelink audit verify"


def _key_versions(_settings: Settings) -> Problems:
    unit_of_work = current_unit_of_work()
    with unit_of_work.read() as work:
        strange, lacking = work.key_versions.strange(work.keyring), work.key_versions.lacking(work.keyring)
        retired = [KeyName(row.purpose, row.version) for row in work.key_versions.known() if row.retired_at]
    for name in strange:
        yield f"{name.file_name} is not the key that this database knows by that name; see docs/keys.md"
    for name in lacking:
        yield f"{name.file_name} is missing, and something may be sealed or signed with it; see docs/keys.md"
    for name in retired:
        if (unit_of_work.keys.source.directory / name.file_name).exists():
            yield (
                f"{name.file_name} is retired and still there; run: sharelink keys retire {name.purpose} {name.version}"
            )


def _epoch_keys(_settings: Settings) -> Problems:
    unit_of_work = current_unit_of_work()
    present = set(unit_of_work.epoch_keys.days())
    with unit_of_work.read() as work:
        lost = [day for day in work.epochs.remaining() if day not in present and end_of(day) > work.now]
    for day in lost:
        yield f"the key of {day.isoformat()} is missing: shares that end on that day cannot be opened"


def _advise(settings: Settings) -> None:
    """Tell what is allowed, but not recommended."""
    if not settings.https and not is_loopback(host_of(settings.base_url) or ""):
        click.echo("advice   the base URL is http: secrets travel in clear between this service and browsers")
    if not settings.support_contact or not settings.privacy_url:
        click.echo("advice   without a support contact and a privacy note the recipients' page looks like phishing")
    if not settings.has_mail:
        click.echo("note     no mail server is set, so nobody is told by e-mail; see SHARELINK_SMTP_HOST")
    if settings.webhook_allow_private:
        click.echo(
            "advice   webhooks may go to private networks: an administrator can make this service call into them"
        )
    with current_unit_of_work().read() as work:
        failed = failed_count(work.session)
    if failed:
        click.echo(f"advice   deliveries were refused or given up ({failed}); look at the page Deliveries")
    if settings.has_single_sign_on:
        _advise_single_sign_on(settings)
    if not settings.separation_of_duties:
        click.echo(
            "advice   separation of duties is off: one administrator alone decides who opens secrets; switch it on "
            "with SHARELINK_SEPARATION_OF_DUTIES=true as soon as there are two"
        )
        if both := _with_both_duties():
            click.echo(f"advice   nobody should be administrator and custodian at once: {', '.join(both)}")
        return
    with current_unit_of_work().read() as work:
        if len(active_administrators(work.session)) == 1:
            click.echo(
                "advice   there is no second administrator, so nobody can approve changes of groups and factors; make "
                "one with: sharelink user invite <e-mail> --role administrator"
            )


def _advise_single_sign_on(settings: Settings) -> None:
    if not settings.sso_required_amr and not settings.sso_required_acr:
        click.echo(
            "advice   nothing is required of the provider, so its word is no fresh proof: people who come from it need "
            "a second factor here before sensitive acts; see SHARELINK_SSO_REQUIRED_AMR"
        )
    with current_unit_of_work().read() as work:
        has_break_glass = any(found.is_break_glass and not found.is_disabled for found in people(work.session))
    if not settings.local_passwords and not has_break_glass:
        click.echo(
            "advice   there is no break-glass account, so nobody can sign in while the provider does not answer; make "
            "one with: sharelink user create --break-glass --role administrator"
        )


def _duties(settings: Settings) -> Problems:
    if settings.separation_of_duties and (both := _with_both_duties()):
        yield (
            f"administrator and custodian at once, which separation of duties forbids: {', '.join(both)}; "
            "take one role away with: sharelink user roles"
        )


def _with_both_duties() -> list[str]:
    with current_unit_of_work().read() as work:
        return [
            person.email
            for person in people(work.session)
            if person.roles >= {Role.ADMINISTRATOR, Role.CUSTODIAN} and not person.is_disabled
        ]


def _mail(settings: Settings) -> Problems:
    server = Post.of(settings).server
    if server is None:
        return
    try:
        server.connect().close()
    except MailFailed as failed:
        yield f"{ERROR_WORDS.get(failed.code, failed.code)}; letters wait meanwhile"


_OUTSIDE: dict[str, Check] = {"keyring": _keyring, "files": _files, "mail server": _mail}
_INSIDE: dict[str, Check] = {
    "clocks": _clocks,
    "audit": _audit,
    "key versions": _key_versions,
    "audit sink": sink_problems,
    "epoch keys": _epoch_keys,
    "duties": _duties,
}
