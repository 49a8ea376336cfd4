"""Which pages an application has."""

from flask import Flask

from sharelink.web import health
from sharelink.web.public import links
from sharelink.web.staff import (
    account,
    changes,
    factors,
    groups,
    holds,
    home,
    invitations,
    people,
    records,
    second_step,
    security,
    sends,
    set_up,
    shares,
    sign_in,
)

PUBLIC = (links.blueprint, health.blueprint)
STAFF = (
    set_up.blueprint,
    sign_in.blueprint,
    second_step.blueprint,
    home.blueprint,
    records.blueprint,
    sends.blueprint,
    shares.blueprint,
    holds.blueprint,
    account.blueprint,
    security.blueprint,
    factors.blueprint,
    people.blueprint,
    invitations.blueprint,
    changes.blueprint,
    groups.blueprint,
)


def register_pages(app: Flask) -> None:
    """Register every blueprint. Staff forms carry an anti-forgery token; public ones have the posted key instead."""
    for blueprint in (*PUBLIC, *STAFF):
        app.register_blueprint(blueprint)
