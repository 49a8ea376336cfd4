"""Requests in every state, for the demonstration: asked, answered, retrieved and judged through the services."""

from dataclasses import dataclass
from datetime import timedelta

from sharelink.access.states import UseOutcome
from sharelink.actors import Actor
from sharelink.acts import declaring, receiving, requesting, retrieving, submitting, tending
from sharelink.acts.declaring import use_for_answer
from sharelink.acts.requesting import Asked, Question
from sharelink.cli.demo_stage import ADDRESSES, BROWSER, DemoAccount, Stage
from sharelink.crypto.identifiers import new_id
from sharelink.custody.queries import record_detail
from sharelink.custody.request_detail import RequestDetail, request_detail
from sharelink.custody.states import Purpose
from sharelink.requests.links import RetrievalLink, SubmitLink
from sharelink.requests.states import FieldKind, RequestTemplate
from sharelink.unit_of_work import UnitOfWork

_WEEK = timedelta(days=7)
_CUSTOMER = Actor.public(ADDRESSES[2], BROWSER)
_PURPOSES = {
    RequestTemplate.AWS_ROOT: "To take the root user of your AWS account into our care, as agreed in your contract.",
    RequestTemplate.TEXT: "To look after it for you, as we agreed on the phone.",
    RequestTemplate.OWN: "To renew your domains for you, as agreed in our meeting.",
}
_REGISTRAR_FIELDS = (
    ("User name at the registrar", FieldKind.LINE.value, True),
    ("Password at the registrar", FieldKind.PASSWORD.value, True),
    ("Anything we should know", FieldKind.TEXT.value, False),
)
_ROOT_ANSWER = ("111122223333", "aws-root+harbour@reseller.example", "a root password of an example", "", "")


@dataclass(frozen=True, slots=True, repr=False)
class TryRequests:
    """A link that waits for a customer, and one that waits for a custodian."""

    submit_link: SubmitLink
    retrieval_link: RetrievalLink


@dataclass(frozen=True, slots=True, repr=False)
class Taken:
    """An answer that was taken: the receipt of the page that showed it, and the use in which it was, if one was."""

    receipt: str
    use_id: bytes | None


@dataclass(frozen=True, slots=True)
class Play:
    """Staff who ask, a custodian who retrieves, and a customer between them."""

    stage: Stage
    staff: DemoAccount
    custodian: DemoAccount

    def ask(
        self,
        record: bytes,
        label: str,
        template: RequestTemplate = RequestTemplate.TEXT,
        *,
        answer_within: timedelta = _WEEK,
        keep: timedelta = _WEEK,
        remind_after: timedelta | None = None,
        **ago: float,
    ) -> Asked:
        """Ask for a secret on `record`, that long ago."""
        return requesting.ask(
            self.stage.ago(**ago),
            self.staff.actor,
            Question(
                custody_id=record,
                form_id=new_id(),
                template=template,
                own_fields=_REGISTRAR_FIELDS if template is RequestTemplate.OWN else (),
                label=label,
                purpose=_PURPOSES[template],
                submit_lifetime=answer_within,
                retrieve_lifetime=keep,
                remind_after=remind_after,
            ),
        )

    def answer(self, asked: Asked, *values: str, **ago: float) -> None:
        """Open the customer's link and submit `values`, one per field."""
        submitting.look(self.stage.ago(**ago), _CUSTOMER, asked.submit_link)
        typed = {f"field-{number}": value for number, value in enumerate(values)}
        submitting.submit(self.stage.ago(**ago), _CUSTOMER, asked.submit_link, typed, space_is_meant=False)

    def retrieve(self, asked: Asked, ticket: str, **ago: float) -> Taken:
        """Take the answer as the custodian, within a use where the record asks for one."""
        with self.stage.ago(**ago).write(self.custodian.actor) as work:
            record = record_detail(work.session, asked.custody_id)
            use = use_for_answer(work, record, Purpose.TAKE_INTO_CUSTODY.value, ticket)
            facts, _answer = work.requests.open_answer(asked.retrieval_link)
            receipt = work.requests.claim(facts, use.purpose, use.ticket, use.use_id)
        return Taken(receipt, use.use_id)

    def show(self, asked: Asked, ticket: str, **ago: float) -> RequestDetail:
        """Take the answer, have it shown, and end the use; return the request for what follows."""
        taken = self.retrieve(asked, ticket, **ago)
        receiving.acknowledge(self.stage.ago(**ago), self.custodian.actor, taken.receipt, stored=False)
        if taken.use_id is not None:
            ten_minutes_later = self.stage.ago(**(ago | {"minutes": -10}))
            declaring.check_in(ten_minutes_later, self.custodian.actor, taken.use_id, UseOutcome.DONE.value, "")
        return _detail(self.stage.unit_of_work, asked)


def fill_with_requests(
    stage: Stage, staff: DemoAccount, custodian: DemoAccount, root_record: bytes, shop_record: bytes
) -> TryRequests:
    """Make requests in every state on two records, of an AWS account and of a shop, that `custodian` looks after."""
    play = Play(stage, staff, custodian)
    aws_root, own = RequestTemplate.AWS_ROOT, RequestTemplate.OWN
    _retrieved(play, root_record, shop_record)
    _ended(play, root_record, shop_record)

    lost = play.ask(shop_record, "Password of the parcel service", days=3)
    requesting.ask_again(
        stage.ago(days=2, hours=22), staff.actor, _detail(stage.unit_of_work, lost), new_id(), rejecting=None
    )
    looked_at = play.ask(shop_record, "Access to the domain registrar", own, days=2)
    submitting.look(stage.ago(hours=5), _CUSTOMER, looked_at.submit_link)
    play.ask(root_record, "Access to the mail server", remind_after=timedelta(days=3), days=4)
    reminded = play.ask(shop_record, "Password of the cash desk", remind_after=timedelta(days=3), days=5)
    with stage.ago(days=1).read() as work:
        detail = request_detail(work.session, reminded.share_id, work.now)
    tending.note_reminder(stage.ago(days=1), staff.actor, detail)

    submitted = play.ask(root_record, "Root password, to be handed over", aws_root, days=2)
    play.answer(submitted, *_ROOT_ANSWER, hours=6)
    awaiting = play.ask(shop_record, "Access to the shop's mailbox", hours=3)
    return TryRequests(awaiting.submit_link, submitted.retrieval_link)


def _retrieved(play: Play, root_record: bytes, shop_record: bytes) -> None:
    stage, custodian = play.stage, play.custodian
    worked = play.ask(shop_record, "Access to the domain registrar", RequestTemplate.OWN, days=13)
    play.answer(worked, "oelmueller", "a password of a registrar", "Renew in March, please.", days=12)
    detail = play.show(worked, "OPS-311", days=11)
    retrieving.accept(stage.ago(days=11, minutes=-20), custodian.actor, detail, "Vault, entry 311 (registrar)")

    wrong = play.ask(root_record, "Root password of the test account", RequestTemplate.AWS_ROOT, days=6)
    play.answer(wrong, *_ROOT_ANSWER, days=5)
    detail = play.show(wrong, "OPS-342", days=4)
    message = "The sign-in says that the password is wrong. Was it changed since? Please look again."
    requesting.ask_again(stage.ago(days=4, minutes=-15), custodian.actor, detail, new_id(), rejecting=message)

    unconfirmed = play.ask(shop_record, "Password of the web statistics", days=9)
    play.answer(unconfirmed, "a password of the statistics", days=8)
    play.retrieve(unconfirmed, "OPS-350", days=7)

    unjudged = play.ask(root_record, "Password of the billing portal", days=3)
    play.answer(unjudged, "a password of the portal", days=2)
    play.show(unjudged, "OPS-361", days=1)


def _ended(play: Play, root_record: bytes, shop_record: bytes) -> None:
    stage, staff = play.stage, play.staff
    play.ask(shop_record, "Password of the old forum", answer_within=timedelta(days=2), days=9)
    unread = play.ask(root_record, "Recovery code of the mailbox", keep=timedelta(days=1), days=9)
    play.answer(unread, "a code that nobody came for", days=8)
    with stage.ago(days=6, hours=23).write(Actor.system()) as work:
        work.shares.expire_due(100)

    cancelled = play.ask(root_record, "Password of the support portal", days=8)
    why = "The customer deletes the account instead."
    tending.withdraw(stage.ago(days=7, hours=20), staff.actor, cancelled.share_id, why)
    erased = play.ask(shop_record, "Password of the test shop", days=5)
    play.answer(erased, "a password of the test shop", days=4)
    tending.withdraw(stage.ago(days=3, hours=22), staff.actor, erased.share_id, "The test shop is closed.")


def _detail(unit_of_work: UnitOfWork, asked: Asked) -> RequestDetail:
    with unit_of_work.read() as work:
        return request_detail(work.session, asked.share_id, work.now)
