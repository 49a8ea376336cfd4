"""Letters about records in which every text is hostile: one header stays one, and nothing in a body comes alive."""

import pytest

from tests.attacks.hostile import fill, poison_all
from tests.attacks.pages import what_came_alive
from tests.attacks.payloads import ALL_AT_ONCE, ELEMENT, PRODUCT
from tests.mail_server import parsed, text_of

BASE = "http://localhost"
ADDRESSES = {"email", "root_email", "distribution_list"}
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
    "Content-Type", "X-Auto-Response-Suppress", "X-Envelope-From", "X-Envelope-To",
}  # fmt: skip


def hostile_but_for_addresses(_table: str, column: str, number: int) -> str:
    return f"somebody-{number}@customer.example" if column in ADDRESSES else f"{ALL_AT_ONCE} {number}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hostile_texts_write_no_header_and_no_markup_into_any_letter(app, unit_of_work, deliver, mail):
    fill(unit_of_work, BASE, ALL_AT_ONCE)
    poison_all(app, hostile_but_for_addresses)
    while deliver():
        pass
    assert len(mail.raw) > 50
    showing = 0
    for raw in mail.raw:
        letter = parsed(raw)
        assert set(letter.keys()) <= HEADERS, set(letter.keys()) - HEADERS
        assert len(letter.keys()) == len(set(letter.keys())), "a header twice"
        assert letter["To"].count("@") == 1
        assert letter["X-Envelope-To"].count("@") == 1
        assert not {"X-Probe", "Bcc", "Set-Cookie"} & set(letter.keys())
        assert PRODUCT not in str(letter["Subject"]) + text_of(letter) + text_of(letter, "html")
        alive = what_came_alive(text_of(letter, "html").replace(f'href="{BASE}/', 'href="/'))
        # Mail programs know no style sheets: the letters carry styles of their own.
        assert [each for each in alive if " style=" not in each or ELEMENT in each] == []
        showing += ELEMENT in text_of(letter)
    assert showing > 20
