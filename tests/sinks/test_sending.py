"""The second sink gets every leaf and no personal field, goes on where it was, and its failures hold nothing up."""

import base64
import json
import os
import socket

import pytest
from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.models import AuditDisclosure, AuditLeaf
from sharelink.jobs.log_sink import probe_sink, send_log_once
from sharelink.settings import Settings
from sharelink.settings_witnessing import SinkAddress
from sharelink.sinks import delivery
from sharelink.sinks.models import AuditSink
from sharelink.tlog.merkle import leaf_hash
from tests.accounts.records import recorded
from tests.factories import send_secret
from tests.syslog_receiver import running_syslog


def leaves(unit_of_work):
    with unit_of_work.read() as work:
        found = list(work.session.scalars(select(AuditLeaf).order_by(AuditLeaf.index)))
        work.session.expunge_all()
    return found


def position(unit_of_work, address):
    with unit_of_work.read() as work:
        return work.session.get_one(AuditSink, address.text).position


def alarms(unit_of_work):
    return [(event.type, event.reason) for event in recorded(unit_of_work) if event.type.startswith("log.sink")]


@pytest.mark.parametrize("kind", ["udp", "tcp", "unix"])
def test_a_syslog_server_gets_every_leaf_exactly_as_it_was_hashed(unit_of_work, staff, tmp_path, kind):
    sent = send_secret(unit_of_work, staff, label='Größer ] " \\')
    assert sent is not None
    with unit_of_work.write(Actor.system()) as work:
        facts = {"name": 'größer \u2028 \n ] " \\'}
        work.audit.append(AuditEvent.SYSTEM_STARTED, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now, facts=facts)
    wanted = leaves(unit_of_work)
    with running_syslog(kind, tmp_path) as receiver:
        assert send_log_once(unit_of_work, SinkAddress.parse(receiver.address)) == len(wanted)
        messages = receiver.wait_for(len(wanted))
    for row, message in zip(wanted, messages, strict=True):
        (element,) = message.elements.items()
        hashed = base64.b64encode(leaf_hash(message.text)).decode()
        parameters = {"index": str(row.index), "rec": row.rec, "rseq": str(row.rseq), "leaf": hashed}
        assert element == ("sharelink@32473", parameters)
        assert message.text == row.leaf
        assert b"\n" not in message.text
        head = (message.facility, message.severity, message.hostname, message.app_name, message.message_id)
        assert head == (13, 6, "localhost", "sharelink", row.type)
        assert message.timestamp == json.loads(row.leaf)["t"]


def test_no_personal_field_goes_there(unit_of_work, staff, tmp_path):
    send_secret(unit_of_work, staff, label="Only for the eyes of Anna")
    path = tmp_path / "audit.jsonl"
    send_log_once(unit_of_work, SinkAddress.parse(f"file://{path}"))
    text = path.read_text()
    with unit_of_work.read() as work:
        disclosures = list(work.session.scalars(select(AuditDisclosure.disclosure)))
    assert len(disclosures) > 5
    assert not [found for found in disclosures if found in text]
    for personal in ("Anna", "anna@example.com", "198.51.100.4", "Staff browser", "Only for the eyes"):
        assert personal not in text


def test_a_file_gets_one_line_for_each_leaf_and_is_for_this_user_alone(unit_of_work, staff, tmp_path):
    address = SinkAddress.parse(f"file://{tmp_path}/audit.jsonl")
    send_log_once(unit_of_work, address)
    for line, row in zip((tmp_path / "audit.jsonl").read_bytes().splitlines(), leaves(unit_of_work), strict=True):
        kept = json.loads(line)
        assert (kept["index"], kept["leaf"]) == (row.index, json.loads(row.leaf))
        assert line.endswith(b'"leaf":' + row.leaf + b"}")
        assert base64.b64decode(kept["leaf_hash"]) == row.leaf_hash
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_it_goes_on_where_it_was_and_a_line_that_was_cut_off_comes_again(unit_of_work, staff, tmp_path):
    path = tmp_path / "audit.jsonl"
    address = SinkAddress.parse(f"file://{path}")
    first = send_log_once(unit_of_work, address)
    assert send_log_once(unit_of_work, address) == 0
    with path.open("ab") as file:
        file.write(b'{"index":99')
    send_secret(unit_of_work, staff)
    second = send_log_once(unit_of_work, address)
    lines = path.read_bytes().splitlines()
    assert lines.pop(first) == b'{"index":99'
    assert [json.loads(line)["index"] for line in lines] == list(range(first + second))
    assert position(unit_of_work, address) == first + second


def test_what_was_in_hand_when_a_worker_died_is_sent_again(unit_of_work, staff, tmp_path, clock):
    address = SinkAddress.parse(f"file://{tmp_path}/audit.jsonl")
    with unit_of_work.write(Actor.system()) as work:
        taken = work.sinks.take(address, 500)
    assert len(taken) > 0
    with unit_of_work.write(Actor.system()) as work:
        assert work.sinks.take(address, 500) == []
    assert send_log_once(unit_of_work, address) == 0
    clock.move(minutes=2)
    assert send_log_once(unit_of_work, address) == len(taken)


def test_a_failure_and_its_end_are_told_once_each_and_nothing_is_lost(
    unit_of_work, staff, tmp_path, clock, staff_client, settings, make_app
):
    folder = tmp_path / "sink"
    address = SinkAddress.parse(f"file://{folder}/audit.jsonl")
    for _ in range(3):
        assert send_log_once(unit_of_work, address) == 0
        clock.move(seconds=30)
    assert alarms(unit_of_work) == [("log.sink_failed", "enoent")]
    # No act waits for it.
    send_secret(unit_of_work, staff)
    app = make_app(Settings(**settings.model_dump() | {"audit_sink": address.text}))
    assert ready(app) is False
    folder.mkdir()
    assert send_log_once(unit_of_work, address) > 0
    assert alarms(unit_of_work)[1:] == [("log.sink_recovered", None)]
    assert ready(app) is True
    clock.move(seconds=30)
    send_log_once(unit_of_work, address)
    sent = [json.loads(line)["index"] for line in (folder / "audit.jsonl").read_bytes().splitlines()]
    assert sent == list(range(len(leaves(unit_of_work))))
    assert len(alarms(unit_of_work)) == 2


def ready(app):
    """Return what readiness says of the sink."""
    return app.test_client().get("/readyz").json["audit_sink"]


def test_a_disk_that_is_full_fails_and_loses_nothing(unit_of_work, staff):
    if not os.path.exists("/dev/full"):  # noqa: PTH110 - it is no file
        pytest.skip("this system has no device that is always full")
    address = SinkAddress.parse("file:///dev/full")
    assert send_log_once(unit_of_work, address) == 0
    assert alarms(unit_of_work) == [("log.sink_failed", "enospc")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("syslog+tcp://127.0.0.1:1", "econnrefused"),
        ("syslog+unix:///nowhere/log", "enoent"),
        ("syslog://no-such-host.invalid", "unknown_host"),
        ("file:///nowhere/audit.jsonl", "enoent"),
    ],
)
def test_a_probe_tells_what_cannot_be_written(unit_of_work, text, code):
    assert probe_sink(unit_of_work, SinkAddress.parse(text)) == code


@pytest.mark.parametrize("kind", ["udp", "tcp", "unix"])
def test_a_probe_is_a_message_that_is_no_event(unit_of_work, tmp_path, kind):
    with running_syslog(kind, tmp_path) as receiver:
        assert probe_sink(unit_of_work, SinkAddress.parse(receiver.address)) is None
        (message,) = receiver.wait_for(1)
    assert (message.message_id, message.elements) == ("sink.probe", {})


def test_a_probe_of_a_file_writes_nothing_into_it(unit_of_work, tmp_path):
    assert probe_sink(unit_of_work, SinkAddress.parse(f"file://{tmp_path}/audit.jsonl")) is None
    assert (tmp_path / "audit.jsonl").read_bytes() == b""


def test_a_leaf_that_no_datagram_can_hold_goes_as_its_hash(unit_of_work, tmp_path):
    with unit_of_work.write(Actor.system()) as work:
        facts = {f"fact{number}": "x" * 1000 for number in range(64)}
        work.audit.append(AuditEvent.SYSTEM_STARTED, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now, facts=facts)
    with running_syslog("udp", tmp_path) as receiver:
        send_log_once(unit_of_work, SinkAddress.parse(receiver.address))
        message = receiver.wait_for(1)[-1]
    (row,) = [row for row in leaves(unit_of_work) if row.type == "system.started"]
    assert len(row.leaf) > delivery._DATAGRAM_MAX - 500
    assert message.elements["sharelink@32473"]["leaf"] == base64.b64encode(row.leaf_hash).decode()


def test_a_receiver_that_does_not_read_is_given_up(unit_of_work, staff, monkeypatch, tmp_path):

    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "_GOODBYE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        address = SinkAddress.parse(f"syslog+tcp://127.0.0.1:{deaf.getsockname()[1]}")
        full = [b"x" * 60_000] * 500
        with pytest.raises(delivery.SinkFailed, match="timeout"):
            delivery._send(address, full)
