"""Recovery codes: a way in for whoever lost their second factor. Each works once, and beside the password only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sharelink.crypto.factor_secrets import (
    new_recovery_code,
    normalised_recovery_code,
    recovery_code_hash,
    recovery_code_hashes,
    written_recovery_code,
)
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.factors.models import RecoveryCode
from sharelink.keys.holding import hold

CODES_PER_SET = 10


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Make, use and count recovery codes, within one unit of work. Writes no event; its caller does."""

    session: Session
    keyring: Keyring
    now: datetime

    def make(self, account_id: bytes) -> tuple[str, ...]:
        """Return a new set of codes as people write them down; codes of an older set are worth nothing any more."""
        hold(self.session.connection(), KeyPurpose.FACTOR, self.keyring.current_version(KeyPurpose.FACTOR))
        self.remove(account_id)
        codes = [new_recovery_code() for _ in range(CODES_PER_SET)]
        self.session.add_all(
            RecoveryCode(
                code_hash=recovery_code_hash(self.keyring.factor_keys, account_id, code),
                account_id=account_id,
                created_at=self.now,
                used_at=None,
            )
            for code in codes
        )
        return tuple(map(written_recovery_code, codes))

    def use(self, account_id: bytes, typed: str) -> bool:
        """Use up the code that was typed; False if it is none, of nobody or of somebody else, or was used before."""
        code = normalised_recovery_code(typed)
        if code is None:
            return False
        used = self.session.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.code_hash.in_(recovery_code_hashes(self.keyring.factor_keys, account_id, code)),
                RecoveryCode.account_id == account_id,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=self.now)
            .returning(RecoveryCode.code_hash),
            execution_options={"synchronize_session": False},
        )
        return used.first() is not None

    def left(self, account_id: bytes) -> int:
        """Return how many codes still work."""
        unused = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
        return self.session.scalars(unused).one()

    def remove(self, account_id: bytes) -> None:
        """Make every code of an account worthless."""
        self.session.execute(
            delete(RecoveryCode).where(RecoveryCode.account_id == account_id),
            execution_options={"synchronize_session": False},
        )
