"""What a thief can do with parts: the database and every key, a link alone, an old copy, changed or swapped bytes."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask
from sqlalchemy import select, text, update

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.acts.sending import Sent
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.errors import EpochKeyMissing, MasterKeyMissing, SealBroken
from sharelink.crypto.header import HEADER_BYTES, SealHeader
from sharelink.crypto.keyring import Keyring, create_missing_keys
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.crypto.sealing import ServerKeys, epoch_day_of, seal_server, unseal_link, unseal_server
from sharelink.jobs.sweeper import destroy_epochs_once
from sharelink.persistence.database import Base
from sharelink.shares.epochs import end_of
from sharelink.shares.errors import LinkUnavailable, ShareDamaged, ShareEnded
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share
from sharelink.shares.seals import LinkSealed, SealedSecret
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.browsers import Browser
from tests.factories import Person, make_person, send_secret
from tests.fakes import MovableClock

BASE = "http://localhost"
SECRET = "what the thief wants"
GRACE = timedelta(hours=1)
REFUSALS = (LinkUnavailable, ShareDamaged, ShareEnded, MasterKeyMissing, SealBroken)


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    """Yield what makes units of work on a database of each test's own, by the movable clock."""
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    return make_person(unit_of_work, "Anna Example", "anna@example.com")


def row_of(unit_of_work: UnitOfWork, sent: Sent) -> dict[str, Any]:
    """Return a copy of the share's row, as a thief of the database has it."""
    with unit_of_work.read() as work:
        table = Share.metadata.tables["share"]
        return dict(work.session.execute(select(table).where(table.c.id == sent.share_id)).mappings().one())


def put_back(unit_of_work: UnitOfWork, sent: Sent, **columns: object) -> None:
    table = Share.metadata.tables["share"]
    with unit_of_work.write(Actor.operator()) as work:
        work.session.execute(update(table).where(table.c.id == sent.share_id).values(**columns))


def everything_stored(unit_of_work: UnitOfWork) -> Iterator[bytes]:
    """Yield every value of every row, and what it may be an encoding of."""
    with unit_of_work.read() as work:
        for table in Base.metadata.sorted_tables:
            for row in work.session.execute(text(f"SELECT * FROM {table.name}")):
                for value in row:
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    yield raw
                    if not isinstance(value, bytes | memoryview) and len(raw) >= 43:
                        for start in range(len(raw) - 42):
                            yield from decoded(raw[start : start + 43])


def decoded(characters: bytes) -> list[bytes]:
    try:
        return [urlsafe_b64decode(characters + b"=")]
    except ValueError:
        return []


def keyring_bytes(directory: Path) -> Iterator[bytes]:
    """Yield the content of every file of the keyring, as it is and decoded."""
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield content
            yield from decoded(content.strip()[:43])


def windows(values: Iterator[bytes]) -> set[bytes]:
    """Return every 32 bytes in a row of any of the values."""
    return {value[start : start + 32] for value in values for start in range(len(value) - 31)}


def opened_with(sealed: LinkSealed, candidates: set[bytes]) -> list[bytes]:
    """Return the secrets that open with one of the candidates, as link key or as the cipher's own key."""
    found = []
    nonce, ciphertext = sealed.inner[64:76], sealed.inner[76:]
    for candidate in candidates:
        with suppress(SealBroken):
            found.append(unseal_link(sealed.inner, candidate, None, sealed.header))
        with suppress(InvalidTag):
            found.append(AESGCM(candidate).decrypt(nonce, ciphertext, sealed.header.to_bytes()))
    return found


def test_the_database_and_the_whole_keyring_open_nothing_without_the_link(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, tmp_path: Path
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    receiving.look(unit_of_work, visitor, sent.link)
    row = row_of(unit_of_work, sent)
    sealed = SealedSecret(row["seal_header"], row["outer_ciphertext"]).opened_by_server(
        unit_of_work.keyring, unit_of_work.epoch_keys
    )
    keys = list(keyring_bytes(tmp_path / "keyring"))
    assert len(keys) >= 11, "the thief has five keys and an epoch key"
    candidates = windows(chain(everything_stored(unit_of_work), keys, [sealed.inner], [bytes(32), b"\xff" * 32]))
    assert sent.link.link_key not in candidates
    assert opened_with(sealed, candidates) == []
    # The thief's way is right: with the one thing that is in no database it opens.
    assert opened_with(sealed, {sent.link.link_key}) == [SECRET.encode()]


def test_a_stolen_row_with_a_code_does_not_open_with_the_link_alone_nor_with_the_code_alone(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET)
    row, code = row_of(unit_of_work, sent), (sent.code or "").replace("-", "")
    sealed = SealedSecret(row["seal_header"], row["outer_ciphertext"]).opened_by_server(
        unit_of_work.keyring, unit_of_work.epoch_keys
    )
    for link_key, tried in ((sent.link.link_key, None), (sent.link.link_key, "ABCDEFGH"), (new_link_key(), code)):
        with pytest.raises(SealBroken):
            sealed.opened_by_link(link_key, tried)
    assert sealed.opened_by_link(sent.link.link_key, code) == SECRET.encode()


def test_the_link_and_the_row_open_nothing_without_the_servers_keys(
    unit_of_work: UnitOfWork, staff: Person, tmp_path: Path
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    row = row_of(unit_of_work, sent)
    stolen = SealedSecret(row["seal_header"], row["outer_ciphertext"])
    create_missing_keys(tmp_path / "other")
    thiefs, day = Keyring.load(tmp_path / "other"), epoch_day_of(sent.expires_at)
    own_epochs = EpochKeys(tmp_path / "other" / "epochs")
    with pytest.raises(EpochKeyMissing):
        stolen.opened_by_server(thiefs, own_epochs)
    own_epochs.ensure(day)
    for keyring, epochs in (
        (thiefs, own_epochs),
        (thiefs, unit_of_work.epoch_keys),
        (unit_of_work.keyring, own_epochs),
    ):
        with pytest.raises(SealBroken):
            stolen.opened_by_server(keyring, epochs)
    assert stolen.opened_by_server(unit_of_work.keyring, unit_of_work.epoch_keys)


def test_a_link_without_its_row_is_a_strangers_link(unit_of_work: UnitOfWork, staff: Person, client: Browser) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    with unit_of_work.write(Actor.operator()) as work:
        work.session.execute(text("DELETE FROM share"))
    answer = client.post("/s/reveal", data={"link": sent.link.url(BASE)})
    assert answer.status_code == 404


def test_an_old_copy_of_the_database_opens_until_the_epoch_key_dies_and_never_after(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock, tmp_path: Path
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False, lifetime=timedelta(hours=1))
    copy, day = row_of(unit_of_work, sent), epoch_day_of(sent.expires_at)
    old = {name: copy[name] for name in ("state", "ended_at", "end_reason", "outer_ciphertext")}
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    # What we promise begins with the death of the key, and we say so: until then a copy opens.
    put_back(unit_of_work, sent, **old)
    assert receiving.reveal(unit_of_work, visitor, sent.link, "").text == SECRET

    def clock_of_the_database(_session: object) -> datetime:
        return clock.now

    sent_at = clock.now
    clock.now = end_of(day) + GRACE
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=clock_of_the_database) == 1
    assert list((tmp_path / "keyring" / "epochs").iterdir()) == []
    clock.now = sent_at
    put_back(unit_of_work, sent, **old)
    with pytest.raises(ShareDamaged):
        receiving.reveal(unit_of_work, visitor, sent.link, "")
    # Nor by hand, with every key that is left.
    header = SealedSecret(copy["seal_header"], copy["outer_ciphertext"])
    with pytest.raises(EpochKeyMissing):
        header.opened_by_server(unit_of_work.keyring, unit_of_work.epoch_keys)
    candidates = windows(chain(everything_stored(unit_of_work), keyring_bytes(tmp_path / "keyring")))
    master, seal = unit_of_work.keyring.master(1), SealHeader.from_bytes(copy["seal_header"])
    for candidate in candidates | {sent.link.link_key, master, bytes(32)}:
        for keys in (ServerKeys(1, master, day, candidate), ServerKeys(1, candidate, day, master)):
            with pytest.raises(SealBroken):
                unseal_server(copy["outer_ciphertext"], keys, seal)


def flips(content: bytes) -> Iterator[bytes]:
    """Yield `content` with one bit changed in each byte, one byte at a time."""
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


def test_every_changed_character_of_token_and_link_key_is_one_and_the_same_refusal(
    unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    token, key = sent.link.token, link_key_text(sent.link.link_key)
    changed = {f"{other}#{key}" for other in spoiled(token)} | {f"{token}#{other}" for other in spoiled(key)}
    assert len(changed) > 200
    answers = set()
    for link in sorted(changed):
        answer = client.post("/s/reveal", data={"link": f"{BASE}/s/{link}"})
        answers.add((answer.status_code, answer.data))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    assert client.post("/s/reveal", data={"link": sent.link.url(BASE)}).status_code == 200


def spoiled(characters: str) -> Iterator[str]:
    """Yield two other texts of base64url for each place: a near one and one of other letter case."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, character in enumerate(characters):
        near = alphabet[alphabet.find(character) ^ 1] if character in alphabet else "A"
        for other in {near, character.swapcase(), "."} - {character}:
            yield characters[:place] + other + characters[place + 1 :]


@pytest.mark.parametrize("column", ["seal_header", "outer_ciphertext", "link_key_hash"])
def test_every_changed_byte_of_a_row_is_refused_and_consumes_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, column: str
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    original = row_of(unit_of_work, sent)
    assert len(original["seal_header"]) == HEADER_BYTES
    for changed in flips(original[column]):
        put_back(unit_of_work, sent, **{column: changed})
        with pytest.raises(REFUSALS):
            receiving.reveal(unit_of_work, visitor, sent.link, "")
    for other in (b"", original[column][:-1], original[column] + b"\0"):
        put_back(unit_of_work, sent, **{column: other})
        with pytest.raises(REFUSALS):
            receiving.reveal(unit_of_work, visitor, sent.link, "")
    put_back(unit_of_work, sent, **{column: original[column]})
    assert row_of(unit_of_work, sent) == original
    assert receiving.reveal(unit_of_work, visitor, sent.link, "").text == SECRET


def test_a_changed_row_answers_over_http_with_a_page_and_costs_no_try(
    unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET)
    original, fields = row_of(unit_of_work, sent), {"link": sent.link.url(BASE), "code": sent.code or ""}
    for column in ("seal_header", "outer_ciphertext"):
        for changed in list(flips(original[column]))[::9]:
            put_back(unit_of_work, sent, **{column: changed})
            answer = client.post("/s/reveal", data=fields)
            assert answer.status_code == 503
            assert "Nothing was" in answer.text
        put_back(unit_of_work, sent, **{column: original[column]})
    with unit_of_work.read() as work:
        assert work.session.execute(text("SELECT count(*) FROM share_client WHERE tries > 0")).scalar() == 0
    assert client.post("/s/reveal", data=fields).status_code == 200


@pytest.mark.parametrize(
    "change", [{"code_required": False, "code_waiver_reason": "x"}, {"expires_at": timedelta(days=1)}]
)
def test_a_row_whose_rules_were_changed_does_not_open(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, change: dict[str, Any]
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET)
    original = row_of(unit_of_work, sent)
    put_back(
        unit_of_work,
        sent,
        **{name: original[name] + value if isinstance(value, timedelta) else value for name, value in change.items()},
    )
    with pytest.raises(ShareDamaged):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    put_back(unit_of_work, sent, **{name: original[name] for name in change})
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text == SECRET


def test_a_victims_seal_in_ones_own_row_does_not_open_even_sealed_anew_with_the_servers_keys(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    mine = send_secret(unit_of_work, staff, "mine", code=False)
    victims = send_secret(unit_of_work, staff, SECRET, code=False, custody_id=mine.custody_id)
    own, stolen = row_of(unit_of_work, mine), row_of(unit_of_work, victims)
    opened = SealedSecret(stolen["seal_header"], stolen["outer_ciphertext"]).opened_by_server(
        unit_of_work.keyring, unit_of_work.epoch_keys
    )
    own_header = SealedSecret(own["seal_header"], own["outer_ciphertext"]).opened_by_server(
        unit_of_work.keyring, unit_of_work.epoch_keys
    )
    version, day = unit_of_work.keyring.current_master_version, epoch_day_of(mine.expires_at)
    keys = ServerKeys(version, unit_of_work.keyring.master(version), day, unit_of_work.epoch_keys.get(day))
    resealed = seal_server(opened.inner, keys, own_header.header)
    seal = {name: stolen[name] for name in ("seal_header", "outer_ciphertext")}
    for change in (
        seal,
        {"outer_ciphertext": stolen["outer_ciphertext"]},
        {"seal_header": stolen["seal_header"]},
        seal | {"expires_at": stolen["expires_at"]},
        {"outer_ciphertext": resealed},
    ):
        put_back(unit_of_work, mine, **change)
        with pytest.raises(ShareDamaged):
            receiving.reveal(unit_of_work, visitor, mine.link, "")
        put_back(unit_of_work, mine, **own)
    # The victim's link still opens what is the victim's, and one's own what is one's own.
    with pytest.raises(LinkUnavailable):
        receiving.reveal(unit_of_work, visitor, OpenLink(victims.link.token, mine.link.link_key), "")
    assert receiving.reveal(unit_of_work, visitor, victims.link, "").text == SECRET
    assert receiving.reveal(unit_of_work, visitor, mine.link, "").text == "mine"
