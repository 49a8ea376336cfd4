"""Makes people, records and shares the way the service itself does: through its services, in real transactions."""

from base64 import b32encode
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from pyotp import TOTP
from webauthn.helpers import base64url_to_bytes

from sharelink.accounts.models import Account
from sharelink.accounts.passwords import PreparedPassword, prepare_password
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role
from sharelink.actors import Actor, ActorKind
from sharelink.acts.requesting import Asked, Question, ask
from sharelink.acts.sending import SendRequest, Sent, send
from sharelink.acts.submitting import submit
from sharelink.crypto.factor_secrets import new_challenge
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.passwords import CHARACTER_CLASSES, generate_password
from sharelink.custody.details import checked_details
from sharelink.custody.states import RecordField, RecordKind
from sharelink.factors.passkeys import registration_options, verify_new
from sharelink.requests.links import SubmitLink
from sharelink.requests.rows import RequestFacts
from sharelink.requests.states import RequestTemplate
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work
from tests.soft_passkeys import SoftPasskey

FIRST_ROLES = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.CUSTODIAN})


@dataclass(frozen=True)
class Person:
    """Somebody with an account, as a test knows them."""

    account_id: bytes
    name: str
    email: str
    password: str = field(repr=False)
    app_secret: bytes = field(default=b"", repr=False)
    passkey: SoftPasskey = field(default_factory=SoftPasskey, repr=False)

    def code(self, moment: datetime, steps_later: int = 0) -> str:
        """Return the code of the person's authenticator app at a moment, or some half minutes later."""
        return TOTP(b32encode(self.app_secret).decode()).at(moment, counter_offset=steps_later)

    @property
    def actor(self) -> Actor:
        """Return the person as the services see them."""
        return Actor(
            ActorKind.STAFF, account_id=self.account_id, name=self.name, ip="198.51.100.4", agent="Staff browser"
        )


def make_person(
    unit_of_work: UnitOfWork,
    name: str,
    email: str,
    roles: Collection[Role] = FIRST_ROLES,
    groups: Collection[str] = ("Custodians",),
) -> Person:
    """Make an account with a password that nobody chose, an authenticator app and a passkey."""
    password, prepared = password_of(name, email)
    with unit_of_work.write(Actor.operator()) as work:
        account_id = work.accounts.create_account(name, email, roles, groups, prepared)
    passkey = SoftPasskey()
    with unit_of_work.write(Actor.operator()) as work:
        account = work.accounts.administration.account(account_id)
        app_secret = add_app(work, account)
        add_passkey(work, account, passkey)
    return Person(account_id, name, email, password, app_secret, passkey)


@cache
def password_of(name: str, email: str) -> tuple[str, PreparedPassword]:
    """Return a password that nobody chose, and its hash, which costs too much to be made for each test anew."""
    password = generate_password(24, frozenset(CHARACTER_CLASSES), avoid_look_alikes=False).text
    return password, prepare_password(password, name=name, email=email)


def make_person_without_factors(unit_of_work: UnitOfWork, name: str, email: str) -> Person:
    """Make an account as `sharelink user create` does: whoever has it adds a second factor at the first sign-in."""
    password, prepared = password_of(name, email)
    with unit_of_work.write(Actor.operator()) as work:
        account_id = work.accounts.create_account(name, email, FIRST_ROLES, ("Custodians",), prepared)
    return Person(account_id, name, email, password)


def add_app(work: Work, account: Account) -> bytes:
    """Add an authenticator app whose first code was of an hour ago; return its secret."""
    work.factors.begin_app(account.id)
    work.session.flush()
    pending = work.factors.pending_app(account.id)
    assert pending is not None
    an_hour_ago = replace(work.factors, now=work.now - timedelta(hours=1))
    code = TOTP(b32encode(pending.secret).decode()).at(an_hour_ago.now)
    assert an_hour_ago.confirm_app(account, code)
    return pending.secret


def add_passkey(work: Work, account: Account, passkey: SoftPasskey, name: str = "Soft passkey") -> None:
    """Add a passkey, with everything that is checked of one."""
    options = registration_options(
        passkey.party,
        challenge=new_challenge(),
        account_id=account.id,
        email=account.email,
        name=account.name,
        known=(),
    )
    made = verify_new(passkey.party, passkey.create(options), base64url_to_bytes(options["challenge"]))
    work.factors.add_passkey(account, made, name)


def open_record(
    unit_of_work: UnitOfWork,
    person: Person,
    customer: str = "Example GmbH",
    kind: RecordKind = RecordKind.CREDENTIAL,
) -> bytes:
    """Open a custody record in the first group that there is; return its id."""
    fields = {RecordField.CUSTOMER: customer}
    if kind is RecordKind.AWS_ROOT:
        fields |= {RecordField.AWS_ACCOUNT_ID: "123456789012", RecordField.ROOT_EMAIL: "root@example.com"}
    details = checked_details(kind.value, fields)
    with unit_of_work.write(person.actor) as work:
        group = groups_for_choice(work.session, None)[0]
        return work.custody.open(details, group.id)


def send_secret(
    unit_of_work: UnitOfWork,
    person: Person,
    secret: str = "a secret of a test",
    *,
    custody_id: bytes | None = None,
    form_id: bytes | None = None,
    lifetime: timedelta = timedelta(days=7),
    code: bool = True,
    label: str = "",
    instruction: str = "",
    replaces_id: bytes | None = None,
) -> Sent:
    """Send `secret` on a record, a new one unless `custody_id` names it."""
    return send(
        unit_of_work,
        person.actor,
        SendRequest(
            secret=secret,
            form_id=form_id or new_id(),
            lifetime=lifetime,
            label=label,
            instruction=instruction,
            code_waiver_reason=None if code else "told by the test",
            custody_id=custody_id or open_record(unit_of_work, person),
            replaces_id=replaces_id,
        ),
    )


def ask_secret(
    unit_of_work: UnitOfWork,
    person: Person,
    *,
    custody_id: bytes | None = None,
    form_id: bytes | None = None,
    template: RequestTemplate = RequestTemplate.TEXT,
    own_fields: tuple[tuple[str, str, bool], ...] = (),
    label: str = "",
    purpose: str = "To look after it for you, as agreed.",
    submit_lifetime: timedelta = timedelta(days=7),
    retrieve_lifetime: timedelta = timedelta(days=7),
    remind_after: timedelta | None = None,
) -> Asked:
    """Ask for a secret on a record, a new one unless `custody_id` names it."""
    return ask(
        unit_of_work,
        person.actor,
        Question(
            custody_id=custody_id or open_record(unit_of_work, person),
            form_id=form_id or new_id(),
            template=template,
            own_fields=own_fields,
            label=label,
            purpose=purpose,
            submit_lifetime=submit_lifetime,
            retrieve_lifetime=retrieve_lifetime,
            remind_after=remind_after,
        ),
    )


def submit_answer(unit_of_work: UnitOfWork, link: SubmitLink, *answers: str) -> RequestFacts:
    """Submit `answers`, one per field in their order, as a visitor does."""
    typed = {f"field-{number}": answer for number, answer in enumerate(answers)}
    return submit(unit_of_work, Actor.public("203.0.113.9", "A phone"), link, typed, space_is_meant=False)
