"""Sending a webhook to a real receiver: signed, without redirects, with TLS that is checked, with little patience."""

import base64
import ssl
import time
from datetime import UTC, datetime

import pytest

from sharelink.crypto.errors import SealBroken, WebhookKeyMissing
from sharelink.crypto.webhook_secrets import (
    new_webhook_secret,
    seal_webhook_secret,
    unseal_webhook_secret,
    webhook_secret_text,
    webhook_signature,
)
from sharelink.webhooks.delivery import WebhookFailed, WebhookMessage, WebhookSender
from tests.mail_server import make_certificate
from tests.webhook_receiver import running_receiver

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MESSAGE = WebhookMessage("msg_1", "share.revealed", NOW, {"event": "abc"})
SECRET = new_webhook_secret()
HERE = WebhookSender(allow_private=True, timeout_seconds=1, patience_seconds=1.5)


def failure_of(sender, url):
    with pytest.raises(WebhookFailed) as failed:
        sender.send(url, SECRET, MESSAGE, NOW)
    return failed.value.code, failed.value.is_final


def test_a_message_arrives_signed_and_thin():
    with running_receiver() as receiver:
        HERE.send(receiver.url, SECRET, MESSAGE, NOW)
        (request,) = receiver.received
    assert request.path == "/hook"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["content-type"] == "application/json"
    assert request.is_signed_with(webhook_secret_text(SECRET))
    assert not request.is_signed_with(webhook_secret_text(new_webhook_secret()))
    assert request.content == {
        "type": "share.revealed",
        "timestamp": "2026-11-24T12:00:00+00:00",
        "data": {"event": "abc"},
    }


def test_the_signature_is_the_one_of_the_standard_s_own_example():
    # The example of the specification of Standard Webhooks.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = webhook_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_this_machine_is_refused_without_leave_also_by_its_name():
    strict = WebhookSender(allow_private=False)
    with running_receiver() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        assert failure_of(strict, receiver.url) == ("not_https", True)
        assert failure_of(strict, f"https://localhost:{port}/hook") == ("private_address", True)
        assert failure_of(strict, f"https://127.0.0.1:{port}/hook") == ("private_address", True)
    assert receiver.received == []


def test_a_redirect_is_not_followed():
    with running_receiver() as other, running_receiver() as receiver:
        receiver.statuses, receiver.location = [302], other.url
        assert failure_of(HERE, receiver.url) == ("http_302", False)
        assert len(receiver.received) == 1
        assert other.received == []


@pytest.mark.parametrize(("status", "is_final"), [(400, False), (404, False), (410, True), (429, False), (500, False)])
def test_any_other_answer_is_a_failure_and_gone_is_final(status, is_final):
    with running_receiver() as receiver:
        receiver.statuses = [status]
        assert failure_of(HERE, receiver.url) == (f"http_{status}", is_final)


def test_a_receiver_that_is_silent_or_answers_byte_by_byte_is_left():
    with running_receiver() as receiver:
        receiver.delay_seconds = 3
        begun = time.monotonic()
        assert failure_of(HERE, receiver.url) == ("timeout", False)
        # It has said 200, which is all that counts; the rest is not waited for.
        receiver.delay_seconds, receiver.drip_seconds = 0, 0.2
        HERE.send(receiver.url, SECRET, MESSAGE, NOW)
        assert time.monotonic() - begun < 6


def test_nobody_there_and_no_such_name_are_failures_that_may_pass():
    with running_receiver() as receiver:
        url = receiver.url
    assert failure_of(HERE, url) == ("unreachable", False)
    assert failure_of(HERE, "http://no-such-host.invalid/") == ("unknown_host", False)


def test_tls_is_checked_by_name_and_authority(tmp_path):
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trusting = WebhookSender(allow_private=True, tls=ssl.create_default_context(cafile=str(certificate)))
    with running_receiver(context) as receiver:
        trusting.send(receiver.url, SECRET, MESSAGE, NOW)
        assert len(receiver.received) == 1
        assert failure_of(HERE, receiver.url) == ("tls", False)
        assert failure_of(trusting, receiver.url.replace("localhost", "127.0.0.2")) in {
            ("tls", False),
            ("unreachable", False),
        }
        assert len(receiver.received) == 1


def test_a_secret_is_kept_so_that_only_its_key_and_endpoint_open_it():
    keys, endpoint = {1: b"k" * 32}, b"e" * 16
    kept = seal_webhook_secret(keys, endpoint, SECRET)
    assert SECRET not in kept
    assert unseal_webhook_secret(keys | {2: b"n" * 32}, endpoint, kept) == SECRET
    with pytest.raises(SealBroken):
        unseal_webhook_secret(keys, b"x" * 16, kept)
    with pytest.raises(SealBroken):
        unseal_webhook_secret(keys, endpoint, b"")
    with pytest.raises(WebhookKeyMissing):
        unseal_webhook_secret({2: b"k" * 32}, endpoint, kept)
