"""Sending a secret: seal it outside of any transaction, then store share, record and event in one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sharelink.actors import Actor
from sharelink.crypto.access_codes import new_access_code, spoken_code
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.custody.details import RecordDetails
from sharelink.custody.states import Act, VersionOrigin
from sharelink.errors import InvalidInput, StorageUnavailable
from sharelink.shares.errors import AlreadyCreated
from sharelink.shares.links import OpenLink
from sharelink.shares.seals import seal_send
from sharelink.shares.service import NewSend
from sharelink.shares.texts import exact_secret
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

LABEL_MAX_CHARACTERS = 120
INSTRUCTION_MAX_CHARACTERS = 2_000
REASON_MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True, repr=False)
class SendRequest:
    """What staff asked for. Either `custody_id` names a record, or `new_record` and `group_id` open one."""

    secret: str
    form_id: bytes
    lifetime: timedelta
    label: str
    instruction: str
    code_waiver_reason: str | None
    custody_id: bytes | None
    new_record: RecordDetails | None = None
    group_id: bytes | None = None
    replaces_id: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """What is shown once, and kept nowhere: the link, and the code as it is spoken (None if switched off)."""

    share_id: bytes
    custody_id: bytes
    record_reference: str
    link: OpenLink
    code: str | None
    expires_at: datetime


def send(unit_of_work: UnitOfWork, actor: Actor, request: SendRequest) -> Sent:
    """Make a share of `request.secret`, and its custody record where it asks for a new one.

    Raises:
        InvalidInput: a field cannot be accepted; nothing was made.
        AlreadyCreated: the same form made its share before.
        RecordNotFound, RecordArchived, ActNotAllowed: the record takes no share.
        ShareNotFound: the share to be replaced is not on this record.
        ShareReplaced: it was replaced before.
        StorageUnavailable: nothing was made.
    """
    if actor.account_id is None or actor.name is None:
        raise ValueError("only a person with an account sends")
    secret = _checked(unit_of_work, request)
    now = unit_of_work.clock()
    share_id, link_key = new_id(), new_link_key()
    custody_id = request.custody_id or new_id()
    code = new_access_code() if request.code_waiver_reason is None else None
    expires_at = now + request.lifetime
    # Argon2id takes some 60 ms: not while the only writer waits.
    try:
        sealed = seal_send(
            secret,
            link_key=link_key,
            code=code,
            share_id=share_id,
            custody_id=custody_id,
            expires_at=expires_at,
            keyring=unit_of_work.keyring,
            epoch_keys=unit_of_work.epoch_keys,
        )
    except OSError as error:
        # A full disk, or a mount that went away, is no mistake of the person who sends.
        raise StorageUnavailable("the key of the day of expiry could not be made") from error
    new = NewSend(
        share_id=share_id,
        custody_id=custody_id,
        creator_id=actor.account_id,
        sender_name=actor.name,
        form_id=request.form_id,
        label=request.label,
        instruction=request.instruction,
        code_waiver_reason=request.code_waiver_reason,
        created_at=now,
        expires_at=expires_at,
        link_key=link_key,
        sealed=sealed,
        replaces_id=request.replaces_id,
    )
    token, reference = _store(unit_of_work, actor, request, new)
    link, spoken = OpenLink(token, link_key), spoken_code(code) if code else None
    return Sent(share_id, custody_id, reference, link, spoken, expires_at)


def _store(unit_of_work: UnitOfWork, actor: Actor, request: SendRequest, new: NewSend) -> tuple[str, str]:
    """Return the token of the share and the reference of its record."""

    def step(work: Work) -> tuple[str, str]:
        # First of all: the first share of this form may have changed what the rest asks about.
        work.shares.made_by_form(new.creator_id, new.form_id)
        if request.new_record is not None and request.group_id is not None:
            work.custody.open(request.new_record, request.group_id, new.custody_id)
            record = work.custody.locked(new.custody_id)
        else:
            # Alone, because the send may be what a handover waits for, and so a step of the record.
            record = work.custody.require(new.custody_id, Act.SEND, alone=True)
        if new.replaces_id is not None:
            work.shares.replace(new.replaces_id, new.custody_id)
        token = work.shares.add(new)
        work.handover.received(record, new.share_id, VersionOrigin.GENERATED)
        return token, record.reference

    try:
        return unit_of_work.carry_out(actor, step)
    except AlreadyCreated:
        # A racing twin of this form won; its own ids are the ones to point to.
        with unit_of_work.read(actor) as work:
            work.shares.made_by_form(new.creator_id, new.form_id)
        raise


def _checked(unit_of_work: UnitOfWork, request: SendRequest) -> bytes:
    problems: dict[str, str] = {}
    limits = unit_of_work.share_limits
    if not limits.lifetime_min <= request.lifetime <= limits.lifetime_max:
        least, most = int(limits.lifetime_min.total_seconds()), int(limits.lifetime_max.total_seconds())
        problems["lifetime_seconds"] = f"Choose from {least:,} to {most:,} seconds."
    if request.code_waiver_reason is not None and not request.code_waiver_reason.strip():
        problems["code_waiver_reason"] = "Say why no code is needed; the reason goes into the audit."
    for name, text, most_characters in (
        ("label", request.label, LABEL_MAX_CHARACTERS),
        ("instruction", request.instruction, INSTRUCTION_MAX_CHARACTERS),
        ("code_waiver_reason", request.code_waiver_reason or "", REASON_MAX_CHARACTERS),
    ):
        if len(text) > most_characters:
            problems[name] = f"Use at most {most_characters:,} characters."
        elif "\0" in text:
            problems[name] = "The text holds a NUL character. Remove it."
    secret = b""
    try:
        secret = exact_secret(request.secret, limits.secret_max_bytes)
    except InvalidInput as error:
        problems |= error.fields
    if problems:
        raise InvalidInput(problems)
    return secret
