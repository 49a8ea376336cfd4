"""How one leaf is written for a sink: as a message after RFC 5424, or as a line of JSON. No personal field is in it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sharelink.tlog.signed_notes import base64_text

_PRIORITY = 13 * 8 + 6
"""Facility 13 (log audit), severity 6 (informational)."""
_APP_NAME = "sharelink"
_NIL = "-"
_BOM = b"\xef\xbb\xbf"
_ELEMENT = "sharelink@32473"
"""32473 is the enterprise number that RFC 5612 keeps for those that have none of their own."""
_MSGID_MAX = 32
_HOSTNAME_MAX = 255
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "]": "\\]"})


@dataclass(frozen=True, slots=True)
class SentLeaf:
    """One leaf, with what identifies it beside its exact bytes."""

    index: int
    rec: str
    rseq: int
    type: str
    at: datetime
    leaf: bytes
    leaf_hash: bytes


def syslog_message(sent: SentLeaf, hostname: str) -> bytes:
    """Return a leaf as an RFC 5424 message: where it stands in the structured data, its exact bytes as the text.

    Args:
        sent: the leaf.
        hostname: in whose name the log is signed.
    """
    parameters = {"index": sent.index, "rec": sent.rec, "rseq": sent.rseq, "leaf": base64_text(sent.leaf_hash)}
    element = " ".join(f'{name}="{str(value).translate(_ESCAPED)}"' for name, value in parameters.items())
    header = _header(sent.at, hostname, sent.type)
    # The text is JSON, so a line end within it can only be an escaped one.
    bom = b"" if sent.leaf.isascii() else _BOM
    return f"{header} [{_ELEMENT} {element}] ".encode("ascii") + bom + sent.leaf


def syslog_probe(hostname: str, at: datetime) -> bytes:
    """Return a message that only shows that the way works."""
    return f"{_header(at, hostname, 'sink.probe')} {_NIL} The audit log is sent here.".encode("ascii")


def json_line(sent: SentLeaf) -> bytes:
    """Return a leaf as one line: its index and hash, and its exact bytes as the value of `leaf`."""
    head = json.dumps({"index": sent.index, "leaf_hash": base64_text(sent.leaf_hash)}, separators=(",", ":"))
    return head.removesuffix("}").encode("ascii") + b',"leaf":' + sent.leaf + b"}\n"


def _header(at: datetime, hostname: str, message_id: str) -> str:
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = _printable(hostname, _HOSTNAME_MAX)
    return f"<{_PRIORITY}>1 {time} {name} {_APP_NAME} {_NIL} {_printable(message_id, _MSGID_MAX)}"


def _printable(text: str, most: int) -> str:
    kept = "".join(character for character in text if "!" <= character <= "~")
    return kept[:most] or _NIL
