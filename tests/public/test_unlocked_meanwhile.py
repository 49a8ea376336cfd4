"""A reveal that was refused because of a lock, on a share that staff unlocks before the answer is made."""

from typing import Any

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, send_secret


def test_a_share_that_was_unlocked_meanwhile_is_not_called_gone(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send_secret(unit_of_work, staff)
    for number in range(TRIES_IN_ALL + 1):
        with unit_of_work.write(Actor.public(f"192.0.2.{number}", None)) as work:
            work.attempts.begin(sent.link)
    look = receiving.look

    def unlock_and_look(*arguments: Any) -> Any:
        tending.unlock(unit_of_work, staff.actor, sent.share_id)
        return look(*arguments)

    form = {"link": sent.link.url("http://localhost"), "code": sent.code or ""}
    with monkeypatch.context() as at_this_moment:
        at_this_moment.setattr(receiving, "look", unlock_and_look)
        assert client.post("/s/reveal", data=form).status_code == 423
    assert client.post("/s/reveal", data=form).status_code == 200
