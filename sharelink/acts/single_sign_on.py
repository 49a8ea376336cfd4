"""Signing in by a provider: off to it, back with a code, and in, with the roles and groups that its claims give.

The provider is asked outside of any transaction. A refusal is written down before it is told, with whatever the claims
take away done all the same: what a directory takes back is gone, also from browsers that are still signed in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.details import name_key, name_problem, normalised_name
from sharelink.accounts.errors import InvitationUnavailable
from sharelink.accounts.invitations import OpenInvitation, PresentedInvitation
from sharelink.accounts.models import NAME_MAX, Account
from sharelink.accounts.passwords import NO_PASSWORD
from sharelink.accounts.queries import Viewer, active_administrators, groups_for_choice
from sharelink.accounts.sessions import BrowserKeys, StartedSession
from sharelink.accounts.stages import ProviderWord, SignInProof
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor, ActorKind
from sharelink.acts.administering import carry_out
from sharelink.acts.joining import note_new_member
from sharelink.audit.events import AuditEvent
from sharelink.crypto.sso_keys import PresentedFlow, new_flow_keys, presented_flow
from sharelink.sso.errors import Refusal, SignOnRefused
from sharelink.sso.models import FlowPurpose
from sharelink.sso.provider import LEEWAY, Claims, SingleSignOn
from sharelink.sso.service import Flow
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

ACTOR_NAME = "Single sign-on"


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send a browser, and the key for its cookie."""

    address: str = field(repr=False)
    browser_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser brings back from the provider. Nothing of it is proven yet."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str = ""
    has_error: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who is signed in, or has proven anew who they are. `wanted_path` is where they wanted to be."""

    started: StartedSession
    purpose: FlowPurpose
    wanted_path: str | None


def depart(
    unit_of_work: UnitOfWork,
    actor: Actor,
    sso: SingleSignOn,
    *,
    browser_key: str,
    wanted_path: str | None = None,
    viewer: Viewer | None = None,
) -> Departure:
    """Return where to send a browser to sign in, or, for a `viewer`, to prove anew who they are.

    Raises:
        ProviderUnavailable: the provider does not answer.
        StorageUnavailable: nothing was written.
    """
    keys = new_flow_keys(browser_key)
    address = sso.provider.authorization_address(
        state=keys.state.text,
        nonce=keys.nonce,
        verifier=keys.verifier,
        fresh=viewer is not None,
        now=unit_of_work.clock(),
    )
    with unit_of_work.write(actor) as work:
        work.sign_ons.begin(keys, account_id=viewer.account_id if viewer else None, wanted_path=wanted_path)
    return Departure(address, keys.browser.text)


def arrive(
    unit_of_work: UnitOfWork,
    actor: Actor,
    sso: SingleSignOn,
    answer: Answer,
    *,
    browser_key: str,
    browser: BrowserKeys,
    viewer: Viewer | None,
) -> Arrival:
    """Take a browser's answer from the provider; it works once, and only in the browser that left with it.

    Args:
        unit_of_work: what makes transactions.
        actor: the visitor, or the viewer.
        sso: single sign-on as this installation has it.
        answer: what the browser brought back.
        browser_key: the key of its cookie.
        browser: the session and device that it had.
        viewer: who is signed in there, if anybody is.

    Raises:
        SignOnRefused: nobody is signed in, nothing is proven.
        ProviderUnavailable: the provider does not answer; the way in begins anew.
        StorageUnavailable: nothing was decided.
    """
    presented = presented_flow(answer.state, browser_key)
    if presented is None:
        raise SignOnRefused(Refusal.FLOW, "no state, or no browser that left")
    with unit_of_work.write(actor) as work:
        flow = work.sign_ons.take(presented)
    if flow is None:
        raise SignOnRefused(Refusal.FLOW, "unknown, used or too old, or of another browser")
    if answer.has_error or answer.issuer not in {"", sso.issuer}:
        # A named issuer that is another one is a mix-up (RFC 9207).
        raise SignOnRefused(Refusal.DECLINED, "the provider declined")
    claims = _claims(unit_of_work, actor, sso, answer.code, presented)
    if flow.purpose is FlowPurpose.PROVE:
        started = _prove(unit_of_work, actor, sso, claims, flow=flow, viewer=viewer)
    else:
        started = _sign_in(unit_of_work, actor, sso, claims, browser)
    return Arrival(started, flow.purpose, flow.wanted_path)


def _claims(unit_of_work: UnitOfWork, actor: Actor, sso: SingleSignOn, code: str, presented: PresentedFlow) -> Claims:
    claims = None
    try:
        claims = sso.provider.claims(
            code=code, nonce=presented.nonce, verifier=presented.verifier, now=unit_of_work.clock()
        )
        sso.requirements.check(claims)
    except SignOnRefused as refused:
        # A code that the provider does not take can be made up by anybody, and is no event.
        if refused.refusal is not Refusal.CODE:
            with unit_of_work.write(actor) as work:
                account = None if claims is None else work.sign_ons.account_of(claims)
                work.sign_ons.tell_refused(refused.refusal, account, claims)
        raise
    return claims


def _sign_in(
    unit_of_work: UnitOfWork, actor: Actor, sso: SingleSignOn, claims: Claims, browser: BrowserKeys
) -> StartedSession:
    # What changes is the directory's doing, not the visitor's.
    directory = Actor(ActorKind.SYSTEM, name=ACTOR_NAME, ip=actor.ip, agent=actor.agent)
    started = None
    with unit_of_work.write(directory) as work:
        account, refusal = _admitted(work, sso, claims)
        if account is not None and refusal is None:
            work.sign_ons.note_use(claims)
            word = ProviderWord(claims.methods, claims.authenticated_at if sso.requirements.are_strong else None)
            started = work.accounts.sessions.start_full(account, SignInProof.SSO, browser, word)
        else:
            refusal = refusal or Refusal.PERSON
            work.sign_ons.tell_refused(refusal, account, claims)
    if started is None:
        raise SignOnRefused(refusal or Refusal.PERSON, "the person is not let in")
    return started


def _prove(
    unit_of_work: UnitOfWork, actor: Actor, sso: SingleSignOn, claims: Claims, *, flow: Flow, viewer: Viewer | None
) -> StartedSession:
    if viewer is None or viewer.account_id != flow.account_id or not sso.requirements.are_strong:
        raise SignOnRefused(Refusal.FLOW, "nobody is signed in here who asked for this")
    started, refusal = None, Refusal.FLOW
    with unit_of_work.write(actor) as work:
        account = work.accounts.sign_ins.active_account(viewer.account_id)
        proven_by = work.sign_ons.account_of(claims)
        if account is None or proven_by is None or proven_by.id != account.id:
            refusal = Refusal.OTHER_PERSON
        elif claims.authenticated_at is None or claims.authenticated_at < flow.began_at - LEEWAY:
            refusal = Refusal.METHODS
        else:
            work.sign_ons.note_use(claims)
            word = ProviderWord(claims.methods, work.now)
            started = work.accounts.sessions.go_on(viewer.session_hash, SignInProof.SSO, word)
        if account is not None and started is not None:
            facts = {"proof": SignInProof.SSO.value}
            work.accounts.chains.append(AuditEvent.AUTH_PROVEN_AGAIN, account, facts=facts)
        else:
            work.sign_ons.tell_refused(refusal, account, claims)
    if started is None:
        raise SignOnRefused(refusal, "the proof is not the viewer's, or not fresh")
    return started


def _admitted(work: Work, sso: SingleSignOn, claims: Claims) -> tuple[Account | None, Refusal | None]:
    """Return whose sign-in this is, with the roles and groups of today, and why it is refused, if it is."""
    # Before any account: locks are taken in one order everywhere.
    work.accounts.administration.take_turn()
    account = work.sign_ons.account_of(claims)
    if account is None:
        try:
            account = _first_time(work, sso, claims)
        except SignOnRefused as refused:
            return None, refused.refusal
    if account.disabled_at is not None or account.is_break_glass:
        return account, Refusal.PERSON
    return account, _apply_map(work, sso, account, claims)


def _first_time(work: Work, sso: SingleSignOn, claims: Claims) -> Account:
    """Return the account of an identity that has none yet: one that waits for it, or a new one.

    Raises:
        SignOnRefused: there is none, and none is made; nothing was changed.
    """
    email = work.sign_ons.first_address(claims)
    account = work.sign_ons.waiting_account(email)
    if account is None:
        account = _joined(work, sso, claims, email)
    work.sign_ons.link(account, claims)
    return account


def _joined(work: Work, sso: SingleSignOn, claims: Claims, email: str) -> Account:
    presented, invitation = _invitation(work, email)
    if invitation is None and not sso.joins_just_in_time:
        raise SignOnRefused(Refusal.PERSON, "nobody invited this address")
    invited_roles = invitation.roles if invitation else frozenset[Role]()
    wanted = (invited_roles - sso.role_map.owned_roles) | sso.role_map.roles(claims)
    policy = work.account_policy
    if wanted and policy.roles_problem(wanted) is not None:
        raise SignOnRefused(Refusal.POLICY, "one person may not have these roles together")
    # What takes two administrators comes after the account is there for them to see.
    roles = wanted - ({Role.ADMINISTRATOR} - invited_roles) if policy.separation_of_duties else wanted
    if not roles:
        raise SignOnRefused(Refusal.NO_ROLE, "no role follows from the claims")
    name = normalised_name(claims.name)
    if presented is not None:
        try:
            work.accounts.invitations.use(presented)
        except InvitationUnavailable:
            raise SignOnRefused(Refusal.PERSON, "the invitation was used just now") from None
    account_id = work.accounts.create_account(
        email[:NAME_MAX] if name_problem(name) else name,
        email,
        roles,
        invitation.group_names if invitation else (),
        NO_PASSWORD,
    )
    account = work.accounts.administration.account(account_id)
    if invitation is not None:
        work.accounts.invitations.note_joined(invitation.id, account)
    note_new_member(work, account_id)
    return account


def _invitation(work: Work, email: str) -> tuple[PresentedInvitation | None, OpenInvitation | None]:
    presented = work.accounts.invitations.waiting_for(email)
    if presented is None:
        return None, None
    try:
        return presented, work.accounts.invitations.open_one(presented)
    except InvitationUnavailable:
        return None, None


def _apply_map(work: Work, sso: SingleSignOn, account: Account, claims: Claims) -> Refusal | None:
    """Give the account the roles and groups of its claims, take away the others that the map owns, or say why not.

    What is taken away is so even when the sign-in is refused.
    """
    role_map = sso.role_map
    held = work.accounts.administration.roles_of(account.id)
    wanted = (held - role_map.owned_roles) | role_map.roles(claims)
    missing, superfluous, stays = _groups_to_change(work, sso, account, claims)
    _change_groups(work, account, ChangeKind.REMOVE_MEMBER, superfluous)
    if not wanted:
        work.accounts.administration.end_sessions(account.id)
        return Refusal.NO_ROLE
    if Role.ADMINISTRATOR in held - wanted and active_administrators(work.session) == {account.id}:
        return Refusal.LAST_ADMINISTRATOR
    given, refusal = wanted, None
    if work.account_policy.roles_problem(wanted) is not None:
        given, refusal = held & wanted, Refusal.POLICY
    elif work.account_policy.separation_of_duties and (waits := _what_takes_two(wanted - held, missing, stays)):
        given, refusal = wanted - waits, Refusal.SECOND_ADMINISTRATOR
    if given and given != held:
        carry_out(work, ChangeRequest(ChangeKind.SET_ROLES, account.id, roles=given))
    if work.account_policy.separation_of_duties and missing:
        return refusal or Refusal.SECOND_ADMINISTRATOR
    if refusal is None:
        _change_groups(work, account, ChangeKind.ADD_MEMBER, missing)
    return refusal


def _what_takes_two(new_roles: frozenset[Role], missing: list[str], stays: bool) -> frozenset[Role]:
    """Return which of the new roles take a second administrator while separation of duties is on (docs/adr/0010)."""
    return new_roles & ({Role.ADMINISTRATOR, Role.CUSTODIAN} if missing or stays else {Role.ADMINISTRATOR})


def _groups_to_change(
    work: Work, sso: SingleSignOn, account: Account, claims: Claims
) -> tuple[list[str], list[str], bool]:
    """Return the groups that the account has to join and to leave, and whether it stays in any."""
    member_of = work.accounts.chains.groups_of(account.id)
    present = {name_key(group.name): group.name for group in groups_for_choice(work.session, member_of)}
    mapped = {name_key(normalised_name(name)): name for name in sorted(sso.role_map.groups(claims))}
    owned = {name_key(normalised_name(name)) for name in sso.role_map.owned_groups}
    missing = [name for key, name in mapped.items() if key not in present]
    superfluous = [name for key, name in present.items() if key in owned and key not in mapped]
    return missing, superfluous, len(superfluous) < len(present)


def _change_groups(work: Work, account: Account, kind: ChangeKind, names: Iterable[str]) -> None:
    for name in names:
        carry_out(work, ChangeRequest(kind, account.id, group_id=work.accounts.groups.found_or_made(name)))
