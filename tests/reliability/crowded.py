"""A database as it looks after years: many records, each with shares and a long history, written in bulk.

The first of everything is made by the service itself; the rest are copies of those rows with other ids and times, so
that a new column of a table needs no change here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Table, func, select, text, update
from sqlalchemy.orm import Session

from sharelink.acts import tending
from sharelink.audit.models import AuditDisclosure, AuditHead, AuditLeaf, AuditSubtree
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.details import search_form
from sharelink.custody.models import CustodyRecord
from sharelink.shares.models import Share
from sharelink.times import microseconds
from sharelink.tlog.merkle import Frontier
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, open_record, send_secret

SHARES_PER_RECORD = 3
EVENTS_PER_RECORD = 96
SHARE_OF_ACCOUNTS = 0.05
"""How much of all events is in the chains of accounts; most of them are sign-ins."""

_AT_ONCE = 5_000
_YEARS = timedelta(days=3 * 365)
_CUSTOMERS = ("Nordlicht Energie", "Hafen & Söhne", "Alpine Maschinenbau", "Quai Logistique", "Müller Optik")

_CHANGED = {
    "leaf_index": ":size + done",
    "rec": "grown.rec",
    "rseq": "after + turn.number",
    "event_type": "CASE grown.rec WHEN :account THEN 'auth.succeeded' ELSE pattern.event_type END",
    "at": ":until - (:total - done) * :step",
}

Row = dict[str, Any]


def crowd(unit_of_work: UnitOfWork, person: Person, records: int) -> bytes:
    """Add `records` records and a hundred events for each of them; return the id of one in the middle."""
    first = open_record(unit_of_work, person, "Example GmbH")
    sent = send_secret(unit_of_work, person, custody_id=first, code=False)
    tending.withdraw(unit_of_work, person.actor, sent.share_id, "made by a test")
    ids = [new_id() for _ in range(records - 1)]
    with unit_of_work.write(person.actor) as work:
        session, now = work.session, work.now
        before = session.execute(select(func.count()).select_from(CustodyRecord)).scalar_one()
        pattern = _row(session, CustodyRecord.__table__, first)
        _copy(session, CustodyRecord.__table__, _records(pattern, ids, before, now))
        _copy(session, Share.__table__, _shares(_row(session, Share.__table__, sent.share_id), ids, now))
    with unit_of_work.write(person.actor) as work:
        _write_events(work.session, person, ids, work.now)
        if work.session.get_bind().dialect.name == "postgresql":
            work.session.execute(text("ANALYZE"))
    return ids[len(ids) // 2]


def _row(session: Session, table: Table, identifier: bytes) -> Row:
    return dict(session.execute(select(table).where(table.c.id == identifier)).mappings().one())


def _copy(session: Session, table: Table, rows: Iterator[Row]) -> None:
    while some := list(islice(rows, _AT_ONCE)):
        session.execute(table.insert(), some)


def _records(pattern: Row, ids: list[bytes], before: int, now: datetime) -> Iterator[Row]:
    for place, identifier in enumerate(ids):
        number = before + place
        customer = f"{_CUSTOMERS[number % len(_CUSTOMERS)]} {number}"
        reference = f"CR-{number:06d}"
        yield pattern | {
            "id": identifier,
            "reference": reference,
            "customer": customer,
            "search_text": search_form(f"{reference}\n{customer}\nRoot user of the management account"),
            "opened_at": now - _YEARS * ((place + 1) / (len(ids) + 1)),
        }


def _shares(pattern: Row, ids: list[bytes], now: datetime) -> Iterator[Row]:
    for number, record in enumerate(ids):
        for _ in range(SHARES_PER_RECORD):
            ended_at = now - timedelta(days=15) - _YEARS * ((number + 1) / (len(ids) + 1))
            yield pattern | {
                "id": new_id(),
                "form_id": new_id(),
                "custody_id": record,
                "created_at": ended_at - timedelta(days=1),
                "expires_at": ended_at,
                "ended_at": ended_at,
            }


def _write_events(session: Session, person: Person, ids: list[bytes], now: datetime) -> None:
    size = session.execute(select(AuditHead.size)).scalar_one()
    account = id_text(person.account_id)
    chains = {id_text(record): EVENTS_PER_RECORD for record in ids}
    chains |= {account: round(len(ids) * EVENTS_PER_RECORD * SHARE_OF_ACCOUNTS)}
    pattern = session.execute(
        select(AuditLeaf.index, AuditLeaf.leaf_hash).where(AuditLeaf.type == "share.burned").limit(1)
    ).one()
    _copy_leaf(session, pattern.index, chains, account, size, now)
    _disclose(session, pattern.index, size)
    frontier = Frontier.from_bytes(size, session.execute(select(AuditHead.frontier)).scalar_one())
    subtrees = [asdict(root) for _ in range(sum(chains.values())) for root in frontier.append(pattern.leaf_hash)]
    if subtrees:
        session.execute(AuditSubtree.__table__.insert(), subtrees)
    session.execute(update(AuditHead).values(size=frontier.size, frontier=frontier.to_bytes()))


def _ends(session: Session) -> Mapping[str, int]:
    wanted = select(AuditLeaf.rec, func.max(AuditLeaf.rseq)).group_by(AuditLeaf.rec)
    return {rec: last + 1 for rec, last in session.execute(wanted)}


def _copy_leaf(
    session: Session, pattern_index: int, chains: Mapping[str, int], account: str, size: int, now: datetime
) -> None:
    """Lengthen chains in turns: the events of one record lie far from each other, as they do in a log of years.

    The database makes the copies itself: to be given two hundred thousand rows takes it several times as long.
    """
    after, total = _ends(session), sum(chains.values())
    session.execute(text("CREATE TEMPORARY TABLE grown (place INTEGER, rec TEXT, length INTEGER, after INTEGER)"))
    rows = [
        {"place": place, "rec": rec, "length": length, "after": after.get(rec, 0)}
        for place, (rec, length) in enumerate(chains.items())
    ]
    session.execute(text("INSERT INTO grown VALUES (:place, :rec, :length, :after)"), rows)
    columns = [column.name for column in AuditLeaf.__table__.columns]
    copies = f"""
        INSERT INTO audit_leaf ({", ".join(columns)})
        WITH RECURSIVE turn (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM turn WHERE number + 1 < :longest),
        event AS (
            SELECT row_number() OVER (ORDER BY turn.number, place) - 1 AS done, turn.number, place
            FROM turn JOIN grown ON turn.number < length
        )
        SELECT {", ".join(_CHANGED.get(name, f"pattern.{name}") for name in columns)}
        FROM event AS turn JOIN grown ON grown.place = turn.place
        JOIN audit_leaf AS pattern ON pattern.leaf_index = :pattern
        ORDER BY done
    """
    values = {"pattern": pattern_index, "longest": max(chains.values()), "account": account, "size": size}
    step = _YEARS // total // timedelta(microseconds=1)
    session.execute(text(copies), values | {"until": microseconds(now), "step": step, "total": total})
    session.execute(text("DROP TABLE grown"))


def _disclose(session: Session, pattern_index: int, since: int) -> None:
    """Give every leaf from number `since` on the personal fields of the pattern; the database copies them itself."""
    pattern, leaf = AuditDisclosure.__table__.alias(), AuditLeaf.__table__
    taken = [leaf.c.leaf_index if column.name == "leaf_index" else column for column in pattern.c]
    every = leaf.join(pattern, pattern.c.leaf_index == pattern_index)
    copies = select(*taken).select_from(every).where(leaf.c.leaf_index >= since)
    session.execute(AuditDisclosure.__table__.insert().from_select([column.name for column in pattern.c], copies))
