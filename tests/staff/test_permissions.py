"""Every route by every role by every group membership, from the permission table.

A route that is neither in `GUARDED` nor in `OPEN` fails here, and so does one whose guard was taken away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import delete

from sharelink.accounts.models import AccountRole
from sharelink.accounts.permissions import PERMISSIONS, Permission, Scope
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.factors.queries import factors_of
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded, recorded_types
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, make_person_without_factors, send_secret
from tests.fakes import MovableClock

OUR_GROUP, OTHER_GROUP = "Custodians", "Other custodians"

OPEN = {
    # What anybody may ask for, and why nobody has to be signed in.
    ("GET", "/static/<path:filename>"): "style sheets and scripts",
    ("GET", "/healthz"): "tells nothing but that the process lives",
    ("GET", "/readyz"): "tells names of parts, no values",
    ("GET", "/s/<token>"): "one static page",
    ("POST", "/s/status"): "the key in the body is the authority",
    ("POST", "/s/reveal"): "the key in the body is the authority",
    ("POST", "/s/decline"): "the key in the body is the authority",
    ("POST", "/s/report"): "the key in the body is the authority",
    ("POST", "/s/displayed"): "the receipt is the authority",
    ("POST", "/s/stored"): "the receipt is the authority",
    ("GET", "/r/<token>"): "one static page",
    ("POST", "/r/status"): "the key in the body is the authority",
    ("POST", "/r/submit"): "the key in the body is the authority",
    ("POST", "/r/receipt"): "the key in the body is the authority",
    ("POST", "/r/report"): "the key in the body is the authority",
    ("GET", "/retrieve/<token>"): "one static page",
    ("POST", "/retrieve/status"): "tells nothing without key and sign-in; test_retrievals walks the roles",
    ("POST", "/retrieve/reveal"): "tells nothing without key, sign-in and password; test_retrievals walks the roles",
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
    ("GET", "/shares/<share_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/shares/<share_text>/unlock"): (Guarded(Permission.SHARE_SEND, of_group=True),),
    ("POST", "/shares/<share_text>/withdraw"): (
        Guarded(Permission.SHARE_SEND, of_group=True, form={"reason": "a test"}),
    ),
    ("GET", "/request"): (Guarded(Permission.REQUEST_CREATE),),
    ("POST", "/request"): (Guarded(Permission.REQUEST_CREATE, of_group=True, form=_ASK),),
    ("GET", "/requests/<request_text>"): (Guarded(Permission.RECORD_READ, of_group=True),),
    ("POST", "/requests/<request_text>/cancel"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/reminded"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/again"): (Guarded(Permission.REQUEST_CREATE, of_group=True),),
    ("POST", "/requests/<request_text>/outcome"): (Guarded(Permission.REQUEST_RETRIEVE, of_group=True),),
    ("POST", "/records/<record_text>/hold/release"): (Guarded(Permission.HOLD_RELEASE, of_group=True),),
    ("GET", "/send"): (Guarded(Permission.SHARE_SEND),),
    ("POST", "/send"): (
        Guarded(Permission.SHARE_SEND, of_group=True, form=_SEND),
        Guarded(Permission.SHARE_SEND, of_group=True, form=_SEND_ON_NEW),
    ),
    ("POST", "/send/generate"): (Guarded(Permission.SHARE_SEND),),
    # Last: it ends the session that the others need.
    ("POST", "/sign-out"): (Guarded(Permission.OWN_ACCOUNT, also=frozenset({Stage.SECOND_FACTOR, Stage.ENROLMENT})),),
}

CASES = [(method, rule, guard) for (method, rule), guards in GUARDED.items() for guard in guards]


@dataclass(frozen=True)
class Objects:
    """One record of the group "Custodians", a share, a request, a colleague, an invitation, and what forms name."""

    record: str
    share: str
    request: str
    group: str
    person: str
    invitation: str
    passkey: str = id_text(bytes(16))

    def fill(self, text: str) -> str:
        """Return a part of an address or form with the objects' ids in it."""
        names = {
            "<record_text>": self.record,
            "<share_text>": self.share,
            "<request_text>": self.request,
            "<account_text>": self.person,
            "<group_text>": self.group,
            "<invitation_text>": self.invitation,
            "<passkey_text>": self.passkey,
            "<reference>": "no-session-of-this-name",
            # A change that nobody proposed: what decides it is tested where there are two administrators.
            "<change_text>": id_text(new_id()),
            "{record}": self.record,
            "{group}": self.group,
            "{person}": self.person,
            "{new}": id_text(new_id()),
        }
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    def form(self, guard: Guarded) -> dict[str, str]:
        """Return a form that the route would accept from those who may send it."""
        # A post without any body at all is refused before anybody asks who sent it.
        return {"button": "pressed"} | {name: self.fill(value) for name, value in guard.form.items()}


@pytest.fixture
def objects(unit_of_work: UnitOfWork, staff: Person) -> Objects:
    """Return a record in the group of `staff`, and a share and a request on it."""
    sent = send_secret(unit_of_work, staff)
    asked = ask_secret(unit_of_work, staff, custody_id=sent.custody_id)
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0].id_text
    colleague = make_person(unit_of_work, "Cleo Example", "cleo@example.com", roles=[Role.STAFF], groups=[])
    with unit_of_work.write(Actor.operator()) as work:
        invitation = work.accounts.invitations.invite("dora@example.com", [Role.STAFF], [])
    return Objects(
        id_text(sent.custody_id),
        id_text(sent.share_id),
        id_text(asked.share_id),
        group,
        id_text(colleague.account_id),
        id_text(invitation.id),
    )


def routes_of(app: Flask) -> dict[tuple[str, str], object]:
    return {
        (method, rule.rule): app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def is_allowed(guard: Guarded, role: Role, group: str | None) -> bool:
    scope = PERMISSIONS[guard.permission].get(role)
    if scope is Scope.OWN_GROUP:
        return group == OUR_GROUP if guard.of_group else group is not None
    return scope is Scope.ANY


def test_every_route_is_in_one_of_the_tables(app: Flask) -> None:
    assert set(routes_of(app)) == set(GUARDED) | set(OPEN)
    assert not set(GUARDED) & set(OPEN)


def test_every_guarded_route_asks_for_the_permission_of_the_table(app: Flask) -> None:
    for route, view in routes_of(app).items():
        guards = GUARDED.get(route, ())
        assert {getattr(view, "permission", None)} == ({guard.permission for guard in guards} or {None}), route
        assert {getattr(view, "fresh_proof", False)} == ({guard.fresh for guard in guards} or {False}), route
        assert {getattr(view, "also", frozenset())} == ({guard.also for guard in guards} or {frozenset()}), route


@pytest.mark.parametrize(
    ("role", "group"),
    [*product(Role, (OUR_GROUP, OTHER_GROUP, None)), (None, OUR_GROUP)],
    ids=lambda part: str(part or "nothing"),
)
def test_every_route_opens_for_exactly_those_it_should(
    app: Flask, unit_of_work: UnitOfWork, objects: Objects, role: Role | None, group: str | None
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    person = make_person(
        unit_of_work, "Ben Example", "ben@example.com", roles=[role or Role.STAFF], groups=[group] if group else []
    )
    if role is None:
        take_roles_away(unit_of_work, person)
    browser = Browser.of(app)
    browser.sign_in(person)
    objects = replace(objects, passkey=passkey_of(unit_of_work, person))
    wrong = []
    for method, rule, guard in CASES:
        answer = browser.open(objects.fill(rule), method=method, data=objects.form(guard) if method == "POST" else None)
        assert answer.status_code not in {400, 404, 405, 500, 503}, (method, rule)
        assert answer.headers.get("Location", "").split("?")[0] != "/sign-in" or rule == "/sign-out"
        expected = role is not None and is_allowed(guard, role, group)
        if (answer.status_code != 403) != expected:
            wrong.append((method, rule, answer.status_code, expected))
    assert wrong == []


def passkey_of(unit_of_work: UnitOfWork, person: Person) -> str:
    with unit_of_work.read() as work:
        return factors_of(work.session, person.account_id).passkeys[0].id_text


@pytest.mark.parametrize("stage", [Stage.SECOND_FACTOR, Stage.ENROLMENT])
def test_half_signed_in_every_route_but_its_own_leads_to_the_next_step(
    app: Flask, unit_of_work: UnitOfWork, objects: Objects, staff: Person, stage: Stage
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    browser, person = Browser.of(app), staff
    if stage is Stage.ENROLMENT:
        person = make_person_without_factors(unit_of_work, "Ben Example", "ben@example.com")
    browser.give_password(person)
    next_step = {Stage.SECOND_FACTOR: "/sign-in/second-step", Stage.ENROLMENT: "/account/enrol"}[stage]
    for method, rule, guard in CASES:
        if stage in guard.also:
            continue
        data = objects.form(guard) if method == "POST" else None
        answer = browser.open(objects.fill(rule), method=method, data=data)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, next_step), rule
        fragment = browser.open(objects.fill(rule), method=method, data=data, headers=HTMX)
        assert (fragment.status_code, fragment.text) == (401, ""), rule
    assert "auth.succeeded" not in recorded_types(unit_of_work, id_text(person.account_id))


def test_five_minutes_after_the_proof_every_sensitive_route_asks_for_a_new_one_and_no_other_does(
    app: Flask, unit_of_work: UnitOfWork, objects: Objects, staff: Person, clock: MovableClock
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    browser = Browser.of(app)
    browser.sign_in(staff)
    objects = replace(objects, passkey=passkey_of(unit_of_work, staff))
    clock.move(minutes=5)
    before = len(recorded(unit_of_work, id_text(staff.account_id)))
    for method, rule, guard in CASES:
        if guard.fresh:
            answer = browser.open(objects.fill(rule), method=method, data=objects.form(guard))
            assert (answer.status_code, "Is it you?" in answer.text) == (401, True), rule
    assert len(recorded(unit_of_work, id_text(staff.account_id))) == before
    for method, rule, guard in CASES:
        if not guard.fresh and guard.permission is Permission.OWN_ACCOUNT:
            data = objects.form(guard) if method == "POST" else None
            assert browser.open(objects.fill(rule), method=method, data=data).status_code != 401, rule


def take_roles_away(unit_of_work: UnitOfWork, person: Person) -> None:
    with unit_of_work.write(person.actor) as work:
        work.session.execute(delete(AccountRole).where(AccountRole.account_id == person.account_id))


def test_signed_out_every_guarded_route_leads_to_the_sign_in_page(app: Flask, objects: Objects) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    browser = Browser.of(app)
    for method, rule, guard in CASES:
        data = objects.form(guard) if method == "POST" else None
        answer = browser.open(objects.fill(rule), method=method, data=data)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in"), rule
        fragment = browser.open(objects.fill(rule), method=method, data=data, headers=HTMX)
        assert (fragment.status_code, fragment.text) == (401, ""), rule


def test_every_staff_form_is_refused_without_its_token(staff_client: Browser, objects: Objects) -> None:
    before_sign_in = [("/set-up", {"name": "Eve"}), ("/sign-in", {"email": "eve@example.com"})]
    forms = [(rule, objects.form(guard)) for method, rule, guard in CASES if method == "POST"]
    for rule, form in before_sign_in + forms:
        answer = staff_client.post(objects.fill(rule), data=form)
        assert (answer.status_code, "form is not valid any more" in answer.text) == (400, True), rule


def test_every_guarded_post_is_refused_when_another_site_sends_it(staff_client: Browser, objects: Objects) -> None:
    token = staff_client.token("/account")
    for method, rule, guard in CASES:
        if method == "POST":
            fields = objects.form(guard) | {"csrf_token": token}
            answer = staff_client.post(
                objects.fill(rule),
                data=fields,
                headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
            )
            assert answer.status_code == 403, rule


def test_a_refusal_is_an_event(app: Flask, unit_of_work: UnitOfWork) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/send").status_code == 403
    event = recorded(unit_of_work)[-1]
    assert (event.type, event.outcome, event.reason) == ("authz.refused", "refused", "no_permission")
    assert event.facts == {"permission": "share:send"}
    assert event.personal["actor_name"] == "Ben Example"
