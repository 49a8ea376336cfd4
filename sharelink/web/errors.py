"""The one table from named facts to answers, rendered as a page or as its fragment."""

from collections.abc import Mapping
from dataclasses import replace

from flask import Flask, Response, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from structlog import get_logger
from werkzeug.exceptions import HTTPException, InternalServerError

from sharelink.accounts import errors as accounts
from sharelink.audit import errors as audit
from sharelink.crypto import errors as crypto
from sharelink.errors import (
    GivenUp,
    InvalidInput,
    OutcomeUnknown,
    PermissionDenied,
    SharelinkError,
    StorageUnavailable,
    UnsafeStart,
)
from sharelink.factors import errors as factors
from sharelink.jobs.noise import Refusal
from sharelink.keys import errors as keys
from sharelink.logs import current_request_id
from sharelink.monitors import errors as monitors
from sharelink.requests import errors as requests
from sharelink.shares import errors as shares
from sharelink.sso import errors as sso
from sharelink.tlog import errors as tlog
from sharelink.web.answers import (
    BROKEN_BODY,
    ENDED,
    FORBIDDEN,
    INVALID,
    LINK_UNAVAILABLE,
    NOT_FOUND,
    OUTCOME_UNKNOWN,
    PROOF_REJECTED,
    SIGNED_OUT,
    UNAVAILABLE,
    Answer,
)
from sharelink.web.cross_origin import ForeignOrigin
from sharelink.web.custody_answers import CUSTODY_ANSWERS
from sharelink.web.metrics import count_refusal
from sharelink.web.own_host import Misdirected
from sharelink.web.rate_limits import purpose_of
from sharelink.web.request_body import BodyBroken, BodyTooLarge
from sharelink.web.responses import page_or_fragment
from sharelink.web.wiring import wiring

LINK_ROUTES = ("/s/", "/r/", "/approve/", "/statement/", "/retrieve/")
_RETRY_STORAGE_SECONDS = 30

ANSWERS: Mapping[type[SharelinkError], Answer] = {
    **CUSTODY_ANSWERS,
    InvalidInput: INVALID,
    PermissionDenied: FORBIDDEN,
    StorageUnavailable: UNAVAILABLE,
    GivenUp: UNAVAILABLE,
    OutcomeUnknown: OUTCOME_UNKNOWN,
    audit.AuditUnavailable: UNAVAILABLE,
    audit.EventNotFound: NOT_FOUND,
    audit.LogEmpty: Answer(409, "Nothing has happened yet", "There is nothing to prove.", "Come back later."),
    audit.OriginUnchanged: Answer(
        409, "The log has this name already", "Nothing was changed.", "Give it another name in the settings first."
    ),
    UnsafeStart: Answer(503, "This service is not set up safely", "It refuses to work.", "Tell the support."),
    crypto.PasswordHashingBusy: Answer(
        503,
        "Too many people are signing in right now",
        "Nothing was decided and nothing was changed.",
        "Try again in half a minute.",
    ),
    crypto.SealBroken: UNAVAILABLE,
    crypto.KeyUnusable: UNAVAILABLE,
    crypto.KeyMissing: UNAVAILABLE,
    crypto.KeyWrappingFailed: UNAVAILABLE,
    crypto.MasterKeyMissing: UNAVAILABLE,
    crypto.FactorKeyMissing: UNAVAILABLE,
    crypto.WebhookKeyMissing: UNAVAILABLE,
    crypto.EpochKeyMissing: ENDED,
    keys.SealingKeyRetired: UNAVAILABLE,
    # No page rotates keys; should one ever meet these, it says that nothing was changed.
    keys.KeyVersionUnknown: UNAVAILABLE,
    keys.KeyInUse: UNAVAILABLE,
    keys.KeyStillNeeded: UNAVAILABLE,
    keys.KeyNotRotated: UNAVAILABLE,
    keys.KeyNotGiven: UNAVAILABLE,
    keys.KeyNotLost: UNAVAILABLE,
    keys.KeysOfAnother: UNAVAILABLE,
    crypto.TokenRejected: LINK_UNAVAILABLE,
    crypto.LinkKeyRejected: LINK_UNAVAILABLE,
    shares.LinkUnavailable: LINK_UNAVAILABLE,
    shares.ShareEnded: ENDED,
    shares.ShareDamaged: Answer(
        503,
        "This text cannot be opened",
        "The link is right, but what we stored does not open. Nothing was used up.",
        "Tell the sender, who can send a new link.",
    ),
    shares.CodeRefused: Answer(422, "The code is not right", "Nothing was used up.", "Check it and try again."),
    shares.ClientPaused: Answer(
        429,
        "Too many wrong codes",
        "Nothing was used up. To keep guessers out, we pause for a while.",
        "Check the code with the sender meanwhile.",
    ),
    shares.OwnShare: Answer(
        403,
        "You created this",
        "Only the recipient can reveal or decline it. Nothing was used up.",
        "To try it yourself, sign out first, or use another browser.",
    ),
    shares.ShareHeld: Answer(
        423,
        "This is on hold for now",
        "Somebody reported a problem, and it is being looked into. Nothing was used up and nothing is lost.",
        "Ask the sender when you can go on.",
    ),
    shares.ShareNotFound: NOT_FOUND,
    shares.ShareNotLocked: Answer(
        409, "This share is not locked", "It was unlocked already, or has ended.", "Look at it once more."
    ),
    shares.ShareReplaced: Answer(
        409, "This was sent again before", "It has a new link already. Nothing was changed.", "Look at its page."
    ),
    shares.ReportUnavailable: Answer(
        409,
        "This cannot be reported here",
        "It was reported before, is still waiting to be read, or ended more than 30 days ago.",
        "Tell the sender or the support directly.",
    ),
    shares.AlreadyCreated: Answer(
        409, "This was created before", "The same form was sent twice; one share was made.", "Look at its record."
    ),
    requests.StraySpace: INVALID,
    requests.RequestClosed: Answer(
        409, "This was answered before", "Or its time is over. Nothing was stored.", "Open your link once more."
    ),
    requests.RequestKeySwapped: Answer(
        409,
        "Stop: this form is not safe to use",
        "Your link names another key than the one we hold for it. What you typed was not stored.",
        "Tell the person who asked you, by a number that you already know. They will send you a new link.",
    ),
    requests.AnswerDamaged: Answer(
        503,
        "This answer cannot be opened",
        "The link is right, but what we stored was changed, or was not made with the customer's link. Nothing was"
        " used up.",
        "Tell whoever runs this service, and ask the customer again under a new link.",
    ),
    requests.NotAnswered: Answer(
        409, "Nothing was submitted yet", "The customer has not answered.", "Look at the request's page."
    ),
    requests.RequestNotAwaiting: Answer(
        409, "This does not wait for an answer any more", "Nothing was changed.", "Look at its page."
    ),
    requests.NotJudgeable: Answer(
        409, "This was said before", "Or the answer was not retrieved. Nothing was changed.", "Look at its page."
    ),
    accounts.SetUpLinkUnavailable: SIGNED_OUT,
    accounts.AccountNotFound: NOT_FOUND,
    accounts.AccountAlreadyDisabled: Answer(409, "The account is disabled already", "Nothing was changed."),
    accounts.LastAdministrator: Answer(
        409, "This is the last administrator", "Nothing was changed.", "Make somebody else administrator first."
    ),
    accounts.InvitationUnavailable: Answer(
        404,
        "This invitation does not work",
        "It was used, revoked or replaced, is older than a week, or is incomplete.",
        "Ask an administrator for a new one.",
    ),
    accounts.LocalSignInOff: Answer(
        403,
        "Sign in with your organisation",
        "Here people sign in only by their organisation's sign-in. An invitation waits for that; nothing was changed.",
        "Go to the sign-in page.",
    ),
    sso.SingleSignOnOff: NOT_FOUND,
    sso.SignOnRefused: Answer(403, "You were not signed in", "Nothing was changed.", "Begin again."),
    sso.ProviderUnavailable: Answer(
        503,
        "Your organisation's sign-in does not answer",
        "Without it we cannot know who you are. Nothing was changed.",
        "Try again in half a minute. If it goes on, tell whoever runs it.",
    ),
    accounts.GroupNotFound: NOT_FOUND,
    accounts.AlreadySo: Answer(409, "This is so already", "Nothing was changed.", "Look at the page once more."),
    accounts.ChangeWaits: Answer(
        409,
        "Another change of this person waits",
        "Nothing was changed.",
        "Let a second administrator decide that one first, or take it back.",
    ),
    accounts.ChangeUnavailable: Answer(
        409,
        "This change cannot be decided any more",
        "It was decided, taken back, or is void: something about the person or the group has changed since, or a week "
        "has passed. Nothing was changed now.",
        "Look at People, and propose it once more if it is still wanted.",
    ),
    accounts.OwnChange: Answer(
        403, "You proposed this yourself", "A second administrator must approve it.", "Ask a colleague."
    ),
    accounts.OwnFactors: Answer(
        409, "This is your own account", "Nothing was changed.", "Change your own factors on your account page."
    ),
    factors.PasskeyRefused: Answer(
        422, "The passkey was not accepted", "Nothing was changed.", "Go back and try once more."
    ),
    factors.PasskeysUnavailable: Answer(
        404, "Passkeys do not work at this address", "Browsers offer them only where the service has a name."
    ),
    factors.FactorNotFound: NOT_FOUND,
    factors.LastFactor: Answer(
        409,
        "This is your only second factor",
        "Nothing was changed. Without it you could not sign in any more.",
        "Add another one first.",
    ),
    factors.PasswordFirst: Answer(
        409,
        "Set a password first",
        "Codes of an app are asked for after a password, and your account has none. Nothing was changed.",
        "Set one on your account page.",
    ),
    factors.EnrolmentOver: Answer(
        409,
        "Your account has a second factor by now",
        "Nothing was changed. It may have been added in another window.",
        "Sign in again, and tell an administrator if it was not you.",
    ),
    monitors.MonitorTokenNotFound: NOT_FOUND,
    monitors.MonitorRefused: SIGNED_OUT,
    monitors.TileNotFound: NOT_FOUND,
    tlog.ProofRejected: PROOF_REJECTED,
    tlog.NoteMalformed: PROOF_REJECTED,
    tlog.SignatureRejected: PROOF_REJECTED,
    tlog.TreeMismatch: PROOF_REJECTED,
    ForeignOrigin: Answer(
        403,
        "This request came from another site",
        "Nothing was changed.",
        "Open the link again and use the form on its own page.",
    ),
    Misdirected: Answer(
        421,
        "There is nothing at this address",
        "This service answers under its own name only.",
        "Use the address that you were given.",
    ),
    BodyBroken: BROKEN_BODY,
    BodyTooLarge: Answer(
        413, "That is too much", "What you sent is larger than this form takes. Nothing was changed.", "Shorten it."
    ),
}

_BY_STATUS: Mapping[int, Answer] = {
    400: Answer(
        400, "The form is not valid any more", "Nothing was changed.", "Load the page again and try once more."
    ),
    404: NOT_FOUND,
    405: Answer(405, "That is not possible here", "The page exists, but not for this kind of request."),
    413: ANSWERS[BodyTooLarge],
    429: Answer(429, "That was a little too fast", "Nothing was changed or used up.", "Wait a moment, then try again."),
}
_NOISE: Mapping[type[SharelinkError], Refusal] = {
    accounts.SetUpLinkUnavailable: Refusal.LINK,
    accounts.InvitationUnavailable: Refusal.LINK,
    BodyBroken: Refusal.BODY,
    BodyTooLarge: Refusal.BODY,
    ForeignOrigin: Refusal.ORIGIN,
    Misdirected: Refusal.HOST,
}
"""What strangers do in vain: counted, not written one by one."""
_UNKNOWN = Answer(
    500, "Something went wrong on our side", "Nothing was shown. It was noted.", "Try again, or tell the support."
)


def answer_for(error: SharelinkError) -> Answer:
    """Return the answer of the table for an error's class or the nearest class above it."""
    for cls in type(error).__mro__:
        if cls in ANSWERS:
            return ANSWERS[cls]
    raise KeyError(type(error).__name__)


def install(app: Flask) -> None:
    """Answer every named fact and every HTTP error of `app` by the table.

    Registered on the application, because handlers of blueprints miss unknown addresses and wrong methods.
    """
    app.register_error_handler(SharelinkError, _named_fact)
    app.register_error_handler(HTTPException, _http_error)


def _named_fact(error: SharelinkError) -> Response:
    answer = answer_for(error)
    why = Refusal.LINK if answer is LINK_UNAVAILABLE else _NOISE.get(type(error))
    if why is not None:
        wiring().noise.refused(why)
    count_refusal(error)
    log = get_logger("sharelink.web")
    if answer.status >= 500:
        # The class names of the chain are enough to mend it; their texts could hold what a person typed.
        log.error("unavailable", code=error.code, cause=type(error.__cause__).__name__, detail=str(error))
    if isinstance(error, InvalidInput):
        answer = replace(answer, text=" ".join(error.fields.values()))
    retry = getattr(error, "wait_seconds", _RETRY_STORAGE_SECONDS if answer.status == 503 else None)
    return render_answer(answer, retry_after_seconds=retry)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RateLimitExceeded):
        wiring().noise.limited(purpose_of(error))
    if isinstance(error, CSRFError):
        wiring().noise.refused(Refusal.FORM)
    if isinstance(error, InternalServerError):
        get_logger("sharelink.web").error("unexpected", exc_info=error.original_exception or error)
    if isinstance(error, RateLimitExceeded):
        count_refusal(error)
    status = error.code or 500
    answer = _BY_STATUS.get(status, _UNKNOWN if status >= 500 else Answer(status, error.name, "Nothing was changed."))
    if status == 405 and request.path.startswith(LINK_ROUTES):
        answer = LINK_UNAVAILABLE
    retry = _retry_after(error)
    if status == 429 and retry is None:
        retry = 60
    response = render_answer(answer, retry_after_seconds=retry)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def render_answer(answer: Answer, *, retry_after_seconds: int | None = None) -> Response:
    """Render one answer of the table."""
    response = page_or_fragment(
        "errors/error.html",
        "errors/_error.html",
        answer.status,
        status=answer.status,
        title=answer.title,
        text=answer.text,
        next_step=answer.next_step,
        retry_after_seconds=retry_after_seconds if answer.status == 429 else None,
        # Where the person can do nothing: whoever runs the service finds the lines of this request by its number.
        request_id=current_request_id() if answer.status >= 500 else None,
        # Under another host's name there is no start page to go to.
        audience="public" if answer.status == 421 or request.path.startswith(LINK_ROUTES) else "",
    )
    if retry_after_seconds is not None:
        response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def _retry_after(error: HTTPException) -> int | None:
    if isinstance(error, RateLimitExceeded):
        # The whole window. Asking the store how much of it is left could fail, and an error page must not.
        return error.limit.limit.get_expiry()
    value = dict(error.get_headers()).get("Retry-After", "")
    return int(value) if value.isdigit() else None
