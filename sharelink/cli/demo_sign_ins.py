"""Root sign-ins for the demonstration: a file as a customer's CloudTrail exports it, brought in and half explained."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from sharelink.acts import reconciling
from sharelink.acts.reconciling import TypedImport
from sharelink.cli.demo_cases import Case
from sharelink.cli.demo_stage import ADDRESSES, BROWSER
from sharelink.cloudtrail.queries import reconciliation
from sharelink.cloudtrail.states import SignInResult
from sharelink.crypto.identifiers import id_from_text

_OURS, _THEIRS, _STRANGER = ADDRESSES
_DECLARED_HOURS = (45 * 24 - 1.2, 8 * 24 - 1.75, 19.8)
_CUSTOMER_HOURS = 13 * 24 - 4.0
_STRANGER_HOURS = 3 * 24 + 2.0


def fill_with_sign_ins(case: Case) -> None:
    """Bring in what AWS recorded of the record's account: of its uses, one of the customer, one of a stranger."""
    stage, actor = case.team.stage, case.team.custodian.actor
    events = [_event(case, number, hours, _OURS) for number, hours in enumerate(_DECLARED_HOURS)]
    events.append(_event(case, 10, _CUSTOMER_HOURS, _THEIRS))
    events.append(_event(case, 11, _STRANGER_HOURS, _STRANGER, "Failure"))
    typed = TypedImport(
        content=json.dumps({"Records": events}).encode(),
        file_name="event_history.json",
        covers_from=stage.now - timedelta(days=60),
        covers_until=stage.now - timedelta(hours=1),
    )
    reconciling.bring_in(stage.ago(hours=0.25), actor, case.id, typed)
    with stage.unit_of_work.read() as work:
        mismatches = reconciliation(work.session, case.id).mismatches
    for mismatch in mismatches:
        if mismatch.sign_in is not None and mismatch.sign_in.result is SignInResult.SUCCESS:
            why = "The customer tried their own sealed envelope. They told us on the phone, and have written since."
            reconciling.explain(stage.ago(hours=0.2), actor, case.id, id_from_text(mismatch.id_text), why)


def _event(case: Case, number: int, hours: float, source: str, result: str = "Success") -> dict[str, object]:
    account_id = case.customer.aws_account_id
    at: datetime = case.team.stage.now - timedelta(hours=hours)
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "Root", "arn": f"arn:aws:iam::{account_id}:root", "accountId": account_id},
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": "us-east-1",
        "sourceIPAddress": source,
        "userAgent": BROWSER,
        "responseElements": {"ConsoleLogin": result},
        "additionalEventData": {"MFAUsed": "Yes" if result == "Success" else "No"},
        "eventID": str(UUID(int=number + 1)),
        "eventType": "AwsConsoleSignIn",
        "recipientAccountId": account_id,
    }
