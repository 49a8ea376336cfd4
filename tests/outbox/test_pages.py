"""Where people read what was told: truthful beside a share or request, on the security page, and for administrators."""

import pytest

from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text
from sharelink.jobs.deliveries import Post, deliver_once
from sharelink.outbox.queries import failed_count, told_of_record
from sharelink.settings import Settings
from tests.browsers import Browser
from tests.factories import ask_secret, make_person, send_secret
from tests.outbox.telling import open_told_record, reveal


def test_a_share_s_page_says_queued_then_accepted_and_never_that_it_was_read(
    staff_client, unit_of_work, staff, deliver
):
    sent = send_secret(unit_of_work, staff, custody_id=open_told_record(unit_of_work, staff))
    page = staff_client.get(f"/shares/{id_text(sent.share_id)}").text
    assert "Who was told" in page
    assert "Queued" in page
    reveal(unit_of_work, sent)
    deliver()
    page = staff_client.get(f"/shares/{id_text(sent.share_id)}").text
    assert "Accepted by the mail server" in page
    assert "Secret revealed" in page
    assert "Queued" not in page
    with unit_of_work.read() as work:
        assert len(told_of_record(work.session, sent.custody_id)) == 6


def test_a_request_s_page_says_that_the_letter_was_refused(staff_client, unit_of_work, staff, deliver):
    asked = ask_secret(unit_of_work, staff, custody_id=open_told_record(unit_of_work, staff, to="refused@example.com"))
    deliver()
    page = staff_client.get(f"/requests/{id_text(asked.share_id)}").text
    assert "Refused" in page
    assert "The mail server refused the address." in page
    assert "refused@example.com" not in page


def test_without_a_mail_server_pages_say_so(make_app, settings, unit_of_work, staff):
    mail = {name for name in Settings.model_fields if name.startswith("smtp_")}
    app = make_app(Settings(**settings.model_dump(exclude=mail)))
    browser = Browser.of(app)
    browser.sign_in(staff)
    with app.app_context():
        sent = send_secret(app.extensions["sharelink"].unit_of_work, staff)
    assert "nobody is told by e-mail" in browser.get(f"/shares/{id_text(sent.share_id)}").text
    assert "SHARELINK_SMTP_HOST" in browser.get("/deliveries").text


def test_people_see_on_their_security_page_what_was_mailed_to_them(staff_client, unit_of_work, staff, deliver):
    reveal(unit_of_work, send_secret(unit_of_work, staff))
    deliver()
    page = staff_client.get("/account/security").text
    assert "What was mailed to you" in page
    assert "Secret revealed" in page
    assert "You signed in on a new device" in page
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    other = Browser.of(staff_client.application)
    other.sign_in(ben)
    assert "Secret revealed" not in other.get("/account/security").text


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.STAFF])
def test_administrators_are_told_on_their_start_page_that_deliveries_failed(app, unit_of_work, staff, settings, role):
    open_told_record(unit_of_work, staff, to="refused@example.com")
    deliver_once(unit_of_work, Post.of(settings))
    with unit_of_work.read() as work:
        assert failed_count(work.session) == 1
    browser = Browser.of(app)
    browser.sign_in(make_person(unit_of_work, "Ben Example", "ben@example.com", [role], []))
    assert ("One delivery" in browser.get("/").text) is (role is Role.ADMINISTRATOR)
    for page in ("", "?page=0", "?page=9999999"):
        assert browser.get(f"/deliveries{page}").status_code == (200 if role is Role.ADMINISTRATOR else 403)
