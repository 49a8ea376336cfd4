"""Where webhooks may go: the public internet by https, unless the settings allow more."""

import ipaddress

import pytest

from sharelink.webhooks.addresses import AddressRefused, destination_of, is_public, resolved


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://10.0.0.8/x",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a00:1::]/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://192.0.2.1/",
        "https://240.0.0.1/",
    ],
)
def test_an_address_that_is_not_of_the_public_internet_is_refused(url):
    with pytest.raises(AddressRefused, match="private_address"):
        destination_of(url, allow_private=False)
    assert destination_of(url, allow_private=True).is_https


@pytest.mark.parametrize(
    "url", ["https://8.8.8.8/x", "https://[2606:4700::1111]/", "https://tickets.example.com:8443/x"]
)
def test_a_public_address_is_taken(url):
    assert destination_of(url, allow_private=False).is_https


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tickets.example.com",
        "ftp://tickets.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@tickets.example.com/",
        "https://user@tickets.example.com/",
        "https://tickets.example.com/#fragment",
        "https://tickets.example.com/a b",
        "https://tickets.example.com/\r\nX-Evil: 1",
        "https://tickets.example.com\\@evil.example/",
        "https://tickets.example.com:99999/",
        "https://tickets.example.com:0/",
        "https://b\u00fccher.example/",
        "https://[::1/",
        "gopher://127.0.0.1/",
    ],
)
def test_what_is_no_plain_web_address_is_refused_whatever_is_allowed(url):
    for allow_private in (False, True):
        with pytest.raises(AddressRefused, match="no_address"):
            destination_of(url, allow_private=allow_private)


def test_plain_http_takes_leave():
    with pytest.raises(AddressRefused, match="not_https"):
        destination_of("http://tickets.example.com/", allow_private=False)
    assert destination_of("http://tickets.example.com/", allow_private=True).port == 80


def test_other_spellings_of_this_machine_are_refused_when_they_are_resolved():
    for host in ("localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"):
        destination = destination_of(f"https://{host}/", allow_private=False)
        with pytest.raises((AddressRefused, OSError)):
            resolved(destination, allow_private=False)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    answers = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_arguments, **_more: answers)
    destination = destination_of("https://trick.example/", allow_private=False)
    with pytest.raises(AddressRefused):
        resolved(destination, allow_private=False)


def test_the_host_is_named_as_requests_name_it():
    assert destination_of("https://a.example/x?y=1", allow_private=False).host_header == "a.example"
    assert destination_of("https://a.example:444/x?y=1", allow_private=False).host_header == "a.example:444"
    assert destination_of("https://a.example/x?y=1", allow_private=False).target == "/x?y=1"
    assert destination_of("https://[2606:4700::1111]/", allow_private=False).host_header == "[2606:4700::1111]"


def test_addresses_are_judged_by_what_they_embed():
    assert is_public(ipaddress.ip_address("64:ff9b::808:808"))
    assert not is_public(ipaddress.ip_address("64:ff9b::c0a8:1"))
