"""Files as CloudTrail exports them, and imports of them."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sharelink.acts import reconciling
from sharelink.acts.reconciling import TypedImport
from sharelink.cloudtrail.queries import Reconciliation, reconciliation
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "999988887777"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
MORNING = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
CSV_HEAD = ["Event ID", "Event time", "User name", "Event name", "Resource type", "Source IP address", "Error code"]


def event_id(number: int) -> str:
    return str(UUID(int=number + 1))


def sign_in(number: int, at: datetime = MORNING, *, result: str = "Success", **changed: Any) -> dict[str, Any]:
    """Return a root sign-in in the shape in which AWS documents it."""
    return {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "accountId": ACCOUNT,
            "accessKeyId": "",
        },
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.80",
        "userAgent": AGENT,
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": result},
        "additionalEventData": {
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAUsed": "Yes",
        },
        "eventID": event_id(number),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    } | changed


def other_event(number: int) -> dict[str, Any]:
    """Return what most of a trail's file consists of."""
    identity = {"type": "IAMUser", "accountId": ACCOUNT, "userName": "ci"}
    return sign_in(number, userIdentity=identity, eventName="RunInstances", responseElements=None)


def of_account(number: int, account: str) -> dict[str, Any]:
    return sign_in(number, userIdentity={"type": "Root", "accountId": account})


def records(events: Iterable[dict[str, Any]], *, indent: int | None = None) -> bytes:
    return json.dumps({"Records": list(events)}, indent=indent).encode()


def lines(events: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def looked_up(events: Iterable[dict[str, Any]]) -> bytes:
    """Return what `aws cloudtrail lookup-events` prints."""
    found = [{"EventId": event["eventID"], "CloudTrailEvent": json.dumps(event)} for event in events]
    return json.dumps({"Events": found, "NextToken": "abc"}, indent=4).encode()


def csv_file(rows: Iterable[list[str]], head: list[str] | None = None) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([head or CSV_HEAD, *rows])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def csv_row(number: int, at: datetime = MORNING, user: str = "root", error: str = "") -> list[str]:
    return [event_id(number), f"{at:%Y-%m-%dT%H:%M:%SZ}", user, "ConsoleLogin", "", "203.0.113.80", error]


def packed(content: bytes) -> bytes:
    return gzip.compress(content)


def bring_in(unit_of_work: UnitOfWork, person: Person, record: bytes, content: bytes, *, days: float = 30) -> None:
    """Bring a file in that covers the last days, until the last moment that is allowed."""
    until = unit_of_work.clock() - timedelta(minutes=15)
    typed = TypedImport(content, "events.json", until - timedelta(days=days), until)
    reconciling.bring_in(unit_of_work, person.actor, record, typed)


def found(unit_of_work: UnitOfWork, record: bytes) -> Reconciliation:
    with unit_of_work.read() as work:
        return reconciliation(work.session, record)
