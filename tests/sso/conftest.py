"""An application whose people sign in by a real provider, in a process of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.browsers import Browser
from tests.fakes import MovableClock
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, RunningProvider, running_provider

ROLE_MAP = "staff=staff;admins=administrator;eu=custodian@Custodians;us=@Other custodians"


@pytest.fixture(scope="session")
def provider_process() -> Iterator[RunningProvider]:
    """Yield a provider that all tests of this process share."""
    with running_provider() as provider:
        yield provider


@dataclass
class Organisation:
    """An application, its provider, and people who come from there."""

    provider: RunningProvider
    app: Flask
    clock: MovableClock

    @property
    def unit_of_work(self) -> UnitOfWork:
        made: UnitOfWork = self.app.extensions[EXTENSION].unit_of_work
        return made

    def tell(self, *values: str, **behaviour: Any) -> None:
        """Let the provider give these values of the roles claim, and behave so, at the moment of the test's clock."""
        claims = {"groups": list(values)} | behaviour.pop("claims", {})
        self.provider.tell(now=int(self.clock.now.timestamp()), claims=claims, **behaviour)

    def leave(self, browser: Browser, address: str = "/sign-in/sso", user: str = "anna") -> str:
        """Send a browser to the provider and let somebody sign in there; return the address that leads back."""
        away = browser.get(address)
        assert away.status_code == 303, away.text
        assert away.headers["Location"].startswith(self.provider.issuer), away.headers["Location"]
        return self.provider.sign_in(away.headers["Location"], user).removeprefix("http://localhost")

    def come(self, user: str = "anna", browser: Browser | None = None) -> tuple[Browser, TestResponse]:
        """Sign somebody in by the provider; return the browser and the answer to its return."""
        browser = browser or Browser.of(self.app)
        back = self.leave(browser, user=user)
        return browser, browser.get(back)


@pytest.fixture
def organisation(
    provider_process: RunningProvider,
    settings: Settings,
    clock: MovableClock,
    make_app: Callable[[Settings], Flask],
) -> Iterator[Callable[..., Organisation]]:
    """Yield what makes an application with single sign-on, settings by keyword."""

    def make(**changes: Any) -> Organisation:
        wanted = {
            "sso_issuer": provider_process.issuer,
            "sso_client_id": CLIENT_ID,
            "sso_client_secret": CLIENT_SECRET,
            "sso_roles_claim": "groups",
            "sso_role_map": ROLE_MAP,
            "sso_join": "just_in_time",
        }
        made = Organisation(provider_process, make_app(Settings(**(settings.model_dump() | wanted | changes))), clock)
        made.tell("staff")
        return made

    yield make
    provider_process.tell()


@pytest.fixture
def org(organisation: Callable[..., Organisation]) -> Iterator[Organisation]:
    """Yield an organisation where whoever has a mapped role gets an account, inside an application context."""
    made = organisation()
    with made.app.app_context():
        yield made
