"""No field of an answer, no link and no password in anything that the service writes, errors included (promise 8).

What was submitted is in one page, ever: the custodian's. What staff wrote about it is on pages and in the database, and
in no log, header or page of an error.
"""

import re
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import pytest

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.states import RecordKind
from sharelink.requests.states import RequestTemplate
from sharelink.unit_of_work import UnitOfWork
from tests.attacks import faults
from tests.attacks.callers import Answer
from tests.attacks.canaries import (
    Watch,
    files_below,
    found_in,
    key_spellings,
    log_of_the_database,
    pieces,
    rows_of,
    spellings,
)
from tests.attacks.installations import Installation
from tests.attacks.request_moves import LIMITS, kept_of, retrieval
from tests.attacks.servers import Server, shown_answers, wait_until
from tests.attacks.test_silence import FORM, GONE_SECONDS, impossible_time
from tests.factories import Person, ask_secret, open_record, submit_answer

Canaries = dict[str, set[bytes]]
TYPISTS_PAGES = {422}
"""The form again, with what was typed in it, for whoever typed it."""
OWN_PAGES = {200, 201, 303, 403, 404, 409, 410, 422, 423}
_LINK = r"https?://[^/\s\"<]+{path}[A-Za-z0-9_.-]+#[A-Za-z0-9_-]+"


def unique(name: str) -> str:
    """Return a text that is like no other, with what is escaped in URLs, JSON and HTML."""
    number = id_text(new_id())
    return f"{name}-{number[:11]}\"<ü😀>&\\/ '{number[11:]}"


def hunted(canary: str) -> set[bytes]:
    """Return the spellings of a text of `unique`, and of its two halves."""
    head, _, tail = canary.partition('"<ü😀>')
    return spellings(canary) | spellings(head) | spellings(tail)


@dataclass
class Story:
    """What happened at the requests of one installation, what must be found nowhere, and every answer but one."""

    installation: Installation
    server: Server
    staff: Person
    records: Mapping[RecordKind, bytes]
    secrets: Canaries = field(default_factory=dict)
    links: Canaries = field(default_factory=dict)
    words: Canaries = field(default_factory=dict)
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)
    files_while_sealed: dict[str, bytes] = field(default_factory=dict)

    def tell(self) -> None:
        self.secrets["password"] = spellings(self.staff.password)
        with ExitStack() as stack:
            self.custodian, self.customer = (stack.enter_context(self.server.caller()) for _ in range(2))
            self.custodian.sign_in(self.staff)
            self.secrets["session"] = key_spellings(self.custodian.cookies["sharelink_session"])
            for template in (RequestTemplate.OWN, RequestTemplate.AWS_ROOT, RequestTemplate.TEXT):
                self.tell_of(template)

    def word(self, name: str) -> str:
        """Return a text that staff write."""
        text = unique(name)[:70]
        self.words[f"{name} {len(self.words)}"] = hunted(text)
        return text

    def note(self, what: str, answer: Answer) -> Answer:
        self.answers.append((what, answer))
        return answer

    def tell_of(self, template: RequestTemplate) -> None:
        submit_link, retrieval_link, address = self.ask(template)
        typed = self.typed(template)
        self.refused(submit_link, typed)
        self.errors(submit_link, retrieval_link, typed)
        assert self.note("submit", self.customer.post("/r/submit", {"link": submit_link} | typed)).status == 200
        assert self.note("again", self.customer.post("/r/submit", {"link": submit_link} | typed)).status == 409
        for kind in ("json", "text"):
            receipt = self.customer.post("/r/receipt", {"link": submit_link, "format": kind})
            assert self.note("receipt", receipt).status == 200
        self.files_while_sealed |= files_below(self.installation.files) | rows_of(self.installation)
        self.errors(submit_link, retrieval_link, typed)
        self.retrieve(retrieval_link, typed)
        self.judge(address, template)

    def ask(self, template: RequestTemplate) -> tuple[str, str, str]:
        kind = RecordKind.AWS_ROOT if template is RequestTemplate.AWS_ROOT else RecordKind.CREDENTIAL
        form = {
            "csrf_token": self.custodian.token("/account"),
            "form_id": id_text(new_id()),
            "record": id_text(self.records[kind]),
            "template": template.value,
            "purpose": self.word("purpose"),
            "label": self.word("label"),
            "submit_lifetime": "86400",
            "retrieve_lifetime": "86400",
            **{f"own_label_{row}": self.word(f"own label {row}") for row in range(3)},
            **{f"own_kind_{row}": kind for row, kind in enumerate(("password", "line", "text"))},
            **{f"own_required_{row}": "y" for row in range(3)},
        }
        assert self.note("refused", self.custodian.post("/request", form | {"purpose": "x" * 3000})).status == 422
        with faults.renamed("audit_leaf")(self.installation):
            assert self.note("no audit", self.custodian.post("/request", form)).status == 503
        asked = self.custodian.post("/request", form)
        assert asked.status == 201
        self.note("same form", self.custodian.post("/request", form))
        page = unescape(asked.text)
        submit_link, retrieval_link = (
            found[0]
            for found in (re.search(_LINK.format(path=path), page) for path in ("/r/", "/retrieve/"))
            if found is not None
        )
        for name, link in (("submit", submit_link), ("retrieval", retrieval_link)):
            token, key = link.rpartition("/")[2].split("#")
            self.links[f"{name} token {template}"] = spellings(token) | spellings(token.rpartition(".")[2])
            # What follows the submit key is the fingerprint of the public key, which is no secret.
            self.links[f"{name} key {template}"] = key_spellings(key[:43])
        found = re.search(r"/requests/[A-Za-z0-9_-]{22}", page)
        assert found is not None
        return submit_link, retrieval_link, found[0]

    def typed(self, template: RequestTemplate) -> dict[str, str]:
        """Return an answer with a canary in every field that takes one."""
        places = {RequestTemplate.OWN: (0, 1, 2), RequestTemplate.AWS_ROOT: (0, 1, 2, 4), RequestTemplate.TEXT: (0,)}
        typed = {f"field-{place}": unique(f"{template}-{place}") for place in places[template]}
        self.secrets |= {f"{template} {name}": hunted(text) for name, text in typed.items()}
        return typed

    def refused(self, submit_link: str, typed: dict[str, str]) -> None:
        form = {"link": submit_link} | typed
        first = next(iter(typed))
        for spoiled in (typed[first] + "\0", typed[first] * 2000, ""):
            answer = self.customer.post("/r/submit", form | {first: spoiled})
            assert self.note("refused", answer).status in {413, 422}
        assert self.note("own", self.custodian.post("/r/submit", form)).status == 403
        assert (
            self.note("foreign", self.customer.post("/r/submit", form, {"Sec-Fetch-Site": "cross-site"})).status == 403
        )
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
            assert self.note("kind", self.customer.post("/r/submit", form, {"Content-Type": kind})).status == 400

    def errors(self, submit_link: str, retrieval_link: str, typed: dict[str, str]) -> None:
        """Let everything go wrong that can, with the secrets in every place of a request."""
        token, key = submit_link.rpartition("/")[2].split("#")
        submit = {"link": submit_link} | typed
        retrieve = {"link": retrieval_link, "purpose": "take_into_custody"}
        retrieve |= {"ticket": self.word("refused ticket")} | typed
        headers = {"Referer": submit_link, "X-Link": retrieval_link, "Authorization": key, "User-Agent": "a phone"}
        for path in (f"/r/{token}/{key}", f"/r/{token}?key={key}", f"/{key}", f"/sign-in?next=/r/{token}%23{key}"):
            self.note("get", self.customer.get(path, headers))
        for path in ("/r/submit/more", "/nowhere", "/r/", "/retrieve/status/x"):
            assert self.note("nowhere", self.customer.post(path, submit)).status in {400, 404, 405}
        body = urllib.parse.urlencode(submit).encode()
        for raw in (body + b"&x=%FF", body + b"&x=\xff", body + b"&x=%4", body + b"&x=1" * 99, body + b"&" + body):
            self.raw(raw, len(raw))
        self.raw(body, len(body) + 9)
        for table in ("share", "secret_request", "audit_leaf", "audit_head"):
            with faults.renamed(table)(self.installation):
                self.note(table, self.customer.post("/r/submit", submit))
                self.note(table, self.custodian.post("/retrieve/reveal", retrieve))
                self.note(table, self.customer.post("/r/report", {"link": submit_link}))
        for path in ("/r/submit", "/r/status", "/r/receipt"):
            with impossible_time(self.installation):
                assert self.note("impossible", self.customer.post(path, submit)).status == 500
        with impossible_time(self.installation):
            assert self.note("impossible", self.custodian.post("/retrieve/reveal", retrieve)).status == 500
        for spoiled in ({"ticket": "x" * 200}, {"purpose": "curiosity"}):
            self.note("refused", self.custodian.post("/retrieve/reveal", retrieve | spoiled))
        assert self.note("signed out", self.customer.post("/retrieve/reveal", retrieve)).status == 403

    def retrieve(self, retrieval_link: str, typed: dict[str, str]) -> None:
        form = {"link": retrieval_link, "purpose": "take_into_custody"}
        form |= {"ticket": self.word("ticket")}
        assert self.note("look", self.custodian.post("/retrieve/status", {"link": retrieval_link})).status == 200
        shown = self.custodian.post("/retrieve/reveal", form)
        assert shown_answers(shown.text) == list(typed.values())
        # The one page that holds it; its headers are looked at like all others.
        self.answers.append(("retrieved", Answer(shown.status, shown.headers, b"")))
        assert self.note("retrieved again", self.custodian.post("/retrieve/reveal", form)).status == 410

    def judge(self, address: str, template: RequestTemplate) -> None:
        token = self.custodian.token("/account")
        form = {"csrf_token": token, "form_id": id_text(new_id())}
        if template is RequestTemplate.TEXT:
            form |= {"verdict": "wrong", "message": self.word("message")}
            # Its answer holds two new links, once.
            assert self.custodian.post(f"{address}/outcome", form).status == 201
        else:
            form |= {"verdict": "worked", "vault_reference": self.word("vault reference")}
            assert self.note("judged", self.custodian.post(f"{address}/outcome", form)).status == 303
        for path in (address, "/", f"/records/{id_text(self.records[RecordKind.CREDENTIAL])}"):
            assert self.note("page", self.custodian.get(path)).status == 200

    def raw(self, body: bytes, length: int) -> None:
        """Send a body that no browser sends, and read the answer."""
        head = b"POST /r/submit HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        with self.server.socket() as connection:
            with suppress(OSError):
                connection.sendall(head % (FORM.encode(), length) + body)
                connection.shutdown(1)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        # A body that stops short may also end without a word.
        assert not answer or answer.split(b" ", 2)[1] in {b"400", b"413"}
        self.answers.append(("raw", Answer(400, [], answer)))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def story_on(installation: Installation, **changes: object) -> Story:
    (server,) = installation.start(**LIMITS, **changes)
    asker, staff = installation.person("Ben"), installation.person("Anna")
    records = {kind: open_record(installation.unit_of_work, asker, kind=kind) for kind in RecordKind}
    return Story(installation, server, staff, records)


@pytest.mark.parametrize("log_format", ["text", "json"])
# What is written at info is written at debug, too.
@pytest.mark.parametrize("log_level", ["debug", pytest.param("info", marks=pytest.mark.soak)])
def test_no_field_of_an_answer_is_in_anything_that_the_service_writes_whatever_goes_wrong(
    new_installation: Installation, temporary: Path, log_format: str, log_level: str
) -> None:
    installation = new_installation
    story = story_on(installation, log_format=log_format, log_level=log_level, temporary_directory=temporary)
    journal = installation.files / "sharelink.db-journal"
    with Watch(temporary, journal=journal) as watch:
        story.tell()
    assert story.server.stop() == 0
    said = story.server.said()
    assert "/outcome" in said, "there is no access log to look at"
    assert ("OverflowError" in said) or ("ValueError" in said), "there is no traceback to look at"
    logs = {"output": said.encode()} | log_of_the_database(installation)
    stored = files_below(installation.files, temporary) | rows_of(installation)
    while_it_happened = watch.seen | story.files_while_sealed
    assert watch.seen or not installation.settings.embedded_database, "nobody saw the journal"
    assert found_in(logs | stored | while_it_happened, story.secrets | story.links) == []
    assert found_in(logs, story.words) == []
    assert list(temporary.iterdir()) == []


def test_no_field_of_an_answer_is_in_a_header_an_address_or_a_page_of_anybody_else(
    new_installation: Installation,
) -> None:
    story = story_on(new_installation)
    story.tell()
    assert {303, 400, 403, 404, 409, 410, 422, 500, 503} <= {answer.status for _what, answer in story.answers}
    headers, errors, others = {}, {}, {}
    for number, (what, answer) in enumerate(story.answers):
        place = f"{what}, answer {number} ({answer.status})"
        kept = [pair for pair in answer.headers if pair[0].lower() != "set-cookie"]
        headers[f"headers of {place}"] = repr(kept).encode()
        (others if answer.status in OWN_PAGES else errors)[f"page of {place}"] = answer.body
    assert found_in(headers, story.secrets | story.links | story.words) == []
    assert found_in(errors, story.secrets | story.links | story.words) == []
    typists = {place for place in others if any(f"({status})" in place for status in TYPISTS_PAGES)}
    typists |= {place for place in others if place.startswith("page of own,")}
    not_typed = {place: body for place, body in others.items() if place not in typists}
    assert found_in(not_typed, story.secrets) == []
    assert found_in({place: others[place] for place in typists}, {"password": story.secrets["password"]}) == []


@pytest.fixture(scope="module")
def quiet_server(installation: Installation) -> Iterator[Server]:
    (server,) = installation.start(**LIMITS)
    yield server
    server.stop()


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("size", [20, 19_000], ids=["short", "long"])
@pytest.mark.parametrize("end", ["retrieved", "cancelled"])
def test_the_sealed_answer_leaves_every_file_within_five_seconds_of_its_end(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, quiet_server: Server, size: int, end: str
) -> None:
    record = open_record(unit_of_work, staff)
    requests = [ask_secret(unit_of_work, staff, custody_id=record) for _ in range(4)]
    for number, asked in enumerate(requests):
        submit_answer(unit_of_work, asked.submit_link, str(number) * size)
    parts = set(pieces(kept_of(unit_of_work, requests[2])["outer_ciphertext"]))

    def left() -> list[str]:
        return found_in(files_below(installation.files), {"ciphertext": parts})

    assert left(), "the ciphertext was never there to begin with"
    with quiet_server.caller() as caller:
        caller.sign_in(staff)
        if end == "retrieved":
            assert shown_answers(caller.post(*retrieval(requests[2])).text) == ["2" * size]
        else:
            address = f"/requests/{id_text(requests[2].share_id)}/cancel"
            assert caller.submit(address, {"reason": "told by the test"}, form_page="/account").status == 303
        wait_until(lambda: not left(), GONE_SECONDS, "ciphertext was left in a file")
        # Its neighbours did not suffer.
        for number in (0, 1, 3):
            assert shown_answers(caller.post(*retrieval(requests[number])).text) == [str(number) * size]
