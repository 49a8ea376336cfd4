"""Witnesses cosign the log as it grows, notice when it does not go on from what they saw, and hold nothing up."""

import base64
import subprocess
import sys
from dataclasses import replace

import pytest

from sharelink.actors import Actor
from sharelink.audit.cosignatures import AuditCosignature, cosigned, witnessed_checkpoint
from sharelink.audit.models import AuditCheckpoint
from sharelink.audit.tree import newest_checkpoint
from sharelink.jobs.witnessing import ask_witnesses_once
from sharelink.tlog.cosignatures import Cosigner
from sharelink.tlog.errors import SignatureRejected
from sharelink.tlog.policies import Policy
from sharelink.tlog.signed_notes import VerifierKey, check_signatures
from sharelink.webhooks.posting import Poster
from sharelink.witnesses.configured import Witness, Witnesses, policy_text
from sharelink.witnesses.models import AuditWitness
from sharelink.witnesses.queries import witness_views
from tests.accounts.records import recorded
from tests.witness_server import WitnessServer, running_witness

HERE = Poster(allow_private=True, timeout_seconds=1, patience_seconds=1.5)


def head(unit_of_work):
    """Return the newest checkpoint, with what witnesses put under it."""
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
        return newest, cosigned(work.session, newest)


def state(unit_of_work):
    with unit_of_work.read() as work:
        return work.session.get_one(AuditWitness, "customer.example/witness")


def refusals(unit_of_work):
    return [event for event in recorded(unit_of_work) if event.type == "witness.refused"]


def test_a_log_that_grows_is_cosigned_from_the_size_that_was_cosigned_before(unit_of_work, witness, ask, grow, clock):
    for count in (3, 4, 300):
        grow(count)
        assert ask() == 1
        newest, note = head(unit_of_work)
        assert witness.seen() == (newest.size, newest.root)
        assert check_signatures(note, [Cosigner.of(VerifierKey.parse(witness.vkey))])
        assert newest.handed_out_at == clock.now
        clock.move(seconds=60)
    assert [body.split(b"\n")[0] for body in witness.asked] == [b"old 0", b"old 3", b"old 7"]


def test_the_policy_for_customers_accepts_what_was_cosigned_and_nothing_else(
    unit_of_work, witnesses, witness, ask, grow
):
    grow(3)
    policy = Policy.parse(policy_text(unit_of_work.log_keys, witnesses.all, 1))
    with pytest.raises(SignatureRejected):
        policy.check(head(unit_of_work)[1])
    ask()
    assert policy.check(head(unit_of_work)[1]).size == 3
    without = Policy.parse(policy_text(unit_of_work.log_keys, witnesses.all, 0))
    assert (without.quorum, without.check(newest_note(unit_of_work)).size) == (None, 3)


def newest_note(unit_of_work):
    return head(unit_of_work)[0].note


def test_a_log_that_rests_is_not_asked_about_again_until_its_cosignature_gets_old(witness, ask, grow, clock):
    grow(1)
    assert ask() == 1
    clock.move(hours=5)
    assert ask() == 0
    clock.move(hours=1)
    assert ask() == 1
    assert [body.split(b"\n")[0] for body in witness.asked] == [b"old 0", b"old 1"]


def test_a_log_that_grows_all_the_time_is_asked_about_once_a_minute(witness, ask, grow, clock):
    for _ in range(4):
        grow(1)
        ask()
        clock.move(seconds=29)
    assert len(witness.asked) == 2


def test_a_witness_that_knows_the_log_from_elsewhere_names_its_size_and_is_followed(unit_of_work, witness, ask, grow):
    grow(3)
    ask()
    with unit_of_work.write(Actor.system()) as work:
        row = work.session.get_one(AuditWitness, "customer.example/witness")
        row.seen_size, row.next_at = 0, work.now
    grow(2)
    assert ask() == 1
    assert witness.seen()[0] == 5
    assert [body.split(b"\n")[0] for body in witness.asked] == [b"old 0", b"old 0", b"old 3"]


def test_a_witness_that_has_seen_more_is_evidence_of_a_log_that_shrank_and_recorded_once(
    unit_of_work, witness, ask, grow, clock
):
    grow(3)
    witness.state.write_text('{"size": 9, "root": "' + base64.b64encode(bytes(32)).decode() + '"}')
    assert ask() == 0
    clock.move(hours=1)
    assert ask() == 0
    (event,) = refusals(unit_of_work)
    assert (event.reason, event.outcome) == ("log_shrank", "failure")
    assert event.facts == {"witness": "customer.example/witness", "size": 9}


def test_a_witness_that_has_seen_another_log_is_evidence_of_a_fork_until_it_cosigns_again(
    unit_of_work, witness, witnesses, ask, grow, clock
):
    grow(3)
    ask()
    honest = witness.state.read_text()
    witness.state.write_text('{"size": 3, "root": "' + base64.b64encode(bytes(32)).decode() + '"}')
    for _ in range(2):
        grow(1)
        clock.move(hours=1)
        assert ask() == 0
    (event,) = refusals(unit_of_work)
    assert event.reason == "proof_refused"
    with unit_of_work.read() as work:
        (view,) = witness_views(work.session, witnesses.all, work.now)
    assert view.has_refused
    assert view.problem == "It has seen a log that this one does not go on from."
    witness.state.write_text(honest)
    clock.move(hours=1)
    assert ask() == 1
    assert state(unit_of_work).refused_at is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, b"", "text/plain"), "http_404"),
        ((403, b"", "text/plain"), "http_403"),
        ((503, b"", "text/plain"), "http_503"),
        ((301, b"", "text/plain"), "http_301"),
        ((409, b"7\n", "text/plain"), "http_409"),
        ((409, b"many", "text/x.tlog.size"), "no_size"),
        ((409, b"0\n", "text/x.tlog.size"), "http_409"),
        ((200, b"", "text/plain"), "no_cosignature"),
        ((200, b"thanks\n", "text/plain"), "bad_cosignature"),
        ((200, b"\xff\n", "text/plain"), "bad_cosignature"),
        ((200, b"x" * 10_000_000, "text/plain"), "bad_cosignature"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_an_answer_that_is_no_cosignature_says_nothing_about_the_log(unit_of_work, witness, ask, grow, answer, code):
    grow(3)
    witness.wrong = answer
    assert ask() == 0
    assert (state(unit_of_work).last_error, state(unit_of_work).failures) == (code, 1)
    assert refusals(unit_of_work) == []
    assert len(witness.asked) <= 3


def test_a_line_by_another_key_or_over_another_checkpoint_is_not_kept(unit_of_work, witness, ask, grow, clock):
    grow(3)
    text = newest_note(unit_of_work).text
    stranger = replace(witness, seed=bytes(32))
    lines = [
        stranger._cosignature(text),
        witness._cosignature(text.replace("\n3\n", "\n4\n")),
        witness._cosignature(text).replace(witness.name, "other.example"),
    ]
    for line in lines:
        witness.wrong = (200, line.encode(), "text/plain")
        assert ask() == 0
        clock.move(hours=1)
    with unit_of_work.read() as work:
        assert work.session.query(AuditCosignature).count() == 0
    witness.wrong = (200, (stranger._cosignature(text) + witness._cosignature(text)).encode(), "text/plain")
    assert ask() == 1
    assert witness.name.encode() in head(unit_of_work)[1].to_bytes()


def test_failures_are_waited_out_longer_each_time(witness, ask, grow, clock):
    grow(1)
    witness.wrong = (503, b"", "text/plain")
    asked_after = []
    for minute in range(20):
        before = len(witness.asked)
        ask()
        if len(witness.asked) > before:
            asked_after.append(minute)
        clock.move(minutes=1)
    assert asked_after == [0, 1, 3, 7, 15]


def test_a_witness_that_is_away_or_slow_holds_no_other_up(unit_of_work, witnesses, witness, grow, tmp_path):
    log_key = unit_of_work.log_keys.public_keys[0].text()
    slow = WitnessServer(tmp_path / "slow.json", bytes(32), "slow.example/witness", log_key, delay_seconds=3)
    grow(3)
    with running_witness(slow):
        away = Witness(VerifierKey.parse(replace(slow, name="away.example").vkey), "http://localhost:1/add-checkpoint")
        others = [(VerifierKey.parse(slow.vkey), slow.url), *((one.key, one.url) for one in witnesses.all)]
        assert ask_witnesses_once(unit_of_work, Witnesses.of(others, 1), HERE) == 1
        assert ask_witnesses_once(unit_of_work, Witnesses((away,), 1), HERE) == 0
    assert witness.seen()[0] == 3
    with unit_of_work.read() as work:
        problems = [work.session.get_one(AuditWitness, name).last_error for name in ("slow.example/witness", away.name)]
    assert problems == ["timeout", "unreachable"]


def test_a_witness_in_a_private_network_or_by_plain_http_takes_a_setting(unit_of_work, witness, witnesses, grow):
    grow(1)
    assert ask_witnesses_once(unit_of_work, witnesses, Poster(allow_private=False)) == 0
    assert state(unit_of_work).last_error == "not_https"
    assert witness.asked == []


def test_two_workers_ask_a_witness_once(unit_of_work, witnesses, witness, grow):
    grow(1)
    with unit_of_work.write(Actor.system()) as work:
        assert work.witnessing.take(witnesses.all[0])
    with unit_of_work.write(Actor.system()) as work:
        assert not work.witnessing.take(witnesses.all[0])


def test_the_newest_checkpoint_that_has_its_quorum_is_found(unit_of_work, ask, grow):
    grow(3)
    ask()
    grow(4)
    with unit_of_work.read() as work:
        found = [witnessed_checkpoint(work.session, quorum) for quorum in (0, 1, 2)]
        assert [checkpoint and checkpoint.size for checkpoint in found] == [7, 3, None]
        assert witnessed_checkpoint(work.session, 1, least_size=4) is None
        assert witnessed_checkpoint(work.session, 0, least_size=8) is None


def test_a_day_without_a_cosignature_is_told(unit_of_work, witnesses, ask, grow, clock):
    grow(1)
    ask()
    stale = []
    for _ in range(2):
        with unit_of_work.read() as work:
            (view,) = witness_views(work.session, witnesses.all, work.now)
        stale.append(view.is_stale)
        clock.move(hours=24, seconds=1)
    assert stale == [False, True]
    assert (view.size, view.cosigned_at is not None) == (1, True)


def test_a_witness_in_a_process_of_its_own_remembers_over_a_restart(unit_of_work, witness, grow, tmp_path, clock):
    arguments = [str(tmp_path / "own.json"), "11" * 32, "own.example/witness", witness.log_vkey]
    ours = WitnessServer(tmp_path / "own.json", bytes.fromhex("11" * 32), *arguments[2:])
    for count in (2, 3):
        grow(count)
        program = [sys.executable, "-m", "tests.witness_server", *arguments]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            entry = (VerifierKey.parse(ours.vkey), f"http://localhost:{port}/add-checkpoint")
            assert ask_witnesses_once(unit_of_work, Witnesses.of([entry], 1), HERE) == 1
            process.kill()
        clock.move(minutes=1)
    assert ours.seen()[0] == 5


def test_a_checkpoint_that_a_witness_was_shown_counts_as_handed_out_even_when_it_does_not_answer(
    unit_of_work, witness, ask, grow, clock
):
    grow(1)
    witness.wrong = (503, b"", "text/plain")
    ask()
    with unit_of_work.read() as work:
        assert work.session.get_one(AuditCheckpoint, 1).handed_out_at == clock.now
