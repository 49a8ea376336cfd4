"""Challenges: what passkeys are asked to sign. Each is used up by whatever answers it, right or wrong."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sharelink.crypto.factor_secrets import new_challenge
from sharelink.crypto.identifiers import new_id
from sharelink.factors.models import ChallengePurpose, PasskeyChallenge

CHALLENGE_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class JoinChallenge:
    """A challenge for somebody who joins, and the id that their account will have."""

    challenge: bytes
    new_account_id: bytes


@dataclass(frozen=True, slots=True)
class Challenges:
    """Make challenges and use them up, within one unit of work."""

    session: Session
    now: datetime

    def make(
        self, purpose: ChallengePurpose, account_id: bytes | None = None, session_hash: bytes | None = None
    ) -> bytes:
        """Return a new challenge; those that are too old are erased on the way."""
        return self._add(
            PasskeyChallenge(
                challenge=new_challenge(),
                purpose=purpose,
                account_id=account_id,
                session_hash=session_hash,
                expires_at=self.now + CHALLENGE_LIFETIME,
            )
        )

    def take(
        self,
        challenge: bytes,
        purpose: ChallengePurpose,
        account_id: bytes | None = None,
        session_hash: bytes | None = None,
    ) -> bool:
        """Use a challenge up; False unless it is ours, for this purpose, account and session, in time and unused."""
        taken = self.session.execute(
            delete(PasskeyChallenge)
            .where(
                PasskeyChallenge.challenge == challenge,
                PasskeyChallenge.purpose == purpose,
                PasskeyChallenge.account_id.is_not_distinct_from(account_id),
                PasskeyChallenge.session_hash.is_not_distinct_from(session_hash),
                PasskeyChallenge.expires_at > self.now,
            )
            .returning(PasskeyChallenge.challenge),
            execution_options={"synchronize_session": False},
        )
        return taken.first() is not None

    def make_to_join(self, invitation_id: bytes) -> JoinChallenge:
        """Return a new challenge for the first passkey of an account that the invitation will make."""
        made = JoinChallenge(new_challenge(), new_id())
        self._add(
            PasskeyChallenge(
                challenge=made.challenge,
                purpose=ChallengePurpose.JOIN,
                invitation_id=invitation_id,
                new_account_id=made.new_account_id,
                expires_at=self.now + CHALLENGE_LIFETIME,
            )
        )
        return made

    def take_to_join(self, challenge: bytes, invitation_id: bytes) -> bytes | None:
        """Use a challenge up and return the id that the account will have.

        None unless it is ours, for somebody who joins by this invitation, in time and unused.
        """
        taken = self.session.execute(
            delete(PasskeyChallenge)
            .where(
                PasskeyChallenge.challenge == challenge,
                PasskeyChallenge.purpose == ChallengePurpose.JOIN,
                PasskeyChallenge.invitation_id == invitation_id,
                PasskeyChallenge.expires_at > self.now,
            )
            .returning(PasskeyChallenge.new_account_id),
            execution_options={"synchronize_session": False},
        )
        return taken.scalar()

    def _add(self, made: PasskeyChallenge) -> bytes:
        self.session.execute(
            delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= self.now),
            execution_options={"synchronize_session": False},
        )
        self.session.add(made)
        return made.challenge
