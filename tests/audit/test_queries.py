"""Reading a chain: newest first, page by page, with whatever personal fields are left."""

import pytest
from sqlalchemy import delete, text

from sharelink.actors import Actor, ActorKind
from sharelink.audit import queries
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.models import AuditDisclosure
from sharelink.audit.queries import EventPage, chain_page
from sharelink.unit_of_work import UnitOfWork

PERSON = Actor(ActorKind.STAFF, account_id=b"p" * 16, name="Anna Example", ip="203.0.113.7")


def append(unit_of_work: UnitOfWork, rec: str, count: int) -> None:
    with unit_of_work.write(PERSON) as work:
        for number in range(count):
            work.audit.append(
                AuditEvent.SHARE_CODE_FAILED,
                rec=rec,
                actor=PERSON,
                now=work.now,
                obj=("share", b"s" * 16),
                outcome=Outcome.FAILURE,
                reason="wrong_code",
                facts={"number": number},
                personal={"note": f"note {number}"},
            )


def page(unit_of_work: UnitOfWork, rec: str, number: int = 1) -> EventPage:
    with unit_of_work.read() as work:
        return chain_page(work.session, rec, number)


def test_an_unknown_chain_is_one_empty_page(unit_of_work: UnitOfWork):
    assert page(unit_of_work, "nobody") == EventPage((), 0, 1, 1)


def test_an_event_is_read_with_all_its_fields(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", 1)
    event = page(unit_of_work, "one").events[0]
    assert (event.type, event.actor_kind, event.outcome, event.reason) == (
        "share.code_failed",
        "staff",
        Outcome.FAILURE,
        "wrong_code",
    )
    assert (event.object_kind, event.object_ref) == ("share", "c3Nzc3Nzc3Nzc3Nzc3Nzcw")
    assert event.facts == {"number": 0}
    assert event.personal == {"note": "note 0", "actor_name": "Anna Example", "ip": "203.0.113.7"}
    assert event.is_readable
    assert event.at.isoformat() == "2026-11-23T12:00:00+00:00"


def test_only_events_of_the_chain_are_read_newest_first_and_in_pages(
    unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queries, "EVENTS_PER_PAGE", 3)
    append(unit_of_work, "one", 4)
    append(unit_of_work, "two", 1)
    append(unit_of_work, "one", 3)
    pages = [page(unit_of_work, "one", number) for number in (1, 2, 3)]
    assert [[event.rseq for event in found.events] for found in pages] == [[6, 5, 4], [3, 2, 1], [0]]
    assert {(found.total, found.page_count) for found in pages} == {(7, 3)}


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (99, 2)])
def test_a_page_that_does_not_exist_is_the_nearest_one(
    unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch, asked: int, given: int
):
    monkeypatch.setattr(queries, "EVENTS_PER_PAGE", 3)
    append(unit_of_work, "one", 4)
    assert page(unit_of_work, "one", asked).page == given


def test_an_erased_personal_field_is_said_to_be_erased_and_the_rest_stays(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", 1)
    with unit_of_work.write(PERSON) as work:
        work.session.execute(delete(AuditDisclosure).where(AuditDisclosure.name == "ip"))
    event = page(unit_of_work, "one").events[0]
    assert event.erased_count == 1
    assert event.personal_text("ip") == "(erased)"
    assert event.personal_text("actor_name") == "Anna Example"


def test_a_personal_field_that_never_was_is_empty_not_erased(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", 1)
    assert page(unit_of_work, "one").events[0].personal_text("label") == ""


@pytest.mark.parametrize("damage", ["{}", "[]", "null", "not json", '{"t": 5}', ""])
def test_a_damaged_event_does_not_hide_the_others(unit_of_work: UnitOfWork, damage: str):
    append(unit_of_work, "one", 3)
    with unit_of_work.write(PERSON) as work:
        work.session.execute(text("UPDATE audit_leaf SET leaf = :leaf WHERE rseq = 1"), {"leaf": damage.encode()})
        work.session.execute(text("UPDATE audit_disclosure SET disclosure = 'ü' WHERE leaf_index = 2"))
    assert [event.is_readable for event in page(unit_of_work, "one").events] == [True, False, True]
