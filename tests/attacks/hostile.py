"""An installation with examples of everything, in which every text is hostile."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask
from werkzeug.test import TestResponse

from sharelink.accounts.states import Role
from sharelink.acts import receiving, tending
from sharelink.acts.sending import Sent
from sharelink.cli.demo_examples import fill_with_examples
from sharelink.persistence.database import db
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Post
from tests.attacks.open_links import LiveLinks, live_links
from tests.attacks.pages import ReadPage
from tests.attacks.poison import TextFor, poison
from tests.attacks.strangers import VISITOR
from tests.browsers import Browser
from tests.factories import Person, ask_secret, make_person, send_secret, submit_answer
from tests.shares.lives import lock

EVERY_ROLE = frozenset(Role)
GROUPS = ("Custodians", "Night shift")


@dataclass(frozen=True)
class Hostile:
    """Who sees everything, and what people post who hold whole links, in the order in which it still works."""

    walker: Person
    links: LiveLinks
    public_posts: Sequence[Post]

    @staticmethod
    def kind_of(address: str) -> str:
        """Return an address without its ids and numbers: pages of one kind differ in these only."""
        return _ID.sub("*", address)


def fill(unit_of_work: UnitOfWork, base_url: str, secret: str) -> Hostile:
    """Make examples of everything, links in every state, and somebody who may see it all; `secret` is in each share."""
    fill_with_examples(unit_of_work)
    sender = make_person(unit_of_work, "Selma Sender", "selma@example.com", groups=GROUPS)
    walker = make_person(unit_of_work, "Wanda Walker", "walker@example.com", EVERY_ROLE, GROUPS)
    links = live_links(unit_of_work, sender, base_url)
    live, used, declined, withdrawn, locked = (send_secret(unit_of_work, sender, secret) for _ in range(5))
    receiving.reveal(unit_of_work, VISITOR, used.link, used.code or "")
    receiving.decline(unit_of_work, VISITOR, declined.link, declined.code or "", "no")
    tending.withdraw(unit_of_work, sender.actor, withdrawn.share_id, "told by the test")
    lock(unit_of_work, locked)
    asked, answered = (ask_secret(unit_of_work, sender) for _ in range(2))
    submit_answer(unit_of_work, answered.submit_link, secret)
    posts = [_status(sent, base_url) for sent in (live, used, declined, withdrawn, locked)]
    posts += [("/r/status", {"link": each.submit_link.url(base_url)}) for each in (asked, answered)]
    posts += [
        ("/s/reveal", {"link": live.link.url(base_url), "code": secret}),
        ("/s/decline", {"link": live.link.url(base_url), "code": "ABCD-EFGH", "note": secret}),
        ("/s/reveal", {"link": live.link.url(base_url), "code": live.code or ""}),
        ("/r/submit", {"link": asked.submit_link.url(base_url), "field-0": " " + secret}),
        ("/r/submit", {"link": asked.submit_link.url(base_url), "field-0": secret, "space_ok": "yes"}),
        ("/r/receipt", {"link": asked.submit_link.url(base_url), "format": "json"}),
        ("/r/receipt", {"link": asked.submit_link.url(base_url)}),
        ("/statement/read", {"link": links.urls["/statement/"]}),
        ("/statement/report", {"link": links.urls["/statement/"], "message": ""}),
        ("/statement/report", {"link": links.urls["/statement/"], "message": secret}),
        ("/approve/status", {"link": links.urls["/approve/"]}),
        ("/approve/decide", {"link": links.urls["/approve/"], "code": secret, "verdict": "x", "note": secret}),
        ("/approve/code", {"link": links.urls["/approve/"]}),
        ("/s/status", {"link": secret}),
        ("/s/status", {"link": f"{base_url}/s/{secret}#" + "A" * 43}),
    ]
    return Hostile(walker, links, tuple(posts))


def _status(sent: Sent, base_url: str) -> Post:
    return "/s/status", {"link": sent.link.url(base_url)}


def poison_all(app: Flask, text_for: TextFor) -> int:
    """Make every text of the installation hostile; return how many there were."""
    with app.app_context(), db.engine.begin() as connection:
        return poison(connection, text_for)


def addresses_with(text: str) -> list[str]:
    """Return addresses whose pages take something from the address itself."""
    typed = quote(text, safe="")
    return [
        f"/records?q={typed}",
        f"/records?page={typed}",
        f"/sign-in?next={typed}",
        f"/sign-in?next=/{typed}",
        f"/people?q={typed}&page={typed}",
        f"/send?record={typed}",
        f"/request?record={typed}",
        f"/records/{typed}",
        f"/s/{typed}",
        f"/{typed}",
        f"/static/{typed}",
        f"/join?x={typed}",
    ]


def numbered(hostile_text: str) -> TextFor:
    """Return what makes every text this one, and no two in a column the same."""
    return lambda _table, _column, number: f"{hostile_text} {number}"


def walk(browser: Browser, start: Sequence[str], most_alike: int) -> Iterator[tuple[str, TestResponse]]:
    """Yield every page that one reaches by the links of the pages, each once, beginning at `start`.

    `most_alike`: how many pages of the same kind, whose addresses differ in ids and numbers only.
    """
    waiting, seen, alike = list(start), set(start), Counter[str]()
    while waiting:
        address = waiting.pop(0)
        answer = browser.get(address)
        yield address, answer
        leads_to = ReadPage(answer.text).links if answer.mimetype == "text/html" else set()
        for link in sorted(leads_to | {answer.headers.get("Location", "/")} - seen):
            kind = Hostile.kind_of(link)
            if link not in seen and alike[kind] < most_alike:
                alike[kind] += 1
                seen.add(link)
                waiting.append(link)


_ID = re.compile(r"[A-Za-z0-9_-]{22}|\d+")
