"""One live link of every kind, as a message on its way holds them, and what must be untouched after others had them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from sharelink.persistence.database import Base
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import add_contact, declare, mailed_link, make_team, set_policy
from tests.factories import Person, ask_secret, send_secret, submit_answer
from tests.statements.steps import stated

SECRET = "nobody has read this"
POST_PATHS: Mapping[str, tuple[str, ...]] = {
    "/s/": ("status", "reveal", "decline", "report", "displayed", "stored"),
    "/r/": ("status", "submit", "receipt", "report"),
    "/retrieve/": ("status", "reveal"),
    "/statement/": ("read", "confirm", "report"),
    "/approve/": ("status", "code", "decide"),
}
"""What the pages of each kind of link post to, below its folder."""
STEPS = ("share.", "request.", "statement.", "access.", "custody.")
"""How the names of events begin that somebody with a link could cause."""


@dataclass(frozen=True)
class LiveLinks:
    """A live link of every kind, by the folder of its page; `code` opens the send."""

    urls: Mapping[str, str] = field(repr=False)
    code: str = field(repr=False)
    ids: tuple[bytes, ...] = ()

    def path(self, folder: str) -> str:
        """Return what a browser asks a server for: all but the part after the # sign."""
        return folder + self.urls[folder].rpartition("/")[2].partition("#")[0]


def live_links(unit_of_work: UnitOfWork, person: Person, base_url: str) -> LiveLinks:
    """Make a send with a code, a request, an answered request, a statement and an approval that is waited for."""
    sent = send_secret(unit_of_work, person, SECRET)
    asked, answered = (ask_secret(unit_of_work, person) for _ in range(2))
    submit_answer(unit_of_work, answered.submit_link, SECRET)
    team = make_team(unit_of_work, person)
    add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, approvals_needed=1, customer_approves=True)
    approval = mailed_link(unit_of_work, declare(unit_of_work, team.anna, team.record))
    urls = {
        "/s/": sent.link.url(base_url),
        "/r/": asked.submit_link.url(base_url),
        "/retrieve/": answered.retrieval_link.url(base_url),
        "/statement/": stated(unit_of_work, person).link.url(base_url),
        "/approve/": approval.url(base_url),
    }
    return LiveLinks(urls, sent.code or "", (sent.share_id, asked.share_id, answered.share_id))


def everything(unit_of_work: UnitOfWork, wanted: Callable[[str], bool] = lambda _table: True) -> dict[str, list[Any]]:
    """Return every row of every table, or of those that are `wanted`."""
    with unit_of_work.read() as work:
        return {
            table.name: sorted(map(repr, work.session.execute(text(f"SELECT * FROM {table.name}")).all()))
            for table in Base.metadata.sorted_tables
            if wanted(table.name)
        }


def steps_taken(unit_of_work: UnitOfWork) -> list[str]:
    """Return the names of all events that somebody with a link could have caused, in order.

    Beside a working server, which writes other events of its own, this tells whether anything was recorded.
    """
    with unit_of_work.read() as work:
        kinds = work.session.execute(text("SELECT event_type FROM audit_leaf ORDER BY leaf_index")).scalars()
        return [kind for kind in kinds if kind.startswith(STEPS)]


def events_but_noise(unit_of_work: UnitOfWork) -> int:
    """Return how many events there are that are not the one a minute which counts what came to nothing."""
    with unit_of_work.read() as work:
        wanted = "SELECT count(*) FROM audit_leaf WHERE event_type <> 'strangers.refused'"
        return int(work.session.execute(text(wanted)).scalar_one())
