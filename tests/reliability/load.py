"""People at work: some send, others reveal, decline and withdraw, until the service is gone or their time is over."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape

from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.link_tokens import TokenPurpose, verify_token
from sharelink.shares.links import parse_open_link
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Caller
from tests.attacks.servers import shown_secret
from tests.factories import Person
from tests.reliability.journals import Deed, Entry, Journal

BASE = "http://localhost"
SENDERS, RECIPIENTS = 3, 4
CODED_IN = 6
SHORT_IN = 5
SHORT_SECONDS = 2
WISHES = (*[Deed.REVEAL] * 5, *[Deed.DECLINE, Deed.WITHDRAW] * 2, None)
"""What recipients and senders want of a share; None leaves it alone."""
GONE = (OSError, http.client.HTTPException)


class Crowd:
    """The people of one installation; their sessions outlive its processes."""

    may_be_refused: frozenset[int] = frozenset()
    """What the service may answer when it can do nothing now; by default it always can."""

    def __init__(self, unit_of_work: UnitOfWork, sender: Person, record: bytes) -> None:
        self._unit_of_work = unit_of_work
        self._sender = sender
        self._record = id_text(record)
        self._cookies: dict[str, str] = {}
        self._token = ""
        self.answers: Counter[int] = Counter()

    def sign_in(self, port: int) -> None:
        """Sign the sender in, once for all their browsers."""
        with Caller(port) as caller:
            caller.sign_in(self._sender)
            self._token = caller.token("/account")
            self._cookies = caller.cookies

    @contextmanager
    def at_work(self, port: int, journal: Journal) -> Iterator[threading.Event]:
        """Let everybody work during the block; the event is set when somebody met what may never be."""
        over, wrong = threading.Event(), threading.Event()
        parts = [self._send] * SENDERS + [self._receive] * RECIPIENTS
        threads = [
            threading.Thread(target=self._work, args=(part, port, journal, over, wrong), daemon=True) for part in parts
        ]
        for thread in threads:
            thread.start()
        try:
            yield wrong
        finally:
            over.set()
            for thread in threads:
                thread.join(90)
            assert not wrong.is_set(), "somebody met an answer that may never be"

    def _work(
        self,
        part: Callable[[Caller, Journal], bool],
        port: int,
        journal: Journal,
        over: threading.Event,
        wrong: threading.Event,
    ) -> None:
        try:
            with Caller(port) as caller:
                caller.cookies = dict(self._cookies)
                while not over.is_set():
                    if not part(caller, journal):
                        time.sleep(0.005)
        except GONE:
            return
        except BaseException:
            wrong.set()
            raise

    def _send(self, caller: Caller, journal: Journal) -> bool:
        number = journal.ask()
        is_short, coded = number % SHORT_IN == 0, number % CODED_IN == 0
        secret = f"canary {number} {id_text(new_id())}"
        form = {
            "csrf_token": self._token,
            "form_id": id_text(new_id()),
            "record": self._record,
            "secret": secret,
            "lifetime": "other",
            "lifetime_seconds": str(SHORT_SECONDS if is_short else 86_400),
            **({"code_on": "y"} if coded else {"code_waiver_reason": "told by the test"}),
        }
        answer = caller.post("/send", form)
        self.answers[answer.status] += 1
        if answer.status in self.may_be_refused:
            assert secret not in answer.text
            return False
        assert answer.status == 201, answer.status
        link = parse_open_link(_field(answer.text, r'<textarea id="link"[^>]*>\n(.*?)</textarea>'))
        code = _field(answer.text, r'<input id="access-code"[^>]*value="([^"]*)"') if coded else ""
        ends_at = utc_now() + timedelta(seconds=SHORT_SECONDS if is_short else 86_400)
        journal.created(Entry(self._id_of(link.token), link, code, secret, ends_at, is_short))
        return True

    def _receive(self, caller: Caller, journal: Journal) -> bool:
        entry = journal.take()
        if entry is None:
            return False
        deed = random.choice(WISHES)
        if deed is not None:
            self.do(caller, entry, deed)
        return True

    def do(self, caller: Caller, entry: Entry, deed: Deed) -> int:
        """Ask for one deed, note it before and after, and return the status."""
        entry.asked.append(deed)
        link = {"link": entry.link.url(BASE), "code": entry.code}
        # A creator may withdraw, but not open or decline: those requests carry no session.
        caller.cookies = dict(self._cookies) if deed is Deed.WITHDRAW else {}
        if deed is Deed.WITHDRAW:
            fields = {"csrf_token": self._token, "reason": "told by the test"}
            answer = caller.post(f"/shares/{id_text(entry.share_id)}/withdraw", fields)
        elif deed is Deed.DECLINE:
            answer = caller.post("/s/decline", link | {"note": "not mine"})
        else:
            answer = caller.post("/s/reveal", link)
        self.answers[answer.status] += 1
        shown = shown_secret(answer.text)
        assert (entry.secret in answer.text) is (shown == entry.secret)
        entry.shown += shown == entry.secret
        if answer.status in {200, 303}:
            entry.acknowledged.append(deed)
        entry.was_over |= answer.status in {409, 410}
        return answer.status

    def _id_of(self, token: str) -> bytes:
        keys = self._unit_of_work.keyring.token_keys
        return verify_token(keys, TokenPurpose.OPEN, token, utc_now(), timedelta(days=365))[0]


def _field(page: str, pattern: str) -> str:
    found = re.search(pattern, page, re.DOTALL)
    assert found is not None, "the page does not show what it should"
    return unescape(found.group(1))
