"""Administrators see who can sign in; nobody else does."""

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, make_person


def test_an_administrator_sees_everybody(staff_client: Browser, unit_of_work: UnitOfWork) -> None:
    make_person(unit_of_work, "<b>Ben</b>", "ben@example.com", roles=[Role.AUDITOR], groups=["Nord"])
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account("ben@example.com")
    page = staff_client.get("/people")
    assert page.status_code == 200
    for text in ("Anna Example", "&lt;b&gt;Ben&lt;/b&gt;", "Auditor", "Nord", "Disabled", "Has not signed in yet"):
        assert text in page.text


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMINISTRATOR}))
def test_nobody_else_sees_the_list_or_a_way_to_it(app: Flask, unit_of_work: UnitOfWork, role: Role) -> None:
    ben: Person = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[role])
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/people").status_code == 403
    assert 'href="/people"' not in browser.get("/account").text
