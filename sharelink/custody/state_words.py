"""What lists call the state of a share: few words, truthful about what is not known, and how it is to be taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sharelink.requests.states import Verdict
from sharelink.shares.states import EndReason, ShareKind, ShareState


@dataclass(frozen=True, slots=True)
class ShareSituation:
    """Everything that decides the words for a share."""

    kind: ShareKind
    state: ShareState
    end_reason: EndReason | None
    is_held: bool
    is_opened: bool
    is_displayed: bool
    is_stored: bool
    was_answered: bool
    is_reminder_due: bool
    verdict: Verdict | None


Words = tuple[str, str]

_BURNED_SEND: Mapping[EndReason | None, Words] = {
    EndReason.DECLINED: ("Declined by the recipient", "bad"),
    EndReason.WITHDRAWN: ("Withdrawn unread", "warn"),
    EndReason.REPLACED: ("Replaced unread", "plain"),
}


def _sealed_send(share: ShareSituation) -> Words:
    if share.is_held:
        return "On hold", "warn"
    return ("Opened, not revealed", "plain") if share.is_opened else ("Not opened yet", "plain")


def _revealed_send(share: ShareSituation) -> Words:
    if share.is_stored:
        return "Revealed, recipient stored it", "done"
    return ("Revealed and shown", "done") if share.is_displayed else ("Revealed, delivery unconfirmed", "warn")


def _awaiting_request(share: ShareSituation) -> Words:
    if share.is_reminder_due:
        return "No answer yet, time to remind", "warn"
    return ("Opened, not answered yet", "plain") if share.is_opened else ("Waiting for the answer", "plain")


def _sealed_request(share: ShareSituation) -> Words:
    return ("Submitted, on hold", "warn") if share.is_held else ("Submitted, not retrieved yet", "warn")


def _revealed_request(share: ShareSituation) -> Words:
    if share.verdict is Verdict.WORKED:
        return "Retrieved, sign-in worked", "done"
    if share.verdict is Verdict.WRONG:
        return "Retrieved, was wrong", "bad"
    return ("Retrieved", "done") if share.is_displayed else ("Retrieved, delivery unconfirmed", "warn")


def _expired_request(share: ShareSituation) -> Words:
    return ("Answer expired unread", "bad") if share.was_answered else ("Not answered in time", "warn")


def _burned_request(share: ShareSituation) -> Words:
    if share.end_reason is EndReason.REPLACED:
        return "Asked again", "plain"
    return ("Answer erased unread", "warn") if share.was_answered else ("Cancelled", "plain")


_WORDS: Mapping[tuple[ShareKind, ShareState], Callable[[ShareSituation], Words]] = {
    (ShareKind.SEND, ShareState.SEALED): _sealed_send,
    (ShareKind.SEND, ShareState.LOCKED): lambda _share: ("Locked after wrong codes", "bad"),
    (ShareKind.SEND, ShareState.REVEALED): _revealed_send,
    (ShareKind.SEND, ShareState.EXPIRED): lambda _share: ("Expired unread", "warn"),
    (ShareKind.SEND, ShareState.BURNED): lambda share: _BURNED_SEND[share.end_reason],
    (ShareKind.REQUEST, ShareState.AWAITING): _awaiting_request,
    (ShareKind.REQUEST, ShareState.SEALED): _sealed_request,
    (ShareKind.REQUEST, ShareState.REVEALED): _revealed_request,
    (ShareKind.REQUEST, ShareState.EXPIRED): _expired_request,
    (ShareKind.REQUEST, ShareState.BURNED): _burned_request,
}


def state_words(share: ShareSituation) -> Words:
    """Return the words, and the tone: plain, done, warn or bad."""
    return _WORDS[share.kind, share.state](share)
