"""What people read on a timeline."""

import re
from datetime import UTC, datetime
from typing import Any

from sharelink.assets import asset_directory
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.queries import RecordedEvent
from sharelink.shares.states import EndReason
from sharelink.web.staff.event_words import EVENT_WORDS
from sharelink.web.staff.event_words.shares import BURNED_WORDS, REQUEST_WORDS
from sharelink.web.staff.event_words.system import UNREADABLE
from sharelink.web.staff.timeline import timeline_entry

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def event(type_: str, **given: Any) -> RecordedEvent:
    fields: dict[str, Any] = {
        "index": 0,
        "rec": "A" * 22,
        "rseq": 0,
        "at": NOON,
        "type": type_,
        "actor_kind": "staff",
        "outcome": Outcome.SUCCESS,
        "reason": None,
        "object_kind": "share" if type_.startswith("share.") else "record",
        "object_ref": "S" * 22,
        "facts": {},
        "personal": {},
        "erased_count": 0,
        "is_readable": True,
    }
    return RecordedEvent(**(fields | given))


def test_every_event_has_words():
    assert set(EVENT_WORDS) == set(AuditEvent)
    assert set(BURNED_WORDS) == {reason.value for reason in EndReason}


def test_every_icon_is_in_the_sprite_and_every_tone_is_known():
    sprite = (asset_directory("static") / "icons.svg").read_text(encoding="utf-8")
    icons = set(re.findall(r'id="([^"]+)"', sprite))
    for words in (*EVENT_WORDS.values(), *BURNED_WORDS.values(), *REQUEST_WORDS.values(), UNREADABLE):
        assert words.icon in icons
        assert words.tone in {"done", "warn", "bad", "plain"}


def test_every_event_is_told_even_when_all_its_facts_are_missing():
    for type_ in AuditEvent:
        assert timeline_entry(event(type_.value), {}).title


def test_a_send_tells_label_lifetime_and_code():
    told = timeline_entry(
        event(
            "share.created",
            facts={"code_required": True, "lifetime_seconds": 604_800},
            personal={"label": "Root password", "actor_name": "Anna", "ip": "203.0.113.7"},
        ),
        {},
    )
    assert told.title == "One-time link created"
    assert told.detail == "“Root password” · can be read for 7 days · access code on"
    assert (told.who, told.where) == ("Anna", "203.0.113.7")


def test_a_send_without_code_tells_the_reason():
    told = timeline_entry(
        event("share.created", facts={"code_required": False}, personal={"code_waiver_reason": "Told by phone"}), {}
    )
    assert told.detail == "no access code: “Told by phone”"


def test_later_events_name_the_share_they_are_about():
    told = timeline_entry(event("share.code_failed", facts={"tries_left": 9}), {"S" * 22: "Root password"})
    assert told.detail == "“Root password” · 9 tries left"
    assert told.tone == "warn"


def test_a_declined_share_tells_the_note():
    told = timeline_entry(event("share.burned", reason="declined", personal={"note": "Not expected"}), {})
    assert told.title == "Declined by the recipient"
    assert told.detail == "Not shown to anybody · “Not expected”"


def test_a_share_that_staff_ended_tells_how_and_why():
    withdrawn = timeline_entry(event("share.burned", reason="withdrawn", personal={"note": "A mistake"}), {})
    assert (withdrawn.title, withdrawn.detail) == ("Withdrawn by staff", "Not shown to anybody · “A mistake”")
    assert timeline_entry(event("share.burned", reason="replaced"), {}).title == "Replaced by a new link"


def test_an_answer_is_shown_to_a_custodian_and_a_send_to_its_recipient():
    assert timeline_entry(event("share.displayed"), {}).title == "Shown on the recipient's page"
    of_a_request = event("share.displayed", facts={"kind": "request"})
    assert timeline_entry(of_a_request, {}).title == "Shown on the custodian's page"


def test_a_send_in_place_of_another_and_an_unlocking_say_so():
    again = timeline_entry(event("share.created", facts={"code_required": True, "replaces": "R" * 22}), {})
    assert again.detail == "sent again, in place of an earlier link · access code on"
    assert timeline_entry(event("share.unlocked", facts={"more_tries": 5}), {}).detail == "5 more tries"


def test_an_incident_tells_what_to_do_and_that_the_holder_of_the_link_raised_it():
    reported = timeline_entry(event("share.tamper_reported", actor_kind="public", facts={"state": "revealed"}), {})
    held = timeline_entry(event("custody.held", actor_kind="public", object_kind="hold"), {})
    assert "change the credential" in reported.detail
    assert reported.who == held.who == "Whoever held the link"
    assert (reported.tone, held.tone) == ("bad", "bad")


def test_a_clock_that_jumped_tells_which_way_and_how_far():
    forward, back = (timeline_entry(event("system.clock_jump", facts={"seconds": s}), {}) for s in (7_200, -61))
    assert forward.detail.startswith("Forward by 2 hours")
    assert back.detail.startswith("Back by 1 minute 1 second")


def test_changed_details_tell_old_and_new():
    told = timeline_entry(
        event(
            "custody.details_changed",
            facts={"changed": "customer,subject,kind", "kind_before": "credential", "kind_after": "aws_root"},
            personal={"customer_before": "Acme", "customer_after": "Acme Ltd", "subject_after": "Payer"},
        ),
        {},
    )
    assert told.detail == (
        "Customer: Acme → Acme Ltd · Subject: none → Payer · Kind: Other credential → AWS management account root"
    )


def test_what_was_erased_is_called_erased():
    told = timeline_entry(event("custody.details_changed", facts={"changed": "customer"}, erased_count=4), {})
    assert told.who == "(erased)"
    assert told.where == "(erased)"
    assert told.detail == "Customer: (erased) → (erased)"


def test_somebody_without_account_is_not_called_by_any_name():
    told = timeline_entry(event("share.opened", actor_kind="public", personal={"ip": "203.0.113.7"}), {})
    assert told.who == "Whoever held the link"


def test_an_event_that_was_tampered_with_is_shown_as_such():
    told = timeline_entry(event("share.created", is_readable=False), {})
    assert told.title == "This entry cannot be read"
    assert told.tone == "bad"


def test_an_event_of_a_newer_version_is_shown_by_its_name():
    assert timeline_entry(event("moon.landed"), {}).title == "moon.landed"
