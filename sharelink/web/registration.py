"""Which pages an application has."""

from flask import Flask

from sharelink.web import health, metrics, monitoring
from sharelink.web.public import approvals, links, submissions
from sharelink.web.public import statements as statement_links
from sharelink.web.staff import (
    account,
    asking,
    audit,
    calendar,
    changes,
    contacts,
    deliveries,
    factors,
    groups,
    handover,
    holds,
    home,
    invitations,
    items,
    monitor_tokens,
    people,
    proposals,
    record_policy,
    records,
    requests,
    retrievals,
    second_step,
    security,
    sends,
    set_up,
    shares,
    sign_in,
    sign_ins,
    single_sign_on,
    statements,
    uses,
    webhooks,
)

PUBLIC = (
    links.blueprint,
    submissions.blueprint,
    approvals.blueprint,
    statement_links.blueprint,
    retrievals.blueprint,
    health.blueprint,
    monitoring.blueprint,
    metrics.blueprint,
)
"""Pages that set no cookie and need no token of a form: the key that is posted is the authority.

The retrieval link's are among them although they serve custodians: what they do asks for key and password.
"""
STAFF = (
    set_up.blueprint,
    sign_in.blueprint,
    second_step.blueprint,
    single_sign_on.blueprint,
    home.blueprint,
    records.blueprint,
    handover.blueprint,
    proposals.blueprint,
    contacts.blueprint,
    items.blueprint,
    record_policy.blueprint,
    calendar.blueprint,
    statements.blueprint,
    sign_ins.blueprint,
    uses.blueprint,
    sends.blueprint,
    shares.blueprint,
    asking.blueprint,
    requests.blueprint,
    holds.blueprint,
    account.blueprint,
    security.blueprint,
    factors.blueprint,
    people.blueprint,
    invitations.blueprint,
    changes.blueprint,
    groups.blueprint,
    deliveries.blueprint,
    webhooks.blueprint,
    audit.blueprint,
    monitor_tokens.blueprint,
)


def register_pages(app: Flask) -> None:
    """Register every blueprint. Staff forms carry an anti-forgery token; public ones have the posted key instead."""
    for blueprint in (*PUBLIC, *STAFF):
        app.register_blueprint(blueprint)
