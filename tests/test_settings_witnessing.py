"""Settings of whoever watches the log: what cannot be used is refused before anything starts, with everything else."""

import pytest

from sharelink.errors import UnsafeStart
from sharelink.settings import Settings
from sharelink.settings_witnessing import SinkAddress, SinkKind
from sharelink.tlog.cosignatures import Ed25519Cosigner
from sharelink.tlog.signed_notes import Ed25519Signer

WITNESS = Ed25519Cosigner.from_seed("customer.example/witness", bytes(32)).key.text()
OTHER = Ed25519Cosigner.from_seed("other.example/witness", bytes(32)).key.text()
URL = "https://witness.example/add-checkpoint"


def settings_of(**values):
    return Settings.from_environment({f"SHARELINK_{name}": value for name, value in values.items()})


def problem_of(**values):
    with pytest.raises(UnsafeStart) as refused:
        settings_of(**values)
    (problem,) = refused.value.problems
    return problem


def test_witnesses_are_keys_and_addresses():
    settings = settings_of(AUDIT_WITNESSES=f"{WITNESS} {URL};\n {OTHER} {URL} ;", AUDIT_QUORUM="2")
    assert [(key.text(), url) for key, url in settings.witness_entries] == [(WITNESS, URL), (OTHER, URL)]
    assert settings_of().witness_entries == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WITNESS, "a key and an address"),
        (f"{URL} {WITNESS}", "a key that is none of a witness"),
        (f"{WITNESS}x {URL}", "a key that is none of a witness"),
        (f"{Ed25519Signer.from_seed('log.example', bytes(32)).key.text()} {URL}", "a key that is none of a witness"),
        (f"{WITNESS} https://witness.example/", "/add-checkpoint"),
        (f"{WITNESS} ftp://witness.example/add-checkpoint", "/add-checkpoint"),
        (f"{WITNESS} {URL}; {WITNESS} {URL}", "twice"),
        (f"{Ed25519Cosigner.from_seed('witnesses', bytes(32)).key.text()} {URL}", "policies"),
    ],
)
def test_what_is_no_witness_is_refused_with_a_reason_and_without_its_value(text, words):
    problem = problem_of(AUDIT_WITNESSES=text)
    assert problem.startswith("SHARELINK_AUDIT_WITNESSES: ")
    assert words in problem
    assert "witness.example" not in problem


def test_a_quorum_that_nobody_can_reach_is_refused():
    assert "AUDIT_QUORUM" in problem_of(AUDIT_WITNESSES=f"{WITNESS} {URL}", AUDIT_QUORUM="2")
    assert "AUDIT_QUORUM" in problem_of(AUDIT_QUORUM="1")


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "path"),
    [
        ("syslog://logs.example", SinkKind.UDP, "logs.example", 514, "."),
        ("syslog://[::1]:5514/", SinkKind.UDP, "::1", 5514, "."),
        ("syslog+tcp://logs.example", SinkKind.TCP, "logs.example", 601, "."),
        ("syslog+unix:///dev/log", SinkKind.UNIX, "", 0, "/dev/log"),
        ("file:///var/log/audit.jsonl", SinkKind.FILE, "", 0, "/var/log/audit.jsonl"),
    ],
)
def test_a_sink_is_a_server_a_socket_or_a_file(text, kind, host, port, path):
    address = settings_of(AUDIT_SINK=text).sink_address
    assert isinstance(address, SinkAddress)
    assert (address.kind, address.host, address.port, str(address.path)) == (kind, host, port, path)


@pytest.mark.parametrize(
    "text",
    [
        "/var/log/audit",
        "file://var/log",
        "file:///var/log/",
        "syslog:///dev/log",
        "syslog://user:canary@logs.example",
        "syslog://logs.example:0x1",
        "syslog://logs.example/path",
        "https://logs.example",
        "file:///a?b",
    ],
)
def test_what_is_no_sink_is_refused_without_its_value(text):
    problem = problem_of(AUDIT_SINK=text)
    assert problem.startswith("SHARELINK_AUDIT_SINK: ")
    assert "canary" not in problem
