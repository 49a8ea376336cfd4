"""What tests of the custody pages do again and again: people with their browsers, and the forms of a record's page."""

import html
import re
from dataclasses import dataclass

from flask import Flask
from werkzeug.test import TestResponse

from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text
from sharelink.custody.queries import record_detail
from sharelink.custody.states import CustodyState, RecordKind
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, make_person, open_record


@dataclass
class Desk:
    """A record and two colleagues at it: one of staff, and a custodian of the record's group, each with a browser."""

    unit_of_work: UnitOfWork
    anna: Person
    ben: Person
    staff: Browser
    custodian: Browser
    record_id: bytes

    @property
    def address(self) -> str:
        """The path of the record's page."""
        return f"/records/{id_text(self.record_id)}"

    @property
    def state(self) -> CustodyState:
        """Where the record stands."""
        with self.unit_of_work.read() as work:
            return record_detail(work.session, self.record_id).state

    def page(self, browser: Browser | None = None) -> str:
        """Return the text of the record's page, without the tokens of its forms: they change by the second."""
        answer = (browser or self.staff).get(self.address)
        assert answer.status_code == 200
        return html.unescape(re.sub(r'(name="csrf_token" value=)"[^"]*"', r"\1", answer.text))

    def post(self, browser: Browser, path: str, **fields: str) -> TestResponse:
        """Post a form of the record's page."""
        return browser.submit(self.address + path, fields)

    def done(self, browser: Browser, path: str, **fields: str) -> None:
        """Post a form that must be accepted."""
        answer = self.post(browser, path, **fields)
        assert answer.status_code == 303, re.findall(r'class="error"[^>]*>.*?<span>([^<]*)', answer.text, re.DOTALL)

    def confirm(self, browser: Browser, how: str = "") -> TestResponse:
        """Confirm the first thing on the page that waits."""
        path, digest = self.waiting(browser)
        return browser.submit(path, {"digest": digest, "how": how})

    def waiting(self, browser: Browser) -> tuple[str, str]:
        """Return address and digest of the first thing that waits."""
        form = re.search(
            r'action="([^"]*/proposals/[^"]*/confirm)".*?name="digest" value="([^"]*)"', self.page(browser), re.DOTALL
        )
        assert form is not None, "nothing waits for this person"
        return form[1], form[2]


def desk(app: Flask, unit_of_work: UnitOfWork, kind: RecordKind = RecordKind.AWS_ROOT) -> Desk:
    """Return a desk with a new record."""
    anna = make_person(unit_of_work, "Anna Staff", "anna.staff@example.com", roles=[Role.STAFF], groups=[])
    ben = make_person(unit_of_work, "Ben Custodian", "ben.custodian@example.com", roles=[Role.CUSTODIAN])
    staff, custodian = Browser.of(app), Browser.of(app)
    staff.sign_in(anna)
    custodian.sign_in(ben)
    return Desk(unit_of_work, anna, ben, staff, custodian, open_record(unit_of_work, anna, kind=kind))
