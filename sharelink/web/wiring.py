"""What the application made at start, for whoever handles a request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, cast

from flask import Flask, current_app

from sharelink.jobs.noise import Noise
from sharelink.settings import Settings
from sharelink.sso.errors import SingleSignOnOff
from sharelink.sso.provider import SingleSignOn
from sharelink.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sharelink.metrics.counters import Counters

EXTENSION = "sharelink"


@dataclass(frozen=True)
class Wiring:
    """The collaborators of one application."""

    settings: Settings
    unit_of_work: UnitOfWork
    noise: Noise
    single_sign_on: SingleSignOn | None = None
    counters: Optional["Counters"] = None
    """Counts for monitors; None where nobody may read figures."""


def wire(
    app: Flask,
    settings: Settings,
    unit_of_work: UnitOfWork,
    single_sign_on: SingleSignOn | None,
    counters: Optional["Counters"],
    *,
    serving: bool,
) -> Wiring:
    """Return the collaborators of `app`; while it serves, noise is written by a thread of the process."""
    noise = Noise(unit_of_work, app.app_context, writes_itself=serving)
    return Wiring(settings, unit_of_work, noise, single_sign_on, counters)


def wiring() -> Wiring:
    """Return the collaborators of the current application."""
    return cast(Wiring, current_app.extensions[EXTENSION])


def current_unit_of_work() -> UnitOfWork:
    """Return what makes units of work."""
    return wiring().unit_of_work


def current_settings() -> Settings:
    """Return the settings."""
    return wiring().settings


def current_single_sign_on() -> SingleSignOn:
    """Return how people sign in by the provider.

    Raises:
        SingleSignOnOff: this installation has none.
    """
    found = wiring().single_sign_on
    if found is None:
        raise SingleSignOnOff("there is no provider")
    return found
