"""What tests of the record pages ask and post again and again."""

from sqlalchemy import text

from sharelink.accounts.queries import groups_for_choice
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.unit_of_work import UnitOfWork


def custodians(unit_of_work: UnitOfWork, name: str = "Custodians") -> str:
    with unit_of_work.read() as work:
        return next(group.id_text for group in groups_for_choice(work.session, None) if group.name == name)


def typed(unit_of_work: UnitOfWork, **given: str) -> dict[str, str]:
    return {"kind": "credential", "customer": "Acme", "group": custodians(unit_of_work)} | given


def stored(unit_of_work: UnitOfWork, record_id: bytes) -> RecordDetail:
    with unit_of_work.read() as work:
        return record_detail(work.session, record_id)


def count(unit_of_work: UnitOfWork, table: str = "custody_record") -> int:
    with unit_of_work.read() as work:
        return int(work.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
