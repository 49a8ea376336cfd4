"""Versions of keys: known, staged, current, retired. Touches no file; `sharelink.acts.rotating` does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.keyring import Keyring, check_value
from sharelink.keys.errors import KeyInUse, KeyStillNeeded, KeyVersionUnknown
from sharelink.keys.holding import hold
from sharelink.keys.models import KeyVersion
from sharelink.keys.states import KeyState


@dataclass(frozen=True, slots=True)
class KeyVersions:
    """The versions of all keys, in one unit of work."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def known(self) -> list[KeyVersion]:
        """Return every version that was ever registered, by purpose, oldest first."""
        return list(self.session.scalars(select(KeyVersion).order_by(KeyVersion.purpose, KeyVersion.version)))

    def find(self, name: KeyName) -> KeyVersion:
        """Return one version.

        Raises:
            KeyVersionUnknown: it was never registered.
        """
        found = self.session.get(KeyVersion, (name.purpose, name.version), populate_existing=True)
        if found is None:
            raise KeyVersionUnknown(f"there is no {name.purpose}.{name.version}")
        return found

    def strange(self, keyring: Keyring) -> list[KeyName]:
        """Return the keys of `keyring` that the database knows as others: they belong to another installation."""
        return [
            name
            for name, row in ((KeyName(row.purpose, row.version), row) for row in self.known())
            if row.state is not KeyState.RETIRED
            and (key := keyring.keys[name.purpose].get(name.version)) is not None
            and check_value(name, key) != row.check_value
        ]

    def lacking(self, keyring: Keyring) -> list[KeyName]:
        """Return the keys that somebody may seal, sign, open or verify with, and that are not in `keyring`."""
        return [
            KeyName(row.purpose, row.version)
            for row in self.known()
            if row.state is not KeyState.RETIRED and row.version not in keyring.keys[row.purpose]
        ]

    def register(self, keyring: Keyring) -> None:
        """Remember the keys of every purpose of which none is known: the current version, and those before it."""
        known = {row.purpose for row in self.known()}
        for purpose, keys in keyring.keys.items():
            if purpose in known:
                continue
            current = keyring.current_version(purpose)
            for version, key in keys.items():
                state = KeyState.CURRENT if version == current else KeyState.PREVIOUS
                if self._add(KeyName(purpose, version), key, state):
                    self._append(AuditEvent.KEY_CREATED, KeyName(purpose, version))

    def next_version(self, purpose: KeyPurpose, present: Iterable[int]) -> int:
        """Return the lowest version above all that are known or `present`: no number is ever used for two keys."""
        highest = self.session.scalar(select(func.max(KeyVersion.version)).where(KeyVersion.purpose == purpose))
        return max([*present, highest or 0]) + 1

    def stage(self, name: KeyName, key: bytes) -> None:
        """Make a version known, so that every process takes it into its keyring; nothing is sealed with it yet."""
        if self._add(name, key, KeyState.STAGED):
            self._append(AuditEvent.KEY_CREATED, name)

    def activate(self, name: KeyName) -> int | None:
        """Let a staged version seal and sign from now on; return the one before it. Repeating is harmless.

        Raises:
            KeyVersionUnknown: it is neither staged nor current.
        """
        # The one before goes first, so that there are never two; both change in one transaction.
        before = self.session.execute(
            update(KeyVersion)
            .where(
                KeyVersion.purpose == name.purpose,
                KeyVersion.state == KeyState.CURRENT,
                KeyVersion.version != name.version,
            )
            .values(state=KeyState.PREVIOUS, superseded_at=self.now)
            .returning(KeyVersion.version),
            execution_options={"synchronize_session": False},
        ).scalar()
        activated = self.session.execute(
            _this(name, KeyState.STAGED).values(state=KeyState.CURRENT, current_at=self.now),
            execution_options={"synchronize_session": False},
        ).first()
        if activated is not None:
            self._append(AuditEvent.KEY_ROTATED, name, before=before)
        elif self.find(name).state is not KeyState.CURRENT:
            raise KeyVersionUnknown(f"{name.purpose}.{name.version} is not staged")
        return before

    def hold(self, purpose: KeyPurpose, version: int) -> None:
        """Let nobody retire this version before the end of the transaction; see `sharelink.keys.holding`."""
        hold(self.session.connection(), purpose, version)

    def take_out(self, name: KeyName) -> None:
        """Forbid a previous version: from here on nothing that is sealed with it can be stored.

        Waits for whoever stores something under it now. The caller counts what needs it afterwards, in the same unit of
        work, and undoes that if anything does.

        Raises:
            KeyVersionUnknown: there is none, or it was retired before.
            KeyInUse: it is the current one, or about to be.
        """
        taken = self.session.execute(
            _this(name, KeyState.PREVIOUS).values(state=KeyState.RETIRED, retired_at=self.now),
            execution_options={"synchronize_session": False},
        ).first()
        if taken is not None:
            return
        if self.find(name).state is KeyState.RETIRED:
            raise KeyVersionUnknown(f"{name.purpose}.{name.version} was retired before")
        raise KeyInUse(f"{name.purpose}.{name.version} is the current one; run first: sharelink keys rotate")

    def record_retired(self, name: KeyName, needed: int, *, is_lost: bool) -> None:
        """Record that a version was taken out.

        Raises:
            KeyStillNeeded: `needed` things cannot do without it, and it is not lost.
        """
        if needed and not is_lost:
            raise KeyStillNeeded(f"{needed:,} still need {name.purpose}.{name.version}")
        facts = {"lost": True, "unreadable": needed} if is_lost else {}
        self._append(AuditEvent.KEY_RETIRED, name, **facts)

    def record_rewrapped(self, purpose: KeyPurpose, to: int, count: int) -> None:
        """Record that `count` things are sealed with version `to` now."""
        self._append(AuditEvent.KEY_REWRAPPED, KeyName(purpose, to), count=count)

    def record_destroyed(self, name: KeyName) -> None:
        """Record that the file of a retired version is gone."""
        self._append(AuditEvent.KEY_DESTROYED, name)

    def _add(self, name: KeyName, key: bytes, state: KeyState) -> bool:
        insert = sqlite_insert if self.session.get_bind().dialect.name == "sqlite" else postgresql_insert
        added = self.session.execute(
            insert(KeyVersion)
            .values(
                purpose=name.purpose,
                version=name.version,
                state=state,
                check_value=check_value(name, key),
                staged_at=self.now,
                current_at=self.now if state is KeyState.CURRENT else None,
                superseded_at=self.now if state is KeyState.PREVIOUS else None,
                retired_at=None,
            )
            .on_conflict_do_nothing(index_elements=["purpose", "version"])
            .returning(KeyVersion.version)
        ).first()
        return added is not None

    def _append(self, event: AuditEvent, name: KeyName, **facts: int | bool | None) -> None:
        self.audit.append(
            event,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            facts={"purpose": name.purpose.value, "version": name.version, **facts},
        )


def _this(name: KeyName, state: KeyState) -> ReturningUpdate[tuple[int]]:
    return (
        update(KeyVersion)
        .where(KeyVersion.purpose == name.purpose, KeyVersion.version == name.version, KeyVersion.state == state)
        .returning(KeyVersion.version)
    )
