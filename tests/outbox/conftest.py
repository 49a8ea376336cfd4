"""Fixtures of telling people: an installation with a mail server, and what delivers."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from sharelink.actors import Actor
from sharelink.jobs.deliveries import Post, deliver_once
from sharelink.outbox.models import OutboxEntry
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, make_person
from tests.mail_server import RunningMailServer, running_mail_server
from tests.webhook_receiver import Receiver, running_receiver


@pytest.fixture(scope="session")
def mail_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMailServer]:
    """Yield a mail server that all tests of this process share."""
    with running_mail_server(tmp_path_factory.mktemp("mail") / "server") as server:
        yield server


@pytest.fixture
def mail(mail_process: RunningMailServer) -> RunningMailServer:
    """Return the mail server, with no letters."""
    mail_process.forget_letters()
    return mail_process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a receiver of webhooks."""
    with running_receiver() as made:
        yield made


@pytest.fixture
def settings(settings: Settings, mail: RunningMailServer) -> Settings:
    """Return settings with a mail server, that let webhooks go to this machine."""
    return Settings(**settings.model_dump() | mail.settings | {"webhook_allow_private": True})


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    """Return an account of whose making nobody has to be told any more."""
    person = make_person(unit_of_work, "Anna Example", "anna@example.com")
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(delete(OutboxEntry))
    return person


@pytest.fixture
def deliver(unit_of_work: UnitOfWork, settings: Settings) -> Callable[[], int]:
    """Return a function that delivers what is due."""
    post = Post.of(settings)
    return lambda: deliver_once(unit_of_work, post)
