"""The exact message that leaves: one recipient, one subject line, nothing that a text could add."""

from datetime import UTC, datetime

import pytest

from sharelink.mail.letters import AddressUnusable, Letter, Sender, checked_address, message_of, one_line
from sharelink.mail.rendering import rendered
from tests.mail_server import parsed, text_of

SENDER = Sender("sharelink@example.com", "Example, Reseller GmbH", "example.com")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def message(**changes):
    fields = {"to": "a@example.com", "subject": "Hello", "text": "text", "html": "<p>text</p>"} | changes
    return parsed(message_of(Letter(**fields), SENDER, "id-1", NOW).as_bytes())


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b\r\nBcc: x@y",
        "a@b,c@d",
        "<a@b>",
        "a..b@c",
        ".a@b",
        "a.@b",
        "ä@b.example",
        "a@b ",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address):
    with pytest.raises(AddressUnusable):
        checked_address(address)


@pytest.mark.parametrize("address", ["a@b", "aws-root+x@tickets.example.com", "o'neill@example.com", "a.b@c-d.example"])
def test_plain_addresses_are_taken(address):
    assert checked_address(address) == address


@pytest.mark.parametrize(
    "subject",
    ["a\r\nBcc: x@y.example", "a\nX-Evil: 1", "a\r\n\r\nbody", "a\x00b", "a\u2028Bcc: x", "a\u202eb", "\ud800"],
)
def test_a_subject_stays_one_header(subject):
    made = message(subject=subject)
    assert made["Bcc"] is None
    assert made["X-Evil"] is None
    assert set(made.keys()) == set(message().keys())
    assert text_of(made).strip() == "text"


def test_headers_say_who_writes_and_that_a_machine_does():
    made = message(reference="CR-7K3M2Q", thread="record.x")
    assert made["From"] == '"Example, Reseller GmbH" <sharelink@example.com>'
    assert made["Subject"] == "[CR-7K3M2Q] Hello"
    assert made["Message-ID"] == "<id-1@example.com>"
    assert made["References"] == made["In-Reply-To"] == "<record.x@example.com>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"


def test_a_text_is_one_line_and_not_endless():
    assert one_line("  a\r\n b\t\x00c \u202e d ") == "a b c d"
    assert one_line("x" * 500, 10) == "x" * 9 + "…"
    assert one_line("Grüße 🔑") == "Grüße 🔑"


def test_both_texts_say_the_same_and_html_is_escaped():
    context = {
        "title": "T <b>",
        "text": "Some & text",
        "facts": [("What", "<script>")],
        "address": "https://share.example.com/x",
        "address_text": "Look:",
        "code": "",
        "organisation": "O'Example",
        "support_contact": "",
        "footer": "Footer",
        "log_head": "share.example.com/audit\n7\nroot",
    }
    plain, page = rendered("notice", context)
    assert "What: <script>" in plain
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    for part in ("T ", "Some ", "https://share.example.com/x", "Footer", context["log_head"]):
        assert part in plain
        assert part in page
    assert "\n\n\n" not in plain.replace("\n \n", "\n\n")
