"""Every route by every role by every group membership, from the permission table.

A route that is neither in `GUARDED` nor in `OPEN` fails here, and so does one whose guard was taken away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import delete

from sharelink.accounts.models import AccountRole
from sharelink.accounts.permissions import PERMISSIONS, Permission, Scope
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, send_secret

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
    ("GET", "/sign-in"): "the way in",
    ("POST", "/sign-in"): "the way in",
}


@dataclass(frozen=True)
class Guarded:
    """What a route asks for. `of_group`: it acts on an object of one group, so the group decides too."""

    permission: Permission
    of_group: bool = False
    form: Mapping[str, str] = field(default_factory=dict)


_NEW_RECORD = {"kind": "credential", "customer": "Example GmbH", "group": "{group}"}
_SEND = {"form_id": "{new}", "record": "{record}", "secret": "x", "lifetime": "3600", "code_waiver_reason": "a test"}
_SEND_ON_NEW = _SEND | {
    "record": "new",
    "new_kind": "credential",
    "new_customer": "Example GmbH",
    "new_group": "{group}",
}

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
    ("GET", "/people"): (Guarded(Permission.ACCOUNT_LIST),),
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
    ("POST", "/sign-out"): (Guarded(Permission.OWN_ACCOUNT),),
}

CASES = [(method, rule, guard) for (method, rule), guards in GUARDED.items() for guard in guards]


@dataclass(frozen=True)
class Objects:
    """One record of the group "Custodians", with one share and one request, and what forms need to name them."""

    record: str
    share: str
    request: str
    group: str

    def fill(self, text: str) -> str:
        """Return a part of an address or form with the objects' ids in it."""
        named = text.replace("<record_text>", self.record).replace("<share_text>", self.share)
        named = named.replace("<request_text>", self.request)
        return named.replace("{record}", self.record).replace("{group}", self.group).replace("{new}", id_text(new_id()))

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
    return Objects(id_text(sent.custody_id), id_text(sent.share_id), id_text(asked.share_id), group)


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
        expected = {guard.permission for guard in GUARDED.get(route, ())} or {None}
        assert {getattr(view, "permission", None)} == expected, route


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
    browser.post("/sign-in", data={"email": person.email, "password": person.password})
    wrong = []
    for method, rule, guard in CASES:
        answer = browser.open(objects.fill(rule), method=method, data=objects.form(guard) if method == "POST" else None)
        assert answer.status_code not in {400, 404, 405, 500, 503}, (method, rule)
        assert answer.headers.get("Location", "").split("?")[0] != "/sign-in" or rule == "/sign-out"
        expected = role is not None and is_allowed(guard, role, group)
        if (answer.status_code != 403) != expected:
            wrong.append((method, rule, answer.status_code, expected))
    assert wrong == []


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
