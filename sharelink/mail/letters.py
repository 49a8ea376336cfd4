"""What a letter is, and the exact message that leaves: headers by which tickets and mailboxes keep it in its place."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

SUBJECT_MAX = 150
LINE_MAX = 200

# RFC 5322 atoms and dots before the @, host names and dots after it: what mail servers agree on. No quotes.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class AddressUnusable(Exception):
    """A letter cannot go to this address: it is none, or would say more than an address in a header."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to one address. `reference` names the ticket; `thread` is the same for all letters of one record."""

    to: str
    subject: str
    text: str
    html: str
    reference: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: the address in From, the name beside it, and the domain that Message-IDs end in."""

    address: str
    name: str
    domain: str


def one_line(text: str, most: int = LINE_MAX) -> str:
    """Return `text` as one line that cannot be taken for anything else.

    No line ends, no control characters, and none that turn the direction of what follows; cut at `most` characters.
    """
    spaced = "".join(" " if unicodedata.category(character) in _UNSAFE else character for character in text)
    line = " ".join(spaced.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def checked_address(text: str) -> str:
    """Return `text` if it is one plain address.

    Raises:
        AddressUnusable: it is none, or more than one.
    """
    if _ADDRESS.fullmatch(text) is None or ".." in text or text.startswith(".") or ".@" in text:
        raise AddressUnusable("not an address")
    return text


def message_of(letter: Letter, sender: Sender, message_id: str, at: datetime) -> EmailMessage:
    """Return the message of a letter.

    Args:
        letter: what is written, and to whom.
        sender: who writes.
        message_id: stable for every try, so that a mailbox and a ticketing system see a repeat.
        at: when it was written.

    Raises:
        AddressUnusable: the letter's address cannot be used.
    """
    message = EmailMessage(policy=policy.SMTP)
    local, _at, domain = sender.address.rpartition("@")
    message["From"] = Address(one_line(sender.name, 80), local, domain)
    message["To"] = checked_address(letter.to)
    prefix = f"[{letter.reference}] " if letter.reference else ""
    message["Subject"] = prefix + one_line(letter.subject, SUBJECT_MAX)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    if letter.thread:
        first = f"<{letter.thread}@{sender.domain}>"
        message["In-Reply-To"] = first
        message["References"] = first
    # RFC 3834: nobody's holiday notice answers this.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message
