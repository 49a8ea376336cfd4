"""Monitors read the log as tiles; everybody else gets one answer that tells nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.monitoring import hand_out_head
from sharelink.audit.cosignatures import AuditCosignature
from sharelink.audit.models import AuditCheckpoint, AuditDisclosure, AuditLeaf
from sharelink.audit.tree import newest_checkpoint
from sharelink.monitors.models import MonitorToken
from sharelink.settings import Settings
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import leaf_hash, root_of
from sharelink.tlog.signed_notes import SignedNote
from sharelink.tlog.tiles import bundled_entries, tile_hashes
from tests.accounts.records import recorded
from tests.browsers import Browser, headers_of
from tests.factories import make_person

PATHS = ("checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/entries/000", "tile/0/999", "tile/nonsense")


def test_the_whole_log_can_be_built_anew_from_what_a_monitor_fetches(unit_of_work, monitor, grow_to):
    grow_to(300)
    note = SignedNote.parse(monitor.get("checkpoint").data)
    checkpoint = unit_of_work.log_keys.check(note)
    assert checkpoint.size == 300
    hashes, entries = [], []
    for tile in ("000", "001.p/44"):
        hashes += tile_hashes(monitor.get(f"tile/0/{tile}").data)
        entries += bundled_entries(monitor.get(f"tile/entries/{tile}").data)
    assert [leaf_hash(entry) for entry in entries] == hashes
    assert root_of(hashes) == checkpoint.root
    assert tile_hashes(monitor.get("tile/1/000.p/1").data) == [root_of(hashes[:256])]
    with unit_of_work.read() as work:
        assert entries[299] == work.session.get_one(AuditLeaf, 299).leaf


def test_a_tile_beyond_the_signed_tree_or_of_another_name_is_not_there(monitor, grow_to):
    grow_to(300)
    missing = ["0/001", "0/001.p/45", "0/002.p/1", "1/000", "1/000.p/2", "2/000.p/1", "entries/001", "entries/001.p/45"]
    wrong = ["0/0", "0/000.p/256", "0/000.p/0", "00/000", "8/000.p/1", "0/x000/000", "entries", "0/000/", "-1/000"]
    for path in missing + wrong:
        answer = monitor.get(f"tile/{path}")
        assert (answer.status_code, answer.text) == (404, "There is nothing here.\n"), path
    # Earlier checkpoints had narrower tiles at the edge; monitors may still be on their way with those.
    assert monitor.get("tile/0/001.p/43").status_code == 200


def test_what_can_be_kept_is_kept_by_the_monitor_alone(monitor, grow_to):
    grow_to(300)
    kinds = {}
    for path in ("checkpoint", "tile/0/000", "tile/entries/000", "tile/0/001.p/44"):
        answer = monitor.get(path)
        assert answer.headers["Vary"] == "Authorization, Cookie"
        assert "Set-Cookie" not in answer.headers
        kinds[path] = (answer.content_type, answer.headers["Cache-Control"])
    for_good = ("application/octet-stream", "private, max-age=31536000, immutable")
    assert kinds == {
        "checkpoint": ("text/plain; charset=utf-8", "private, max-age=5"),
        "tile/0/000": for_good,
        "tile/entries/000": for_good,
        "tile/0/001.p/44": ("application/octet-stream", "private, max-age=600"),
    }
    assert monitor.get("tile/0/999").headers["Cache-Control"] == "no-store"


def test_a_checkpoint_that_was_fetched_counts_as_handed_out(unit_of_work, monitor, grow_to, clock):
    grow_to(20)
    with unit_of_work.read() as work:
        assert work.session.get_one(AuditCheckpoint, 20).handed_out_at is None
    monitor.get("checkpoint")
    with unit_of_work.read() as work:
        assert work.session.get_one(AuditCheckpoint, 20).handed_out_at == clock.now


def answers_of(browser, headers):
    found = set()
    for path in PATHS:
        for method in ("GET", "HEAD"):
            answer = browser.open(f"/audit/{path}", method=method, headers=headers)
            found.add((answer.status_code, headers_of(answer), method, answer.data))
    return found


def test_strangers_get_one_answer_whatever_they_ask_for(app, unit_of_work, monitor, grow_to, clock):
    grow_to(300)
    staff = Browser.of(app)
    staff.sign_in(make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.STAFF], groups=[]))
    strangers = [
        answers_of(Browser.of(app), headers)
        for headers in (
            {},
            {"Authorization": "Bearer"},
            {"Authorization": f"Bearer {'A' * 43}"},
            {"Authorization": f"Basic {monitor.token}"},
            {"Authorization": f"Bearer {monitor.token}x"},
        )
    ]
    strangers.append(answers_of(staff, {}))
    assert all(found == strangers[0] for found in strangers)
    assert {status for status, *_ in strangers[0]} == {401}
    assert len(strangers[0]) == 2


def test_a_token_that_is_over_or_revoked_reads_nothing(unit_of_work, monitor, clock):
    with unit_of_work.write(Actor.operator()) as work:
        revoked = work.monitor_tokens.create("Another monitor", 90)
    other = replace(monitor, token=revoked.text)
    assert other.get("checkpoint").status_code == 200
    with unit_of_work.write(Actor.operator()) as work:
        work.monitor_tokens.revoke(revoked.id)
    assert other.get("checkpoint").status_code == 401
    clock.move(days=90, seconds=-1)
    assert monitor.get("checkpoint").status_code == 200
    clock.move(seconds=1)
    assert monitor.get("checkpoint").status_code == 401


def test_reading_is_on_record_once_a_day_and_not_with_each_tile(unit_of_work, monitor, grow_to, clock):
    grow_to(10)
    for path in PATHS:
        monitor.get(path)
    assert [event.type for event in recorded(unit_of_work)].count("audit.monitored") == 1
    clock.move(days=1)
    monitor.get("tile/0/000.p/9")
    monitor.get("checkpoint")
    events = [event for event in recorded(unit_of_work) if event.type == "audit.monitored"]
    assert [event.personal["token_name"] for event in events] == ["Customer's monitor"] * 2


def test_a_signed_in_auditor_reads_without_a_token_and_that_is_on_record_once_a_day(app, unit_of_work, grow_to, clock):
    grow_to(10)
    eve = make_person(unit_of_work, "Eve Example", "eve@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(eve)
    for _ in range(3):
        assert browser.get("/audit/tile/entries/000.p/9").status_code == 200
    events = [event for event in recorded(unit_of_work) if event.type == "audit.monitored"]
    assert [event.personal["actor_name"] for event in events] == ["Eve Example"]
    assert browser.get("/audit/checkpoint", headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_missing_part_of_the_log_is_no_tile(app, unit_of_work, monitor, grow_to):
    grow_to(300)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(delete(AuditDisclosure).where(AuditDisclosure.leaf_index == 100))
        work.session.execute(delete(AuditLeaf).where(AuditLeaf.index == 100))
    with unit_of_work.read() as work:
        assert newest_checkpoint(work.session) is not None
    for path in ("tile/0/000", "tile/entries/000"):
        assert monitor.get(path).status_code == 503


@pytest.fixture
def few(settings, make_app):
    """Return an application that lets a client fetch three parts a minute."""
    return make_app(Settings(**settings.model_dump() | {"rate_limit_monitor": "3 per minute"}))


def test_who_fetches_too_much_has_to_wait_strangers_and_head_included(few):
    browser = Browser.of(few)
    methods = ("GET", "HEAD", "GET", "HEAD")
    answers = [browser.open("/audit/checkpoint", method=method).status_code for method in methods]
    assert answers == [401, 401, 401, 429]


def test_tokens_are_kept_as_hashes_and_end(unit_of_work):
    with unit_of_work.write(Actor.operator()) as work:
        new = work.monitor_tokens.create("Monitor", 1)
    with unit_of_work.read() as work:
        row = work.session.get_one(MonitorToken, new.id)
        assert new.text.encode() not in row.token_hash
        assert row.expires_at - row.created_at == timedelta(days=1)
        assert new.text not in repr(new)


def test_the_checkpoint_served_has_its_quorum_unless_that_lies_too_far_back(unit_of_work, clock, grow_to):
    grow_to(2)
    with unit_of_work.write(Actor.system()) as work:
        line = work.log_keys.sign(2, bytes(32)).signatures[0].text().replace("localhost/audit", "w.example")
        work.session.add(
            AuditCosignature(size=2, witness="w.example", line=line, cosigned_at=work.now, stored_at=work.now)
        )
    clock.move(hours=1)
    grow_to(5)
    served = [hand_out_head(unit_of_work, Actor.system(), quorum) for quorum in (0, 1)]
    assert [Checkpoint.parse(note.text).size for note in served] == [5, 2]
    assert "w.example" in served[1].to_bytes().decode()
    clock.move(seconds=1)
    grow_to(6)
    assert Checkpoint.parse(hand_out_head(unit_of_work, Actor.system(), 1).text).size == 6
