"""Whoever opens a link is told if somebody else was there first, and only then."""

from collections.abc import Callable

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving, submitting
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, ask_secret, send_secret

BASE = "http://localhost"
BEFORE = "This page was opened before"
ELSEWHERE = Actor.public("198.51.100.77", "Another browser")


def a_send(unit_of_work: UnitOfWork, staff: Person) -> tuple[str, str, Callable[[], object]]:
    link = send_secret(unit_of_work, staff).link
    return "/s/status", link.url(BASE), lambda: receiving.look(unit_of_work, ELSEWHERE, link)


def a_request(unit_of_work: UnitOfWork, staff: Person) -> tuple[str, str, Callable[[], object]]:
    link = ask_secret(unit_of_work, staff).submit_link
    return "/r/status", link.url(BASE), lambda: submitting.look(unit_of_work, ELSEWHERE, link)


@pytest.mark.parametrize("kind", [a_send, a_request])
def test_the_page_says_that_it_was_opened_elsewhere(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, kind: Callable[..., tuple[str, str, Callable[[], object]]]
) -> None:
    path, link, somebody_else_looks = kind(unit_of_work, staff)
    for _ in range(2):
        assert BEFORE not in client.post(path, data={"link": link}).text, "one's own look is nobody else's"
    somebody_else_looks()
    assert BEFORE in client.post(path, data={"link": link}).text
