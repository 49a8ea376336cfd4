"""Many live shares without a code, written in bulk: each really sealed, none with an event of its own."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.link_keys import link_key_hash, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.crypto.sealing import server_key_names
from sharelink.shares import statements
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share
from sharelink.shares.seals import seal_send
from sharelink.shares.states import LIVE_STATES
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, send_secret


@dataclass(frozen=True)
class Made:
    """One share, with what its recipient has and must see."""

    share_id: bytes
    link: OpenLink
    secret: str


def seal_many(unit_of_work: UnitOfWork, person: Person, record: bytes, count: int) -> list[Made]:
    """Add `count` shares to a record, sealed with the current master key; they end on two days."""
    first = send_secret(unit_of_work, person, custody_id=record, code=False)
    made: list[Made] = []
    rows = []
    with unit_of_work.write(person.actor) as work:
        wanted = select(Share.__table__).where(Share.id == first.share_id)
        pattern = dict(work.session.execute(wanted).mappings().one())
        for number in range(count):
            share_id, key, secret = new_id(), new_link_key(), f"canary {number} {id_text(new_id())}"
            expires_at = work.now + timedelta(days=1 + number % 2, seconds=number % 7)
            sealed = seal_send(
                secret.encode(),
                link_key=key,
                code=None,
                share_id=share_id,
                custody_id=record,
                expires_at=expires_at,
                keyring=work.keyring,
                epoch_keys=work.epoch_keys,
            )
            rows.append(
                pattern
                | {
                    "id": share_id,
                    "form_id": new_id(),
                    "expires_at": expires_at,
                    "link_key_hash": link_key_hash(share_id, key),
                    "seal_header": sealed.header,
                    "outer_ciphertext": sealed.outer,
                }
            )
            token = sign_token(work.keyring.token_keys, TokenPurpose.OPEN, share_id, work.now)
            made.append(Made(share_id, OpenLink(token, key), secret))
        work.session.execute(statements.insert_share, rows)
    return made


def versions_in_use(unit_of_work: UnitOfWork) -> dict[int, int]:
    """Return how many live shares are sealed with each version of the master key."""
    with unit_of_work.read() as work:
        outers = work.session.scalars(select(Share.outer_ciphertext).where(Share.state.in_(sorted(LIVE_STATES)))).all()
    counts: dict[int, int] = {}
    for outer in outers:
        if outer is not None:
            version = server_key_names(outer)[0]
            counts[version] = counts.get(version, 0) + 1
    return counts


def live_count(unit_of_work: UnitOfWork) -> int:
    """Return how many shares are live."""
    with unit_of_work.read() as work:
        return work.session.scalars(select(func.count()).where(Share.state.in_(sorted(LIVE_STATES)))).one()
