"""Fixtures of monitors: a token, and a program that reads the log with it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.models import AuditHead
from sharelink.unit_of_work import UnitOfWork, Work
from tests.browsers import Browser


@dataclass(frozen=True)
class Monitor:
    """A program of somebody else's: knows an address and a token, and keeps no cookie."""

    app: Flask
    token: str

    def get(self, path: str, method: str = "GET") -> TestResponse:
        """Fetch a part of the log."""
        browser = Browser(self.app, self.app.response_class, use_cookies=False)
        return browser.open(f"/audit/{path}", method=method, headers={"Authorization": f"Bearer {self.token}"})


@pytest.fixture
def monitor(app: Flask, unit_of_work: UnitOfWork) -> Monitor:
    """Return a monitor with a fresh token that has read today already, so that its reading adds nothing more."""
    with unit_of_work.write(Actor.operator()) as work:
        new = work.monitor_tokens.create("Customer's monitor", 90)
    found = Monitor(app, new.text)
    assert found.get("checkpoint").status_code == 200
    return found


@pytest.fixture
def grow_to(unit_of_work: UnitOfWork) -> Callable[[int], None]:
    """Return a function that lets events happen until there are so many."""

    def grow_to(size: int) -> None:
        with unit_of_work.write(Actor.system()) as work:
            for number in range(size - head_size(work)):
                work.audit.append(
                    AuditEvent.SYSTEM_STARTED,
                    rec=SYSTEM_CHAIN,
                    actor=work.actor,
                    now=work.now,
                    facts={"number": number, "name": "Sharelink \u2028 größer"},
                )

    return grow_to


def head_size(work: Work) -> int:
    """Return how many events there are."""
    return work.session.execute(select(AuditHead.size)).scalar_one()
