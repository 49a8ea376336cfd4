"""Replacing the server's keys while it serves: rotate, rewrap, retire. Each step may be killed anywhere and repeated.

Rotating stages a new version, waits until every process has it (`sharelink.keys.live`), and makes it current.
Rewrapping seals what is kept with the current version. Retiring forbids an old version, counts what needs it, and
removes its key only when nothing does. Nothing here needs a link.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.signing import LogKeys
from sharelink.crypto.durable_files import create_durably
from sharelink.crypto.errors import EpochKeyMissing, KeyMissing, SealBroken
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.errors import StorageUnavailable
from sharelink.factors.rewrapping import SEALED_APPS, unused_codes_before
from sharelink.factors.rewrapping import rewrapped as rewrapped_app
from sharelink.keys.errors import (
    KeyNotGiven,
    KeyNotLost,
    KeyNotRotated,
    KeysOfAnother,
    KeyStillNeeded,
    KeyVersionUnknown,
)
from sharelink.keys.live import SETTLE_SECONDS
from sharelink.keys.sealed_column import Position, SealedColumn, SealedRow
from sharelink.keys.states import KeyState
from sharelink.outbox.rewrapping import SEALED_ENDPOINTS
from sharelink.outbox.rewrapping import rewrapped as rewrapped_endpoint
from sharelink.shares.rewrapping import SEALED_SHARES
from sharelink.shares.rewrapping import rewrapped as rewrapped_share
from sharelink.tlog.signed_notes import VerifierKey
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

BATCH_ROWS = 100
"""How many rows are sealed anew in one transaction: few enough that nobody waits long for the writer's turn."""

SEALED: dict[KeyPurpose, SealedColumn] = {
    column.purpose: column for column in (SEALED_SHARES, SEALED_APPS, SEALED_ENDPOINTS)
}
"""What can be rewrapped."""

NOT_ROTATED: dict[KeyPurpose, str] = {
    KeyPurpose.AUDIT: (
        "The audit key gives people their pseudonyms: another one would break every chain of events into people "
        "before and people after. It opens nothing"
    ),
}

_log = get_logger("sharelink.keys")


@dataclass(frozen=True, slots=True)
class Staged:
    """A version that every process is about to know. `is_given` if each process must be given it by its environment."""

    name: KeyName
    is_given: bool


def stage_next(unit_of_work: UnitOfWork, purpose: KeyPurpose) -> Staged:
    """Make the next version of a key and let every process take it; one that waits already is taken instead.

    Raises:
        KeyNotRotated: keys of this purpose are not replaced.
        KeyNotGiven: the next version must come from the environment, and is not there.
        KeysOfAnother: the keyring is not that of the database.
        KeyUnusable, KeyWrappingFailed, OSError: the key could not be made; nothing was changed.
    """
    if purpose in NOT_ROTATED:
        raise KeyNotRotated(NOT_ROTATED[purpose])
    source = unit_of_work.keys.source
    _register(unit_of_work)
    with unit_of_work.read() as work:
        known = {row.version: row.state for row in work.key_versions.known() if row.purpose is purpose}
        present = set(source.load()[purpose])
        following = work.key_versions.next_version(purpose, known)
    # Left by a run that was killed, or put there by an operator: the key is taken, not made again.
    waiting = [version for version in present | known.keys() if known.get(version) is KeyState.STAGED]
    waiting += [version for version in present if version >= following]
    version = max(waiting, default=following)
    name = KeyName(purpose, version)
    if not waiting:
        if source.is_given(purpose):
            raise KeyNotGiven(f"add version {version} to SHARELINK_MASTER_KEYS of every process first")
        source.create(name)
    key = source.read(name)
    with unit_of_work.write(Actor.operator()) as work:
        work.key_versions.stage(name, key)
    return Staged(name, source.is_given(purpose))


def activate(unit_of_work: UnitOfWork, name: KeyName) -> int | None:
    """Let a staged version seal and sign from now on, and return the one before it. Every process must hold it.

    Raises:
        KeyVersionUnknown: it is not staged.
    """
    with unit_of_work.write(Actor.operator()) as work:
        before = work.key_versions.activate(name)
        if name.purpose is KeyPurpose.LOG and before is not None:
            _tell_of_log_key(work, AuditEvent.LOG_KEY_ROTATED, _log_key(unit_of_work, name))
        return before


def to_rewrap(unit_of_work: UnitOfWork, purpose: KeyPurpose) -> int:
    """Return how many things of a purpose are sealed with another version than the current one."""
    _register(unit_of_work)
    with unit_of_work.read() as work:
        return SEALED[purpose].not_sealed_with(work.session, work.keyring.current_version(purpose))


def rewrap(
    unit_of_work: UnitOfWork, purpose: KeyPurpose, *, rest: Callable[[float], None] = time.sleep
) -> Iterator[int]:
    """Seal what is kept with the current version, in short transactions; yield after each how many rows that were.

    Ends when a whole pass found nothing to do. What does not open is left as it is. Reveals go on meanwhile: a row is
    replaced only if it still holds what was read.

    Args:
        unit_of_work: what makes transactions.
        purpose: one of `SEALED`.
        rest: called with seconds between the transactions, so that others get the writer's turn.

    Raises:
        StorageUnavailable: the transaction at hand was undone; those before it stand.
    """
    column = SEALED[purpose]
    is_over = False
    while not is_over:
        is_over, position = True, Position()
        while True:
            with unit_of_work.read() as work:
                keyring = work.keyring
                current = keyring.current_version(purpose)
                rows, position = column.batch(work.session, current, position, BATCH_ROWS)
            if not rows:
                break
            new = [(row, value) for row in rows if (value := _rewrapped(unit_of_work, keyring, purpose, row))]
            began_at = time.monotonic()
            replaced = _replace(unit_of_work, column, current, new)
            is_over = is_over and not replaced
            yield replaced
            rest(time.monotonic() - began_at)


def needing(unit_of_work: UnitOfWork, name: KeyName) -> int:
    """Return how many things can do with this version only."""
    with unit_of_work.read() as work:
        return _needing(work, name)


def retire(unit_of_work: UnitOfWork, name: KeyName, *, is_lost: bool = False) -> bool:
    """Forbid a version, and remove its key if it lies in the keyring's directory; return whether that was done.

    Args:
        unit_of_work: what makes transactions.
        name: the version.
        is_lost: the key is nowhere any more; what needs it is given up.

    Raises:
        KeyVersionUnknown, KeyInUse: there is none to retire.
        KeyStillNeeded: something needs it; nothing was changed.
        KeyNotLost: it is called lost, and is here.
        OSError: it was retired, and its file is still there; repeat.
    """
    source = unit_of_work.keys.source
    if is_lost:
        _demand_lost(unit_of_work, name)
    _register(unit_of_work)
    with unit_of_work.read() as work:
        is_retired = work.key_versions.find(name).state is KeyState.RETIRED
    if not is_retired:
        with unit_of_work.write(Actor.operator()) as work:
            if not is_lost:
                _demand_time(unit_of_work, work, name)
            # First nobody may seal with it any more; only then a count means something.
            work.key_versions.take_out(name)
            work.key_versions.record_retired(name, _needing(work, name), is_lost=is_lost)
            if name.purpose is KeyPurpose.LOG and not is_lost:
                key = _log_key(unit_of_work, name)
                _keep_public_half(unit_of_work, name, key)
                _tell_of_log_key(work, AuditEvent.LOG_KEY_RETIRED, key)
    elif is_lost or not (source.directory / name.file_name).exists():
        raise KeyVersionUnknown(f"{name.purpose}.{name.version} was retired before")
    return not is_lost and _destroy(unit_of_work, name)


def _destroy(unit_of_work: UnitOfWork, name: KeyName) -> bool:
    # Asked once more, of the committed rows: a database that was restored meanwhile needs its key back.
    if count := needing(unit_of_work, name):
        raise KeyStillNeeded(f"{count:,} still need {name.purpose}.{name.version}; its key was not removed")
    if not unit_of_work.keys.source.destroy(name):
        return False
    with unit_of_work.write(Actor.operator()) as work:
        work.key_versions.record_destroyed(name)
    return True


def _log_key(unit_of_work: UnitOfWork, name: KeyName) -> VerifierKey:
    """Return the public half of a version of the log's key."""
    seed = unit_of_work.keys.source.read(name)
    return LogKeys.of(unit_of_work.log_keys.origin, {name.version: seed}).public_keys[0]


def _keep_public_half(unit_of_work: UnitOfWork, name: KeyName, key: VerifierKey) -> None:
    # Before the commit: once the seed is dropped, what it signed can be checked by this file only.
    path = unit_of_work.keys.source.directory / f"log.{name.version}.vkey"
    create_durably(path, f"{key.text()}\n".encode())


def _tell_of_log_key(work: Work, event: AuditEvent, key: VerifierKey) -> None:
    work.audit.append(event, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now, facts={"key": key.text()})


def _register(unit_of_work: UnitOfWork) -> None:
    with unit_of_work.write(Actor.operator()) as work:
        if strange := work.key_versions.strange(unit_of_work.keyring):
            raise KeysOfAnother(f"{strange[0].file_name} is not the key that the database knows by that name")
        work.key_versions.register(unit_of_work.keyring)


def _rewrapped(unit_of_work: UnitOfWork, keyring: Keyring, purpose: KeyPurpose, row: SealedRow) -> bytes | None:
    try:
        if purpose is KeyPurpose.MASTER:
            return rewrapped_share(row, keyring, unit_of_work.epoch_keys)
        if purpose is KeyPurpose.FACTOR:
            return rewrapped_app(row, keyring)
        return rewrapped_endpoint(row, keyring)
    except (SealBroken, EpochKeyMissing, StorageUnavailable) as error:
        _log.warning("not rewrapped", purpose=purpose.value, cause=error.code)
        return None


def _replace(unit_of_work: UnitOfWork, column: SealedColumn, current: int, new: list[tuple[SealedRow, bytes]]) -> int:
    if not new:
        return 0
    with unit_of_work.write(Actor.operator()) as work:
        work.key_versions.hold(column.purpose, current)
        replaced = column.replace(work.session, new)
        if replaced:
            work.key_versions.record_rewrapped(column.purpose, current, replaced)
    return replaced


def _needing(work: Work, name: KeyName) -> int:
    sealed = SEALED[name.purpose].sealed_with(work.session, name.version) if name.purpose in SEALED else 0
    if name.purpose is not KeyPurpose.FACTOR:
        return sealed
    superseded_at = work.key_versions.find(name).superseded_at
    if superseded_at is None:
        return sealed
    # A process may have used the older key for as long as it takes to learn of the newer one.
    return sealed + unused_codes_before(work.session, superseded_at + timedelta(seconds=SETTLE_SECONDS))


def _demand_time(unit_of_work: UnitOfWork, work: Work, name: KeyName) -> None:
    """Demand that whatever a key of this purpose has signed is too old to count."""
    lifetimes = {
        KeyPurpose.TOKEN: unit_of_work.share_limits.request_token_lifetime,
        KeyPurpose.FORM: unit_of_work.session_limits.absolute_lifetime,
    }
    superseded_at = work.key_versions.find(name).superseded_at
    if name.purpose not in lifetimes or superseded_at is None:
        return
    ends_at = superseded_at + lifetimes[name.purpose]
    if work.now < ends_at:
        raise KeyStillNeeded(f"what {name.purpose}.{name.version} has signed counts until {ends_at:%Y-%m-%d %H:%M} UTC")


def _demand_lost(unit_of_work: UnitOfWork, name: KeyName) -> None:
    try:
        unit_of_work.keys.source.read(name)
    except KeyMissing:
        return
    raise KeyNotLost(f"{name.file_name} is here")
