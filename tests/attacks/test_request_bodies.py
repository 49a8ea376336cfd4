"""Answers that do not arrive whole, or not as they were typed, over the shipped server: refused and not kept."""

import socket
from collections.abc import Iterator
from urllib.parse import quote_plus, urlencode

import pytest

from sharelink.acts.requesting import Asked
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.canaries import files_below, found_in, rows_of, spellings
from tests.attacks.installations import Installation
from tests.attacks.request_moves import BASE, LIMITS, kept_of, kinds_about, retrieval, submission
from tests.attacks.servers import Server, shown_answers
from tests.attacks.test_server import head, said_to, status_of
from tests.factories import Person, ask_secret

CANARY = "canary of an answer that did not arrive"
GOOD = "the answer that did"
pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[Server]:
    (server,) = installation.start(**LIMITS)
    yield server
    server.stop()


@pytest.fixture
def asked(unit_of_work: UnitOfWork, staff: Person) -> Asked:
    return ask_secret(unit_of_work, staff)


def body_of(asked: Asked, answer: str = CANARY, more: str = "") -> bytes:
    return urlencode({"link": asked.submit_link.url(BASE), "field-0": answer}).encode() + more.encode()


def assert_nothing_kept(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked
) -> None:
    """Make sure that the request still waits, that no text is anywhere, and that it takes a whole answer now."""
    row = kept_of(unit_of_work, asked)
    assert (row["state"], row["seal_header"], row["outer_ciphertext"], row["submitted_at"]) == (
        "awaiting",
        None,
        None,
        None,
    )
    # To look at the form again, with what is to be mended, is an opening; an answer it is not.
    assert set(kinds_about(unit_of_work, asked)) <= {"request.created", "request.opened"}
    everywhere = files_below(installation.files) | rows_of(installation) | {"output": server.said().encode()}
    assert found_in(everywhere, {"the text": spellings(CANARY)}) == []
    with server.caller() as caller:
        assert caller.post(*submission(asked, GOOD)).status == 200
    with server.caller() as caller:
        caller.sign_in(staff)
        assert shown_answers(caller.post(*retrieval(asked)).text) == [GOOD]


def test_an_answer_that_is_cut_off_at_any_place_is_not_kept(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked
) -> None:
    body = body_of(asked, more="&space_ok=yes")
    for end in (1, len(body) // 2, body.index(b"canary") + 9, len(body) - 13, len(body) - 1):
        answer = said_to(server, head(len(body), "/r/submit"), body[:end])
        assert status_of(answer) in {None, 400}
        assert CANARY.encode() not in answer
    with server.socket() as connection:
        connection.sendall(head(len(body), "/r/submit") + body[:-1])
        # Ended as a phone in a tunnel ends it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)


def test_an_answer_of_another_length_than_it_says_is_not_kept(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked
) -> None:
    body = body_of(asked)
    for length in (len(body) + 1, len(body) * 2, -1, "+5", "1 0", "", f"{len(body)}, {len(body) + 1}", 10**12):
        answer = said_to(server, head(length, "/r/submit"), body)
        assert status_of(answer) in {None, 400, 413}, (length, answer[:60])
    for extra in (b"", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length : 5\r\n"):
        answer = said_to(server, head(None, "/r/submit", extra), body)
        assert status_of(answer) in {None, 400, 411}, (extra, answer[:60])
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)


def test_an_answer_in_chunks_over_the_limit_endless_or_cut_off_is_not_kept(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked
) -> None:
    body, start = body_of(asked), head(path="/r/submit", extra=b"Transfer-Encoding: chunked\r\n")
    whole = b"%x\r\n%s\r\n" % (len(body), body)
    filler = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for parts in (
        (whole,),
        (whole, b"0\r\n"),
        (b"%x\r\n%s" % (len(body) + 5, body),),
        (b"FFFFFFFFFFFF\r\n" + body,),
        (b"-5\r\n" + body,),
        (whole, *(filler for _ in range(60)), b"0\r\n\r\n"),
        tuple(filler for _ in range(40)),
    ):
        answer = said_to(server, start, *parts)
        assert status_of(answer) in {None, 400, 413}, answer[:200]
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)


SPOILED: dict[str, bytes] = {
    "bytes-that-are-no-utf-8": b"%FF%FE",
    "raw-bytes": b"\xff\xfe",
    "half-of-a-character": b"%C3",
    "overlong": b"%C0%AF",
    "surrogate": b"%ED%A0%80",
    "half-an-escape": b"%4",
    "nul": b"%00",
    "raw-nul": b"\0",
    "twice": b"&field-0=another",
    "twice-the-same": b"&field-0=" + quote_plus(CANARY).encode(),
    "twice-in-another-spelling": b"&field%2D0=another",
    "the-link-twice": b"&link=x%23y",
    "too-long": b"x" * 20_000,
    "too-many-fields": b"&x=1" * 99,
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_an_answer_that_is_not_what_was_typed_is_refused_and_never_altered(
    installation: Installation,
    server: Server,
    unit_of_work: UnitOfWork,
    staff: Person,
    asked: Asked,
    spoiled: bytes,
) -> None:
    body = body_of(asked) + spoiled
    answer = said_to(server, head(len(body), "/r/submit"), body)
    assert status_of(answer) in {400, 413, 422}
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)


def test_an_answer_far_over_the_limit_is_413(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked
) -> None:
    body = body_of(asked, CANARY + "x" * installation.settings.request_max_bytes)
    answer = said_to(server, head(len(body), "/r/submit"), body)
    assert status_of(answer) in {None, 413}
    assert CANARY.encode() not in answer
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", "x"])
def test_an_answer_in_another_kind_of_body_is_refused(
    installation: Installation, server: Server, unit_of_work: UnitOfWork, staff: Person, asked: Asked, kind: str
) -> None:
    path, form = submission(asked, CANARY)
    with server.caller() as caller:
        assert caller.post(path, form, {"Content-Type": kind}).status == 400
        assert caller.post(path, form, {"Origin": "https://evil.example"}).status == 403
        assert caller.post(path, form, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert_nothing_kept(installation, server, unit_of_work, staff, asked)
