"""A real mail server with TLS: what it takes, and what every kind of no is called."""

from datetime import UTC, datetime

import pytest

from sharelink.mail.letters import Letter, Sender, message_of
from sharelink.mail.smtp import MailFailed, MailRound, MailServer
from sharelink.settings_mail import SmtpSecurityMode
from tests.attacks.servers import free_port
from tests.mail_server import PASSWORD, USER, running_mail_server, text_of

SENDER = Sender("sharelink@example.com", "Example Reseller", "example.com")


def message(to):
    letter = Letter(to, "Hällo", "Text\nwith ünicode", "<p>Text</p>")
    return message_of(letter, SENDER, "id", datetime(2026, 11, 24, tzinfo=UTC))


def server_of(running, **changes):
    fields = {
        "host": "localhost",
        "port": running.port,
        "security": SmtpSecurityMode(running.security),
        "user": USER,
        "password": PASSWORD,
        "ca_file": running.folder / "certificate.pem",
        "timeout_seconds": 5,
    }
    return MailServer(**fields | changes)


def failure_of(server, to="a@example.com"):
    with MailRound(server) as post, pytest.raises(MailFailed) as failed:
        post.send(SENDER.address, to, message(to))
    return failed.value.code, failed.value.is_final


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_letters_go_by_verified_tls_after_a_sign_in_and_each_no_has_its_name(tmp_path, security):
    with running_mail_server(tmp_path / "server", security) as running:
        good = server_of(running)
        with MailRound(good) as post:
            for to in ("a@example.com", "b@example.com"):
                post.send(SENDER.address, to, message(to))
            with pytest.raises(MailFailed) as refused:
                post.send(SENDER.address, "refused@example.com", message("refused@example.com"))
            # The connection is still good for others.
            post.send(SENDER.address, "c@example.com", message("c@example.com"))
        assert (refused.value.code, refused.value.is_final) == ("recipient_refused", True)
        assert failure_of(good, "later@example.com") == ("recipient_refused", False)
        assert sorted(letter["X-Envelope-To"] for letter in running.letters) == [
            f"{name}@example.com" for name in "abc"
        ]
        assert text_of(running.letters[0]).splitlines() == ["Text", "with ünicode"]
        assert failure_of(server_of(running, password="wrong")) == ("sign_in_refused", False)
        assert failure_of(server_of(running, ca_file=None)) == ("tls", False)
        assert failure_of(server_of(running, host="127.0.0.2"))[1] is False
        assert len(running.letters) == 3


def test_a_server_that_offers_no_tls_gets_neither_password_nor_letter(tmp_path):
    with running_mail_server(tmp_path / "server", "tls") as running:
        # It speaks TLS at once; a client that expects to ask for it first hears nothing it understands.
        code, is_final = failure_of(server_of(running, security=SmtpSecurityMode.STARTTLS, timeout_seconds=1))
        assert not is_final
        assert code in {"unreachable", "timeout", "tls"}
        assert running.letters == []


def test_nobody_there_is_found_out_once_per_round():
    server = MailServer("localhost", free_port(), SmtpSecurityMode.STARTTLS)
    with MailRound(server) as post:
        for _ in range(3):
            with pytest.raises(MailFailed, match="unreachable"):
                post.send(SENDER.address, "a@example.com", message("a@example.com"))
    assert PASSWORD not in repr(MailServer("h", 1, SmtpSecurityMode.TLS, USER, PASSWORD))
