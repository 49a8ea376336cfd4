"""One row of an export: whether it is a root sign-in, and what of it is kept. Believes nothing that it reads."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sharelink.cloudtrail.models import AGENT_MAX, SOURCE_MAX
from sharelink.cloudtrail.states import SignInResult

SIGN_IN_EVENT = "ConsoleLogin"
_EVENT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MFA: Mapping[object, bool] = {"Yes": True, "No": False}

CSV_COLUMNS = ("eventid", "eventtime", "username", "eventname")
"""Without these the console's CSV tells nothing; further ones are used if they are there."""


class BadRow(Exception):
    """A root sign-in, or what looks like one, that lacks something; the text is for a person."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One root sign-in as the file tells it. `account_id` is "" where the file does not say."""

    event_id: str
    at: datetime
    result: SignInResult
    mfa_used: bool | None
    source: str
    agent: str
    region: str
    account_id: str
    place: str


def json_sign_in(event: Mapping[str, Any], place: str) -> SignIn | None:
    """Return the root sign-in that an event is; None if it is something else.

    Raises:
        BadRow: it is no event, or one that lacks what every such event has.
    """
    name = event.get("eventName")
    if not isinstance(name, str):
        raise BadRow("This is no event of CloudTrail: it has no eventName.")
    if name != SIGN_IN_EVENT:
        return None
    identity = event.get("userIdentity")
    if not isinstance(identity, dict) or not isinstance(identity.get("type"), str):
        raise BadRow("This sign-in has no userIdentity.type.")
    if identity["type"] != "Root":
        return None
    account_id = identity.get("accountId")
    if not isinstance(account_id, str) or not re.fullmatch(r"[0-9]{12}", account_id):
        raise BadRow("This sign-in has no userIdentity.accountId of 12 digits.")
    answer = event.get("responseElements")
    said = answer.get(SIGN_IN_EVENT) if isinstance(answer, dict) else None
    if said not in ("Success", "Failure"):
        raise BadRow("This sign-in does not say whether it worked (responseElements.ConsoleLogin).")
    more = event.get("additionalEventData")
    used = more.get("MFAUsed") if isinstance(more, dict) else None
    return SignIn(
        event_id=_event_id(event.get("eventID")),
        at=_time(event.get("eventTime")),
        result=SignInResult.SUCCESS if said == "Success" else SignInResult.FAILURE,
        mfa_used=_MFA.get(used) if isinstance(used, str) else None,
        source=_printable(event.get("sourceIPAddress"), SOURCE_MAX),
        agent=_printable(event.get("userAgent"), AGENT_MAX),
        region=_region(event.get("awsRegion")),
        account_id=account_id,
        place=place,
    )


def csv_sign_in(row: Mapping[str, str], place: str) -> SignIn | None:
    """Return the root sign-in that a row of the console's CSV is; None if it is something else.

    The CSV has no kind of identity: the user that it calls "root" is taken for the root user.

    Raises:
        BadRow: it lacks what every such row has.
    """
    if row["eventname"].strip() != SIGN_IN_EVENT or row["username"].strip().casefold() != "root":
        return None
    failed = bool(row.get("errorcode", "").strip(" -"))
    return SignIn(
        event_id=_event_id(row["eventid"].strip()),
        at=_time(row["eventtime"].strip()),
        result=SignInResult.FAILURE if failed else SignInResult.UNKNOWN,
        mfa_used=None,
        source=_printable(row.get("sourceipaddress", ""), SOURCE_MAX),
        agent=_printable(row.get("useragent", ""), AGENT_MAX),
        region=_region(row.get("awsregion", "").strip()),
        account_id="",
        place=place,
    )


def _event_id(value: object) -> str:
    if not isinstance(value, str) or not _EVENT_ID.fullmatch(value):
        raise BadRow("This sign-in has no usable event ID.")
    return value.lower()


def _time(value: object) -> datetime:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise BadRow("This sign-in has no time with its zone, such as 2026-03-01T08:30:00Z.")


def _region(value: object) -> str:
    return value if isinstance(value, str) and _REGION.fullmatch(value) else ""


def _printable(value: object, maximum: int) -> str:
    """Return free text on one line. Whoever signs in writes their user agent: it must never make an import fail."""
    if not isinstance(value, str):
        return ""
    text = "".join("\ufffd" if unicodedata.category(sign) in _UNPRINTABLE else sign for sign in value[:maximum])
    return " ".join(text.split())
