"""Which pages an application has."""

from flask import Flask

from sharelink.web import health
from sharelink.web.public import links
from sharelink.web.staff import account, holds, home, people, records, sends, set_up, shares, sign_in

PUBLIC = (links.blueprint, health.blueprint)
STAFF = (
    set_up.blueprint,
    sign_in.blueprint,
    home.blueprint,
    records.blueprint,
    sends.blueprint,
    shares.blueprint,
    holds.blueprint,
    account.blueprint,
    people.blueprint,
)


def register_pages(app: Flask) -> None:
    """Register every blueprint. Staff forms carry an anti-forgery token; public ones have the posted key instead."""
    for blueprint in (*PUBLIC, *STAFF):
        app.register_blueprint(blueprint)
