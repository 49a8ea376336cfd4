"""What may be sent, and that a form makes one share however often it is sent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.header import CodeCost, SealHeader
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import new_link_key
from sharelink.errors import InvalidInput
from sharelink.shares.errors import AlreadyCreated, LinkUnavailable
from sharelink.shares.links import OpenLink, parse_open_link
from sharelink.shares.models import Share
from sharelink.shares.seals import seal_send
from sharelink.shares.texts import exact_secret
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, open_record, send_secret


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_every_code_point_but_nul_is_kept_and_line_ends_become_lf(text: str) -> None:
    kept = exact_secret(text, 65_536).decode("utf-8")
    assert kept == text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800", "x" * 65_537, "é" * 32_769])
def test_a_text_that_cannot_be_sent_is_refused_beside_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        exact_secret(text, 65_536)
    assert set(refused.value.fields) == {"secret"}


def test_the_largest_text_is_sent(unit_of_work: UnitOfWork, staff: Person) -> None:
    sent = send_secret(unit_of_work, staff, "é" * 32_768)
    assert sent.code is not None


def test_a_form_sent_twice_makes_one_share(unit_of_work: UnitOfWork, staff: Person) -> None:
    form_id, custody_id = new_id(), open_record(unit_of_work, staff)
    first = send_secret(unit_of_work, staff, custody_id=custody_id, form_id=form_id)
    with pytest.raises(AlreadyCreated) as again:
        send_secret(unit_of_work, staff, custody_id=custody_id, form_id=form_id)
    assert (again.value.share_id, again.value.custody_id) == (first.share_id, custody_id)
    with unit_of_work.read() as work:
        assert work.session.execute(select(func.count()).select_from(Share)).scalar_one() == 1


def test_each_guess_at_a_code_costs_what_owasp_advises(new_keyring: Path, tmp_path: Path) -> None:
    sealed = seal_send(
        b"x",
        link_key=new_link_key(),
        code="ABCDEFGH",
        share_id=new_id(),
        custody_id=new_id(),
        expires_at=datetime(2026, 12, 1, tzinfo=UTC),
        keyring=Keyring.load(new_keyring),
        epoch_keys=EpochKeys(tmp_path / "epochs"),
    )
    assert SealHeader.from_bytes(sealed.header).code_cost == CodeCost(memory_kib=46 * 1024, passes=1, lanes=1)


@pytest.mark.parametrize("seconds", [-1, 0, 0.5, 30 * 86_400 + 1])
def test_a_life_outside_the_limits_is_refused(unit_of_work: UnitOfWork, staff: Person, seconds: float) -> None:
    with pytest.raises(InvalidInput) as refused:
        send_secret(unit_of_work, staff, lifetime=timedelta(seconds=seconds))
    assert set(refused.value.fields) == {"lifetime_seconds"}


def test_nothing_is_left_behind_by_a_refused_send(unit_of_work: UnitOfWork, staff: Person) -> None:
    with pytest.raises(InvalidInput):
        send_secret(unit_of_work, staff, "a\0b")
    with unit_of_work.read() as work:
        assert work.session.execute(select(func.count()).select_from(Share)).scalar_one() == 0


def test_a_link_reads_back_from_whatever_surrounds_it(unit_of_work: UnitOfWork, staff: Person) -> None:
    link = send_secret(unit_of_work, staff).link
    for base in ("http://localhost", "https://share.example.com", ""):
        assert parse_open_link(f"  {link.url(base)}\n") == link


@pytest.mark.parametrize("text", ["", "   ", "https://example.com/s/token"])
def test_a_link_without_its_key_is_a_mendable_mistake(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_open_link(text)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300).filter(lambda text: bool(text.strip())))
def test_any_other_text_is_no_link_and_no_crash(text: str) -> None:
    with pytest.raises((LinkUnavailable, InvalidInput)):
        parse_open_link(text + "#x")


def test_a_link_never_shows_itself(unit_of_work: UnitOfWork, staff: Person) -> None:
    sent = send_secret(unit_of_work, staff)
    shown = repr(sent) + repr(sent.link) + str(OpenLink("t", b"k"))
    assert sent.link.token not in shown
    assert (sent.code or "-") not in shown
