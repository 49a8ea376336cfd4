"""Which button leads to the next step of a record, and which other steps there are from where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Viewer
from sharelink.custody.items import ItemLine
from sharelink.custody.next_steps import NextStep, StepCode
from sharelink.custody.queries import RecordDetail
from sharelink.custody.share_lines import ShareLine
from sharelink.custody.states import CustodyState, ItemKind
from sharelink.custody.transitions import states_after
from sharelink.shares.states import ShareKind, ShareState


@dataclass(frozen=True, slots=True)
class Way:
    """A button: where it leads, what it says, who may press it."""

    address: str
    text: str
    icon: str
    permission: Permission
    is_grave: bool = False


_WAYS: Mapping[StepCode, Way] = {
    StepCode.ADD_CONTACT: Way("/contacts/new", "Add a contact", "plus", Permission.CUSTODY_UPKEEP),
    StepCode.CONFIRM_CONTACT: Way("#proposals", "Look at what waits", "users", Permission.RECORD_READ),
    StepCode.BEGIN: Way("/steps/begin", "Begin the handover", "arrow-right", Permission.CUSTODY_STEP),
    StepCode.REQUEST: Way("/request?record=", "Request the secret", "inbox", Permission.REQUEST_CREATE),
    StepCode.AWAIT_ANSWER: Way("", "Look at the request", "inbox", Permission.RECORD_READ),
    StepCode.SEND: Way("/send?record=", "Send the new secret", "send", Permission.SHARE_SEND),
    StepCode.RETRIEVE: Way("", "Look at the answer", "inbox", Permission.RECORD_READ),
    StepCode.VERIFY: Way("/verify", "Verify the sign-in", "shield-check", Permission.CUSTODY_VERIFY),
    StepCode.ADD_ITEM: Way("/items/new", "Add an item", "plus", Permission.CUSTODY_UPKEEP),
    StepCode.CHECK_ITEM: Way("", "Note what you saw", "eye", Permission.CUSTODY_UPKEEP),
    StepCode.PROPOSE_ACTIVATION: Way("/steps/activate", "Take into custody", "vault", Permission.CUSTODY_STEP),
    StepCode.CONFIRM_PROPOSAL: Way("#proposals", "Look at what waits", "users", Permission.RECORD_READ),
    StepCode.REVIEW: Way("/calendar/review/done", "Note the review", "calendar-check", Permission.CUSTODY_UPKEEP),
    StepCode.DRILL: Way("/calendar/drill/done", "Note the drill", "calendar-check", Permission.CUSTODY_UPKEEP),
    StepCode.LIFT_HOLD: Way("#hold", "Look at the hold", "hand", Permission.RECORD_READ),
    StepCode.COMPLETE_RELEASE: Way("/steps/complete-release", "Complete the release", "check", Permission.CUSTODY_STEP),
    StepCode.CLOSE: Way("/steps/close", "Note the closure", "check", Permission.CUSTODY_STEP),
}
_OTHERS: Mapping[CustodyState, Way] = {
    CustodyState.RECEIVED: Way("/steps/receive", "The secret is here already", "key-round", Permission.CUSTODY_STEP),
    CustodyState.RELEASE_PENDING: Way("/steps/release", "Release: hand it back", "log-out", Permission.CUSTODY_STEP),
    CustodyState.CLOSING: Way("/steps/closing", "Close the account", "archive", Permission.CUSTODY_STEP),
    CustodyState.SUSPENDED: Way("/stops/suspend", "Suspend", "hand", Permission.CUSTODY_STOP, True),
    CustodyState.COMPROMISED: Way(
        "/stops/compromised", "Mark as compromised", "triangle-alert", Permission.CUSTODY_STOP, True
    ),
    CustodyState.ABANDONED: Way("/steps/abandon", "Abandon", "circle-x", Permission.CUSTODY_STEP, True),
}
_ROTATE = Way("/steps/rotate", "The secret was changed", "key-round", Permission.CUSTODY_STEP)
_ROTATING = frozenset({CustodyState.VERIFIED, CustodyState.ACTIVE})
_WAITING_SHARES = {StepCode.AWAIT_ANSWER: ShareState.AWAITING, StepCode.RETRIEVE: ShareState.SEALED}


def way_to(
    step: NextStep, record: RecordDetail, shares: Sequence[ShareLine], items: Sequence[ItemLine], viewer: Viewer
) -> Way | None:
    """Return the button of the next step, None if there is none or the viewer may not press it."""
    way = _WAYS.get(step.code)
    if way is None or not viewer.may(way.permission, record.group_id):
        return None
    return _with_address(way, _address(step, way, record, shares, items))


def other_ways(record: RecordDetail, viewer: Viewer) -> tuple[Way, ...]:
    """Return the further steps from where the record stands that the viewer may take."""
    if record.is_archived:
        return ()
    ways = [_OTHERS[state] for state in states_after(record.state) if state in _OTHERS]
    if record.state in _ROTATING:
        ways.insert(0, _ROTATE)
    return tuple(
        _with_address(way, f"/records/{record.id_text}{way.address}")
        for way in sorted(ways, key=lambda way: way.is_grave)
        if viewer.may(way.permission, record.group_id)
    )


def _address(
    step: NextStep, way: Way, record: RecordDetail, shares: Sequence[ShareLine], items: Sequence[ItemLine]
) -> str:
    page = f"/records/{record.id_text}"
    if step.code in _WAITING_SHARES:
        state = _WAITING_SHARES[step.code]
        waiting = (line for line in shares if line.kind is ShareKind.REQUEST and line.state is state)
        return next((line.address for line in waiting), f"{page}#shares")
    if step.code is StepCode.CHECK_ITEM:
        keys = (item for item in items if item.kind is ItemKind.ACCESS_KEYS)
        return next((f"{page}/items/{item.id_text}/check" for item in keys), f"{page}/items/new?kind=access_keys")
    if way.address.endswith("="):
        return way.address + record.id_text
    return way.address if way.address.startswith("#") else page + way.address


def _with_address(way: Way, address: str) -> Way:
    return Way(address, way.text, way.icon, way.permission, way.is_grave)
