"""Which route asks for what: the table that `test_permissions` walks with every role and every group."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sharelink.accounts.permissions import Permission
from sharelink.accounts.stages import Stage

OPEN = {
    # What anybody may ask for, and why nobody has to be signed in.
    ("GET", "/static/<path:filename>"): "style sheets and scripts",
    ("GET", "/healthz"): "tells nothing but that the process lives",
    ("GET", "/readyz"): "tells names of parts, no values",
    ("GET", "/audit/checkpoint"): "a monitor token or an auditor's session is the authority",
    ("GET", "/audit/tile/<path:tile_path>"): "a monitor token or an auditor's session is the authority",
    ("GET", "/metrics"): "asks for the monitor's token itself; without it, there is no such page",
    ("GET", "/s/<token>"): "one static page",
    ("POST", "/s/status"): "the key in the body is the authority",
    ("POST", "/s/reveal"): "the key in the body is the authority",
    ("POST", "/s/decline"): "the key in the body is the authority",
    ("POST", "/s/report"): "the key in the body is the authority",
    ("POST", "/s/displayed"): "the receipt is the authority",
    ("POST", "/s/stored"): "the receipt is the authority",
    ("POST", "/s/receipt"): "the key, or the receipt, in the body is the authority",
    ("GET", "/r/<token>"): "one static page",
    ("POST", "/r/status"): "the key in the body is the authority",
    ("POST", "/r/submit"): "the key in the body is the authority",
    ("POST", "/r/receipt"): "the key in the body is the authority",
    ("POST", "/r/report"): "the key in the body is the authority",
    ("GET", "/statement/<token>"): "one static page",
    ("POST", "/statement/read"): "the key in the body is the authority",
    ("POST", "/statement/confirm"): "the key in the body is the authority",
    ("POST", "/statement/report"): "the key in the body is the authority",
    ("POST", "/statement/bundle"): "the key in the body is the authority",
    ("POST", "/statement/receipt"): "the key in the body is the authority",
    ("GET", "/retrieve/<token>"): "one static page",
    ("POST", "/retrieve/status"): "tells nothing without key and sign-in; test_retrievals walks the roles",
    ("POST", "/retrieve/reveal"): "tells nothing without key, sign-in and password; test_retrievals walks the roles",
    ("GET", "/approve/<token>"): "one static page",
    ("POST", "/approve/status"): "the key in the body is the authority",
    ("POST", "/approve/code"): "the key in the body is the authority",
    ("POST", "/approve/decide"): "key and code in the body are the authority",
    ("GET", "/set-up"): "one form, the same for everybody",
    ("POST", "/set-up"): "the key in the body is the authority",
    ("GET", "/join"): "one form, the same for everybody",
    ("POST", "/join"): "the link in the body is the authority",
    ("POST", "/join/passkey/challenge"): "the link in the body is the authority",
    ("GET", "/sign-in"): "the way in",
    ("POST", "/sign-in"): "the way in",
    ("POST", "/sign-in/passkey"): "the way in",
    ("POST", "/sign-in/passkey/challenge"): "a random number",
    ("GET", "/sign-in/second-step"): "the way in, after a password",
    ("GET", "/sign-in/sso"): "the way in, off to the provider",
    ("GET", "/sign-in/sso/callback"): "the state that this browser left with is the authority",
    ("GET", "/sign-in/sso/failed"): "tells a kind of reason, the same for everybody",
    ("POST", "/sign-in/second-step"): "the way in, after a password",
}


@dataclass(frozen=True)
class Guarded:
    """What a route asks for.

    `of_group`: it acts on an object of one group, so the group decides too. `fresh`: only for people who have proven
    lately who they are. `also`: the half signed-in who may use it as well.
    """

    permission: Permission
    of_group: bool = False
    form: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    also: frozenset[Stage] = frozenset()


_NEW_RECORD = {"kind": "credential", "customer": "Example GmbH", "group": "{group}"}
_SEND = {"form_id": "{new}", "record": "{record}", "secret": "x", "lifetime": "3600", "code_waiver_reason": "a test"}
_SEND_ON_NEW = _SEND | {
    "record": "new",
    "new_kind": "credential",
    "new_customer": "Example GmbH",
    "new_group": "{group}",
}

_UPKEEP = Guarded(Permission.CUSTODY_UPKEEP, of_group=True)
_FIRST = frozenset({Stage.ENROLMENT})
_ENROLMENT = Guarded(Permission.OWN_ACCOUNT, also=_FIRST)
_ADDING = Guarded(Permission.OWN_ACCOUNT, fresh=True, also=_FIRST)
_ASK = {
    "form_id": "{new}",
    "record": "{record}",
    "template": "text",
    "purpose": "a test",
    "submit_lifetime": "86400",
    "retrieve_lifetime": "86400",
}

GUARDED: dict[tuple[str, str], tuple[Guarded, ...]] = {
    ("GET", "/"): (Guarded(Permission.OWN_ACCOUNT),),
    ("GET", "/account"): (Guarded(Permission.OWN_ACCOUNT),),
    ("POST", "/account"): (Guarded(Permission.OWN_ACCOUNT),),
    ("POST", "/account/password"): (Guarded(Permission.OWN_ACCOUNT, fresh=True),),
    ("GET", "/account/security"): (Guarded(Permission.OWN_ACCOUNT),),
    ("POST", "/account/security/seen"): (Guarded(Permission.OWN_ACCOUNT),),
    ("POST", "/account/sessions/<reference>/end"): (Guarded(Permission.OWN_ACCOUNT),),
    ("POST", "/account/sessions/end-others"): (Guarded(Permission.OWN_ACCOUNT),),
    ("GET", "/sign-in/sso/prove"): (Guarded(Permission.OWN_ACCOUNT),),
    ("GET", "/sign-in/sso/proven"): (Guarded(Permission.OWN_ACCOUNT),),
    ("GET", "/account/enrol"): (_ENROLMENT,),
    ("GET", "/account/factors/passkey"): (_ENROLMENT,),
    ("POST", "/account/factors/passkey/challenge"): (_ADDING,),
    ("POST", "/account/factors/passkey"): (_ADDING,),
    ("POST", "/account/factors/app/new"): (_ADDING,),
    ("GET", "/account/factors/app"): (_ENROLMENT,),
    ("POST", "/account/factors/app"): (_ADDING,),
    ("POST", "/account/factors/recovery-codes"): (Guarded(Permission.OWN_ACCOUNT, fresh=True),),
    ("POST", "/account/factors/app/remove"): (Guarded(Permission.OWN_ACCOUNT, fresh=True),),
    ("POST", "/account/factors/passkey/<passkey_text>/remove"): (Guarded(Permission.OWN_ACCOUNT, fresh=True),),
    ("GET", "/people"): (Guarded(Permission.ACCOUNT_LIST),),
    ("GET", "/people/<account_text>"): (Guarded(Permission.ACCOUNT_LIST),),
    ("POST", "/people/<account_text>/roles"): (
        Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True, form={"roles": "auditor"}),
    ),
    ("POST", "/people/<account_text>/end-sessions"): (Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True),),
    ("POST", "/people/<account_text>/reset-factors"): (Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True),),
    ("POST", "/people/<account_text>/disable"): (Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True),),
    ("POST", "/people/<account_text>/enable"): (Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True),),
    ("GET", "/people/invite"): (Guarded(Permission.ACCOUNT_ADMINISTER),),
    ("POST", "/people/invite"): (
        Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True, form={"email": "new@example.com", "roles": "staff"}),
    ),
    ("POST", "/people/invitations/<invitation_text>/revoke"): (Guarded(Permission.ACCOUNT_ADMINISTER),),
    ("POST", "/people/changes/<change_text>/approve"): (
        Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True, form={"digest": "00" * 32}),
    ),
    ("POST", "/people/changes/<change_text>/refuse"): (Guarded(Permission.ACCOUNT_ADMINISTER),),
    ("GET", "/groups"): (Guarded(Permission.GROUP_READ),),
    ("POST", "/groups"): (Guarded(Permission.ACCOUNT_ADMINISTER, form={"name": "Another group"}),),
    ("GET", "/groups/<group_text>"): (Guarded(Permission.GROUP_READ, of_group=True),),
    ("POST", "/groups/<group_text>/members/add"): (
        Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True, form={"person": "{person}"}),
    ),
    ("POST", "/groups/<group_text>/members/remove"): (
        Guarded(Permission.ACCOUNT_ADMINISTER, fresh=True, form={"person": "{person}"}),
    ),
    ("GET", "/records"): (Guarded(Permission.RECORD_READ),),
    ("GET", "/records/<record_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("GET", "/records/new"): (Guarded(Permission.RECORD_EDIT),),
    ("POST", "/records/new"): (Guarded(Permission.RECORD_EDIT, of_group=True, form=_NEW_RECORD),),
    ("GET", "/records/<record_text>/edit"): (Guarded(Permission.RECORD_EDIT, of_group=True),),
    ("POST", "/records/<record_text>/edit"): (
        Guarded(Permission.RECORD_EDIT, of_group=True, form=_NEW_RECORD | {"version": "1"}),
    ),
    ("POST", "/records/<record_text>/archive"): (Guarded(Permission.RECORD_EDIT, of_group=True),),
    ("POST", "/records/<record_text>/restore"): (Guarded(Permission.RECORD_EDIT, of_group=True),),
    ("GET", "/records/<record_text>/steps/<step>"): (Guarded(Permission.CUSTODY_STEP, of_group=True),),
    ("POST", "/records/<record_text>/steps/<step>"): (Guarded(Permission.CUSTODY_STEP, of_group=True),),
    ("GET", "/records/<record_text>/stops/<stop>"): (Guarded(Permission.CUSTODY_STOP, of_group=True),),
    ("POST", "/records/<record_text>/stops/<stop>"): (Guarded(Permission.CUSTODY_STOP, of_group=True),),
    ("GET", "/records/<record_text>/verify"): (Guarded(Permission.CUSTODY_VERIFY, of_group=True),),
    ("POST", "/records/<record_text>/verify"): (Guarded(Permission.CUSTODY_VERIFY, of_group=True),),
    ("POST", "/records/<record_text>/proposals/<proposal_text>/confirm"): (
        Guarded(Permission.CUSTODY_CONFIRM, of_group=True, fresh=True, form={"digest": "00" * 32}),
    ),
    ("POST", "/records/<record_text>/proposals/<proposal_text>/refuse"): (
        Guarded(Permission.CUSTODY_CONFIRM, of_group=True),
    ),
    ("GET", "/records/<record_text>/contacts/new"): (_UPKEEP,),
    ("POST", "/records/<record_text>/contacts/new"): (_UPKEEP,),
    ("POST", "/records/<record_text>/contacts/<contact_text>/ask-again"): (_UPKEEP,),
    ("POST", "/records/<record_text>/contacts/<contact_text>/remove"): (_UPKEEP,),
    ("GET", "/records/<record_text>/terms"): (_UPKEEP,),
    ("POST", "/records/<record_text>/terms"): (_UPKEEP,),
    ("GET", "/records/<record_text>/items/new"): (_UPKEEP,),
    ("POST", "/records/<record_text>/items/new"): (_UPKEEP,),
    ("GET", "/records/<record_text>/items/<item_text>"): (_UPKEEP,),
    ("POST", "/records/<record_text>/items/<item_text>"): (_UPKEEP,),
    ("GET", "/records/<record_text>/items/<item_text>/check"): (_UPKEEP,),
    ("POST", "/records/<record_text>/items/<item_text>/check"): (_UPKEEP,),
    ("GET", "/records/<record_text>/items/<item_text>/remove"): (_UPKEEP,),
    ("POST", "/records/<record_text>/items/<item_text>/remove"): (_UPKEEP,),
    ("GET", "/records/<record_text>/policy"): (_UPKEEP,),
    ("POST", "/records/<record_text>/policy"): (_UPKEEP,),
    ("GET", "/records/<record_text>/calendar/<kind>"): (_UPKEEP,),
    ("POST", "/records/<record_text>/calendar/<kind>"): (_UPKEEP,),
    ("GET", "/records/<record_text>/calendar/<kind>/done"): (_UPKEEP,),
    ("POST", "/records/<record_text>/calendar/<kind>/done"): (_UPKEEP,),
    ("GET", "/records/<record_text>/statement"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/records/<record_text>/statement/bundle"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/records/<record_text>/receipt"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/shares/<share_text>/receipt"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/requests/<request_text>/receipt"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("GET", "/records/<record_text>/statement/links"): (Guarded(Permission.STATEMENT_SHARE, of_group=True),),
    ("POST", "/records/<record_text>/statement/links"): (
        Guarded(Permission.STATEMENT_SHARE, of_group=True, form={"contact": "{new}", "lifetime": "604800"}),
    ),
    ("POST", "/records/<record_text>/statement/links/<link_text>/revoke"): (
        Guarded(Permission.STATEMENT_SHARE, of_group=True),
    ),
    ("GET", "/records/<record_text>/sign-ins"): (Guarded(Permission.RECORD_READ, of_group=True),),
    # The record of the walk names no AWS account, and has no mismatch: 409 says so to those who may.
    ("GET", "/records/<record_text>/sign-ins/import"): (_UPKEEP,),
    ("POST", "/records/<record_text>/sign-ins/import"): (_UPKEEP,),
    ("GET", "/records/<record_text>/sign-ins/<mismatch_text>/explain"): (_UPKEEP,),
    ("POST", "/records/<record_text>/sign-ins/<mismatch_text>/explain"): (_UPKEEP,),
    ("GET", "/shares/<share_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/shares/<share_text>/unlock"): (Guarded(Permission.SHARE_SEND, of_group=True),),
    ("POST", "/shares/<share_text>/withdraw"): (
        Guarded(Permission.SHARE_SEND, of_group=True, form={"reason": "a test"}),
    ),
    ("GET", "/request"): (Guarded(Permission.REQUEST_CREATE),),
    ("POST", "/request"): (Guarded(Permission.REQUEST_CREATE, of_group=True, form=_ASK),),
    ("POST", "/request/records"): (Guarded(Permission.REQUEST_CREATE),),
    ("GET", "/requests/<request_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/requests/<request_text>/cancel"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/reminded"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/again"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/outcome"): (Guarded(Permission.REQUEST_RETRIEVE, of_group=True),),
    ("GET", "/records/<record_text>/uses"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("GET", "/records/<record_text>/uses/new"): (Guarded(Permission.ACCESS_DECLARE, of_group=True),),
    ("POST", "/records/<record_text>/uses/new"): (Guarded(Permission.ACCESS_DECLARE, of_group=True),),
    ("GET", "/records/<record_text>/uses/break-glass"): (Guarded(Permission.ACCESS_DECLARE, of_group=True),),
    ("POST", "/records/<record_text>/uses/break-glass"): (
        Guarded(Permission.ACCESS_DECLARE, of_group=True, fresh=True),
    ),
    ("GET", "/uses/<use_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    # An empty form is sent back by those who may, so that the use stays as it is for the next.
    ("POST", "/uses/<use_text>/decide"): (Guarded(Permission.ACCESS_APPROVE, of_group=True, fresh=True),),
    # The use is a colleague's: 409, not 403, says so.
    ("POST", "/uses/<use_text>/withdraw"): (Guarded(Permission.ACCESS_DECLARE, of_group=True),),
    ("POST", "/uses/<use_text>/check-out"): (Guarded(Permission.ACCESS_DECLARE, of_group=True, fresh=True),),
    ("POST", "/uses/<use_text>/check-in"): (Guarded(Permission.ACCESS_REVIEW, of_group=True),),
    ("POST", "/uses/<use_text>/review"): (Guarded(Permission.ACCESS_REVIEW, of_group=True),),
    ("POST", "/records/<record_text>/hold/release"): (Guarded(Permission.HOLD_RELEASE, of_group=True),),
    ("GET", "/send"): (Guarded(Permission.SHARE_SEND),),
    ("POST", "/send"): (
        Guarded(Permission.SHARE_SEND, of_group=True, form=_SEND),
        Guarded(Permission.SHARE_SEND, of_group=True, form=_SEND_ON_NEW),
    ),
    ("POST", "/send/generate"): (Guarded(Permission.SHARE_SEND),),
    ("POST", "/send/qr"): (Guarded(Permission.SHARE_SEND),),
    ("POST", "/send/records"): (Guarded(Permission.SHARE_SEND),),
    ("GET", "/deliveries"): (Guarded(Permission.OUTBOX_ADMINISTER),),
    ("POST", "/deliveries/<delivery_text>/again"): (Guarded(Permission.OUTBOX_ADMINISTER),),
    ("GET", "/webhooks"): (Guarded(Permission.OUTBOX_ADMINISTER),),
    ("POST", "/webhooks"): (
        Guarded(
            Permission.OUTBOX_ADMINISTER, fresh=True, form={"name": "Tickets", "url": "https://tickets.example.com/x"}
        ),
    ),
    ("GET", "/webhooks/<webhook_text>"): (Guarded(Permission.OUTBOX_ADMINISTER),),
    ("POST", "/webhooks/<webhook_text>/test"): (Guarded(Permission.OUTBOX_ADMINISTER),),
    ("POST", "/webhooks/<webhook_text>/remove"): (Guarded(Permission.OUTBOX_ADMINISTER, fresh=True),),
    ("GET", "/audit/log"): (Guarded(Permission.AUDIT_READ),),
    ("POST", "/audit/log/export"): (Guarded(Permission.AUDIT_READ, form={"format": "csv"}),),
    ("GET", "/audit/log/verification"): (Guarded(Permission.AUDIT_READ),),
    ("POST", "/audit/log/verification"): (Guarded(Permission.AUDIT_READ),),
    ("GET", "/monitors"): (Guarded(Permission.MONITOR_ADMINISTER),),
    ("POST", "/monitors"): (
        Guarded(Permission.MONITOR_ADMINISTER, fresh=True, form={"name": "A monitor", "days": "90"}),
    ),
    ("POST", "/monitors/<token_text>/revoke"): (Guarded(Permission.MONITOR_ADMINISTER),),
    # Last: it ends the session that the others need.
    ("POST", "/sign-out"): (Guarded(Permission.OWN_ACCOUNT, also=frozenset({Stage.SECOND_FACTOR, Stage.ENROLMENT})),),
}
