"""Links of strangers: all but a part of what a holder would have, one class for each thing that must not be learned.

Every class has a token of ours, as a thief of a proxy's log has it, and another key than the link.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import update

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Post
from tests.attacks.open_links import LiveLinks
from tests.factories import Person, ask_secret, send_secret, submit_answer
from tests.shares.lives import lock

LINK = Callable[[], str]
VISITOR = Actor.public("203.0.113.7", "Test browser")


def strangers_to_sends(unit_of_work: UnitOfWork, staff: Person) -> dict[str, LINK]:
    """Return makers of links with the token of a send in each state, or of none, and a key that nobody has."""
    live, used, declined, withdrawn, expired, locked = (send_secret(unit_of_work, staff) for _ in range(6))
    receiving.reveal(unit_of_work, VISITOR, used.link, used.code or "")
    receiving.decline(unit_of_work, VISITOR, declined.link, declined.code or "", "no")
    tending.withdraw(unit_of_work, staff.actor, withdrawn.share_id, "told by the test")
    lock(unit_of_work, locked)
    with unit_of_work.write(staff.actor) as work:
        past = work.now - timedelta(seconds=1)
        work.session.execute(update(Share).where(Share.id == expired.share_id).values(expires_at=past))
    with unit_of_work.write(Actor.system()) as work:
        work.shares.expire_due(100)
    sends = {
        "live": live, "used": used, "declined": declined, "withdrawn": withdrawn, "expired": expired, "locked": locked,
    }  # fmt: skip
    return {name: _with_token("/s/", sent.link.token) for name, sent in sends.items()} | {
        "unknown": _unknown(unit_of_work, "/s/", TokenPurpose.OPEN)
    }


def strangers_to_requests(unit_of_work: UnitOfWork, staff: Person) -> dict[str, LINK]:
    """Return makers of submit links in the same way."""
    awaiting, answered, cancelled = (ask_secret(unit_of_work, staff) for _ in range(3))
    submit_answer(unit_of_work, answered.submit_link, "an answer")
    tending.withdraw(unit_of_work, staff.actor, cancelled.share_id, "told by the test")
    requests = {"awaiting": awaiting, "answered": answered, "cancelled": cancelled}
    return {name: _with_token("/r/", asked.submit_link.token, keys=2) for name, asked in requests.items()} | {
        "unknown": _unknown(unit_of_work, "/r/", TokenPurpose.SUBMIT, keys=2)
    }


def strangers_to(unit_of_work: UnitOfWork, links: LiveLinks, folder: str, purpose: TokenPurpose) -> dict[str, LINK]:
    """Return makers of links of one kind: with the token of a live one, and with one of nothing."""
    token = links.path(folder).rpartition("/")[2]
    return {"live": _with_token(folder, token), "unknown": _unknown(unit_of_work, folder, purpose)}


def posts(path: str, links: Mapping[str, LINK], **more: str) -> dict[str, Callable[[], Post]]:
    """Return makers of the form at `path` for each class of links."""

    def post(link: LINK) -> Callable[[], Post]:
        return lambda: (path, {"link": link(), **more})

    return {name: post(link) for name, link in links.items()}


def _with_token(folder: str, token: str, keys: int = 1) -> LINK:
    return lambda: f"http://localhost{folder}{token}#{''.join(link_key_text(new_link_key()) for _ in range(keys))}"


def _unknown(unit_of_work: UnitOfWork, folder: str, purpose: TokenPurpose, keys: int = 1) -> LINK:
    def link() -> str:
        token = sign_token(unit_of_work.keyring.token_keys, purpose, new_id(), unit_of_work.clock())
        return _with_token(folder, token, keys)()

    return link
