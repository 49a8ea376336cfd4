"""What tests of a share's life look at and do again and again."""

import pytest
from sqlalchemy import func, select

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text
from sharelink.shares.errors import CodeRefused, ShareEnded
from sharelink.shares.models import Share
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, send_secret


def row(unit_of_work: UnitOfWork, sent: Sent) -> Share:
    """Return the stored row of a share."""
    with unit_of_work.read() as work:
        found = work.session.execute(select(Share).where(Share.id == sent.share_id)).scalar_one()
        work.session.expunge(found)
        return found


def events(unit_of_work: UnitOfWork, sent: Sent) -> list[str]:
    """Return the names of the events of a share's record, oldest first."""
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type).where(AuditLeaf.rec == id_text(sent.custody_id)).order_by(AuditLeaf.rseq)
        return list(work.session.execute(wanted).scalars())


def leaf_count(unit_of_work: UnitOfWork) -> int:
    """Return how many events there are in all."""
    with unit_of_work.read() as work:
        return int(work.session.execute(select(func.count()).select_from(AuditLeaf)).scalar_one())


def wrong_code(sent: Sent) -> str:
    """Return another code that could be one."""
    assert sent.code is not None
    return sent.code[:-1] + ("2" if sent.code[-1] != "2" else "3")


def guess(unit_of_work: UnitOfWork, sent: Sent, times: int, *, network: int = 0) -> None:
    """Type a wrong code so many times, from five addresses."""
    for number in range(times):
        guesser = Actor.public(f"203.0.{113 + network}.{number % 5}", None)
        with pytest.raises((CodeRefused, ShareEnded)):
            receiving.reveal(unit_of_work, guesser, sent.link, wrong_code(sent))


def lock(unit_of_work: UnitOfWork, sent: Sent) -> None:
    """Lock a share as strangers do."""
    guess(unit_of_work, sent, 10)
    assert row(unit_of_work, sent).state is ShareState.LOCKED


def put_on_hold(unit_of_work: UnitOfWork, person: Person, visitor: Actor, custody_id: bytes | None = None) -> Sent:
    """Put a record on hold, a new one unless `custody_id` names it, and return the share that was reported."""
    sent = send_secret(unit_of_work, person, code=False, custody_id=custody_id, label="reported")
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    receiving.report(unit_of_work, visitor, sent.link)
    return sent
