"""Asking for a secret: make the keys outside of any transaction, then store share, question and event in one.

Also what follows when an answer turns out wrong or a link gets lost: the same question again, under new links.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sharelink.actors import Actor
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.custody.queries import record_detail
from sharelink.custody.request_detail import RequestDetail
from sharelink.custody.states import Act, RecordKind
from sharelink.errors import InvalidInput
from sharelink.requests.fields import RequestField, template_fields
from sharelink.requests.links import RetrievalLink, SubmitLink
from sharelink.requests.service import NewRequest
from sharelink.requests.states import RequestTemplate, Verdict
from sharelink.shares.errors import AlreadyCreated
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

LABEL_MAX_CHARACTERS = 120
PURPOSE_MAX_CHARACTERS = 2_000
MESSAGE_MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What staff want to know, of whom, and until when. `own_fields` are label, kind, required; for that template."""

    custody_id: bytes
    form_id: bytes
    template: RequestTemplate
    own_fields: tuple[tuple[str, str, bool], ...]
    label: str
    purpose: str
    submit_lifetime: timedelta
    retrieve_lifetime: timedelta
    remind_after: timedelta | None
    replaces_id: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """What is shown once, and kept nowhere: the two links."""

    share_id: bytes
    custody_id: bytes
    retrieval_link: RetrievalLink
    submit_link: SubmitLink
    submit_until: datetime


def ask(unit_of_work: UnitOfWork, actor: Actor, question: Question) -> Asked:
    """Make a request.

    Raises:
        InvalidInput: a field cannot be accepted; nothing was made.
        AlreadyCreated: the same form made its request before.
        RecordNotFound, RecordArchived, ActNotAllowed: the record takes no request.
        ShareNotFound: the request to be replaced is not on this record.
        ShareReplaced: it was replaced before.
        StorageUnavailable: nothing was made.
    """
    with unit_of_work.read(actor) as work:
        record = record_detail(work.session, question.custody_id)
        now = work.now
    problems = _problems(unit_of_work, question)
    if question.template is RequestTemplate.AWS_ROOT and record.kind is not RecordKind.AWS_ROOT:
        problems["template"] = "This record is not about an AWS account. Choose another form."
    fields: tuple[RequestField, ...] = ()
    try:
        fields = template_fields(
            question.template,
            account_id=record.aws_account_id,
            root_email=record.root_email,
            own=question.own_fields,
        )
    except InvalidInput as error:
        problems |= error.fields
    if problems:
        raise InvalidInput(problems)
    return _store(unit_of_work, actor, _new_request(actor, question, fields, now), verdict_note=None)


def ask_again(
    unit_of_work: UnitOfWork, actor: Actor, earlier: RequestDetail, form_id: bytes, *, rejecting: str | None = None
) -> Asked:
    """Ask the same question under new links; the earlier request ends, and what waits in it unread is erased.

    Args:
        unit_of_work: what makes transactions.
        actor: who asks.
        earlier: the request whose settings are taken over.
        form_id: the form that was sent; it makes one request however often it is sent.
        rejecting: what the customer reads about an answer that was retrieved and is wrong; None if it is not about one.

    Raises:
        NotJudgeable: `rejecting` an answer that was not retrieved, or that somebody has judged already.
        As `ask`.
    """
    message = (rejecting or "").replace("\r\n", "\n").strip()
    if rejecting is not None and not message:
        raise InvalidInput({"message": "Tell the customer what was wrong. The new link shows it to them."})
    if len(message) > MESSAGE_MAX_CHARACTERS or "\0" in message:
        raise InvalidInput({"message": f"Use at most {MESSAGE_MAX_CHARACTERS} ordinary characters."})
    with unit_of_work.read(actor) as work:
        now = work.now
    question = Question(
        custody_id=earlier.line.custody_id,
        form_id=form_id,
        template=earlier.template,
        own_fields=(),
        label=earlier.line.label,
        purpose=earlier.purpose,
        submit_lifetime=timedelta(seconds=earlier.submit_lifetime_seconds),
        retrieve_lifetime=timedelta(seconds=earlier.retrieve_lifetime_seconds),
        remind_after=earlier.remind_after,
        replaces_id=earlier.line.id,
    )
    new = replace(_new_request(actor, question, earlier.fields, now), message=message)
    return _store(unit_of_work, actor, new, verdict_note=message if rejecting is not None else None)


def _new_request(actor: Actor, question: Question, fields: tuple[RequestField, ...], now: datetime) -> NewRequest:
    if actor.account_id is None or actor.name is None:
        raise ValueError("only a person with an account asks")
    return NewRequest(
        share_id=new_id(),
        custody_id=question.custody_id,
        creator_id=actor.account_id,
        requester_name=actor.name,
        form_id=question.form_id,
        template=question.template,
        fields=fields,
        label=question.label,
        purpose=question.purpose,
        message="",
        created_at=now,
        submit_until=now + question.submit_lifetime,
        retrieve_lifetime=question.retrieve_lifetime,
        remind_at=now + question.remind_after if question.remind_after is not None else None,
        retrieval_key=new_link_key(),
        replaces_id=question.replaces_id,
    )


def _store(unit_of_work: UnitOfWork, actor: Actor, new: NewRequest, *, verdict_note: str | None) -> Asked:
    def step(work: Work) -> tuple[SubmitLink, RetrievalLink]:
        work.shares.made_by_form(new.creator_id, new.form_id)
        work.custody.require(new.custody_id, Act.REQUEST)
        _end_earlier(work, new, verdict_note)
        return work.requests.add(new)

    try:
        submit_link, retrieval_link = unit_of_work.carry_out(actor, step)
    except AlreadyCreated:
        # A racing twin of this form won; its own ids are the ones to point to.
        with unit_of_work.read(actor) as work:
            work.shares.made_by_form(new.creator_id, new.form_id)
        raise
    return Asked(new.share_id, new.custody_id, retrieval_link, submit_link, new.submit_until)


def _end_earlier(work: Work, new: NewRequest, verdict_note: str | None) -> None:
    if new.replaces_id is None:
        return
    work.shares.replace(new.replaces_id, new.custody_id)
    if verdict_note is not None:
        work.requests.judge(new.replaces_id, new.custody_id, Verdict.WRONG, vault_reference="", note=verdict_note)


def _problems(unit_of_work: UnitOfWork, question: Question) -> dict[str, str]:
    problems: dict[str, str] = {}
    limits = unit_of_work.share_limits
    for name, lifetime in (
        ("submit_lifetime", question.submit_lifetime),
        ("retrieve_lifetime", question.retrieve_lifetime),
    ):
        if not limits.lifetime_min <= lifetime <= limits.lifetime_max:
            problems[name] = "Choose one from the list."
    if question.remind_after is not None and not timedelta() < question.remind_after < question.submit_lifetime:
        problems["remind_after"] = "Choose a reminder before the end of the time to answer."
    if not question.purpose:
        problems["purpose"] = "Say what you need it for. The customer reads it."
    for name, text, most_characters in (
        ("label", question.label, LABEL_MAX_CHARACTERS),
        ("purpose", question.purpose, PURPOSE_MAX_CHARACTERS),
    ):
        if len(text) > most_characters:
            problems[name] = f"Use at most {most_characters:,} characters."
        elif "\0" in text:
            problems[name] = "The text holds a NUL character. Remove it."
    return problems
