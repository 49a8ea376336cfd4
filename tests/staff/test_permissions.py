"""Every route by every role by every group membership, from the permission table.

A route that is neither in `GUARDED` nor in `OPEN` fails here, and so does one whose guard was taken away.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import delete

from sharelink.access.declarations import Declaration
from sharelink.accounts.models import AccountRole
from sharelink.accounts.permissions import PERMISSIONS, Permission, Scope
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.states import Purpose
from sharelink.factors.queries import factors_of
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, make_person_without_factors, send_secret
from tests.fakes import MovableClock
from tests.staff.route_guards import GUARDED, OPEN, Guarded

OUR_GROUP, OTHER_GROUP = "Custodians", "Other custodians"

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
    webhook: str = id_text(bytes(16))
    monitor_token: str = id_text(bytes(16))
    use: str = id_text(bytes(16))

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
            "<webhook_text>": self.webhook,
            "<token_text>": self.monitor_token,
            # A delivery that did not fail.
            "<delivery_text>": id_text(new_id()),
            "<reference>": "no-session-of-this-name",
            "<link_text>": id_text(bytes(16)),
            "<use_text>": self.use,
            "<step>": "close",
            "<stop>": "suspend",
            "<kind>": "review",
            "<proposal_text>": id_text(new_id()),
            "<contact_text>": id_text(new_id()),
            "<item_text>": id_text(new_id()),
            "<mismatch_text>": id_text(new_id()),
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
        webhook=add_webhook(unit_of_work, staff),
        monitor_token=make_monitor_token(unit_of_work, staff),
        use=declare_use(unit_of_work, staff, sent.custody_id),
    )


def declare_use(unit_of_work: UnitOfWork, person: Person, custody_id: bytes) -> str:
    declaration = Declaration(Purpose.AGREED_TASK, "", "A test.", timedelta(0), timedelta(hours=1))
    with unit_of_work.write(person.actor) as work:
        return id_text(work.access.request(custody_id, declaration).id)


def make_monitor_token(unit_of_work: UnitOfWork, person: Person) -> str:
    with unit_of_work.write(person.actor) as work:
        return id_text(work.monitor_tokens.create("A monitor", 90).id)


def add_webhook(unit_of_work: UnitOfWork, person: Person) -> str:
    with unit_of_work.write(person.actor) as work:
        return id_text(work.endpoints.add("Tickets", "https://tickets.example.com/hook", allow_private=False).id)


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


def test_refusals_beyond_the_limit_are_answered_as_too_fast_and_write_nothing(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    app = make_app(settings.model_copy(update={"rate_limit_create": "3 per minute"}))
    with app.app_context():
        unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        browser = Browser.of(app)
        browser.sign_in(make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.AUDITOR], groups=[]))
        assert [browser.get(page).status_code for page in ("/send", "/people", "/request")] == [403] * 3
        written = len(recorded(unit_of_work))
        assert [browser.get(page).status_code for page in ("/send", "/people", "/records/new")] == [429] * 3
        assert len(recorded(unit_of_work)) == written
        assert browser.get("/account").status_code == 200
        assert browser.submit("/account/security/seen", {}).status_code == 303, "what one may do has a counter apart"


def test_a_refusal_is_an_event(app: Flask, unit_of_work: UnitOfWork) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/send").status_code == 403
    event = recorded(unit_of_work)[-1]
    assert (event.type, event.outcome, event.reason) == ("authz.refused", "refused", "no_permission")
    assert event.facts == {"permission": "share:send"}
    assert event.personal["actor_name"] == "Ben Example"
