"""Delivering what waits in the outbox. Any number of workers may do this at once, and be killed anywhere.

Taking, making and marking are short transactions; nothing is open in the database while a mail server or a webhook's
receiver takes its time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.acts.monitoring import hand_out_head
from sharelink.crypto.errors import SealBroken, WebhookKeyMissing
from sharelink.crypto.identifiers import id_text
from sharelink.errors import StorageUnavailable
from sharelink.jobs.letters import MAKERS, Site, letter_of
from sharelink.mail.letters import AddressUnusable, Letter, Sender, message_of
from sharelink.mail.smtp import MailFailed, MailRound, MailServer
from sharelink.outbox.claims import LEASE, Claimed
from sharelink.outbox.errors import EndpointNotFound
from sharelink.outbox.states import Channel
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.webhooks.delivery import WebhookFailed, WebhookMessage, WebhookSender
from sharelink.work import Work

BATCH = 20
MOST_ROUNDS = 50
ROUND_SECONDS = LEASE.total_seconds() / 2
"""What has not been begun after so long is given back: a lease must not end while its letter is on the way."""

_REMINDERS = 100

_log = get_logger("sharelink.jobs")


@dataclass(frozen=True, slots=True)
class Post:
    """Everything that it takes to deliver: the mail server, if there is one, and how webhooks are sent.

    `quorum` is how many witnesses should have cosigned the checkpoint that travels along.
    """

    site: Site
    sender: Sender
    server: MailServer | None
    webhooks: WebhookSender
    quorum: int

    @classmethod
    def of(cls, settings: Settings) -> "Post":
        """Return what the settings say."""
        server = None
        if settings.has_mail:
            server = MailServer(
                settings.smtp_host,
                settings.smtp_port,
                settings.smtp_security,
                settings.smtp_user,
                settings.smtp_password,
                settings.smtp_ca_file,
            )
        return cls(
            site=Site(settings.base_url, settings.organisation_name, settings.support_contact),
            sender=Sender(settings.smtp_from, settings.organisation_name, settings.smtp_from.rpartition("@")[2]),
            server=server,
            webhooks=WebhookSender(settings.webhook_allow_private),
            quorum=settings.audit_quorum,
        )


def _never() -> bool:
    return False


def deliver_once(unit_of_work: UnitOfWork, post: Post, *, is_stopping: Callable[[], bool] = _never) -> int:
    """Deliver what is due, in rounds of `BATCH`; return how many entries were taken.

    Args:
        unit_of_work: what makes transactions.
        post: by what things are sent.
        is_stopping: asked before each entry; what remains is given back at once.

    Raises:
        StorageUnavailable: the database could not do its work; what was in hand is taken again when its lease ends.
    """
    total = 0
    for _ in range(MOST_ROUNDS):
        with unit_of_work.read() as work:
            if is_stopping() or not work.claims.is_any_due():
                break
        with unit_of_work.write(Actor.system()) as work:
            taken = work.claims.take(BATCH)
        _deliver_round(unit_of_work, post, taken, is_stopping)
        total += len(taken)
    return total


def remind_once(unit_of_work: UnitOfWork) -> None:
    """Queue reminders of links that nobody has opened for long, and forget what was settled long ago."""
    with unit_of_work.write(Actor.system()) as work:
        reminded = work.outbox.remind_of_unopened(_REMINDERS)
        work.claims.forget_old()
    if reminded:
        _log.info("senders reminded of unopened links", count=reminded)


def _deliver_round(
    unit_of_work: UnitOfWork, post: Post, taken: tuple[Claimed, ...], is_stopping: Callable[[], bool]
) -> None:
    began = time.monotonic()
    with _Round(unit_of_work, post) as round_:
        for entry in taken:
            if is_stopping() or time.monotonic() - began > ROUND_SECONDS:
                round_.give_back(entry)
            else:
                round_.deliver(entry)


class _Round:
    """One round of deliveries: letters share a connection, and all carry the same checkpoint of the log.

    Whoever gets one can hold the log to what it was then, so it counts as handed out before the first one leaves.
    """

    def __init__(self, unit_of_work: UnitOfWork, post: Post) -> None:
        head = hand_out_head(unit_of_work, Actor.system(), post.quorum)
        log_head = "" if head is None else head.to_bytes().decode("utf-8")
        self._unit_of_work = unit_of_work
        self._post = replace(post, site=replace(post.site, log_head=log_head))
        self._mail = None if post.server is None else MailRound(post.server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._mail is not None:
            self._mail.__exit__(None, None, None)

    def deliver(self, entry: Claimed) -> None:
        """Send one entry, and mark how that ended."""
        try:
            sent = self._webhook(entry) if entry.channel is Channel.WEBHOOK else self._letter(entry)
        except (MailFailed, WebhookFailed) as failed:
            self._failed(entry, failed.code, is_final=failed.is_final)
        except AddressUnusable:
            self._failed(entry, "address", is_final=True)
        except (SealBroken, WebhookKeyMissing):
            self._failed(entry, "secret", is_final=False)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one entry that cannot be made must not keep all others here
            # The name of what went wrong only: a traceback's values could hold the key of an approval.
            cause = type(error).__name__
            _log.error("an entry of the outbox cannot be made", letter=entry.letter.value, cause=cause)
            self._failed(entry, "cannot_be_made", is_final=False)
        else:
            mark = _accepted if sent else _void
            _mark(self._unit_of_work, lambda work: mark(work, entry))

    def give_back(self, entry: Claimed) -> None:
        """Leave an entry to whoever comes next."""
        _mark(self._unit_of_work, lambda work: work.claims.give_back(entry))

    def _letter(self, entry: Claimed) -> bool:
        if self._mail is None:
            raise MailFailed("no_mail_server")
        letter = self._made(entry)
        if letter is None:
            return False
        message = message_of(letter, self._post.sender, id_text(entry.id), entry.created_at)
        self._mail.send(self._post.sender.address, letter.to, message)
        return True

    def _made(self, entry: Claimed) -> Letter | None:
        if MAKERS[entry.letter].writes:
            with self._unit_of_work.write(Actor.system()) as work:
                return letter_of(work, entry, self._post.site)
        with self._unit_of_work.read() as work:
            return letter_of(work, entry, self._post.site)

    def _webhook(self, entry: Claimed) -> bool:
        with self._unit_of_work.read() as work:
            now = work.now
            try:
                url, secret = work.endpoints.destination(entry.audience_ref)
            except EndpointNotFound:
                return False
        self._post.webhooks.send(url, secret, webhook_message(entry, self._post.site.log_head), now)
        return True

    def _failed(self, entry: Claimed, code: str, *, is_final: bool) -> None:
        _log.warning("not delivered", channel=entry.channel.value, code=code, attempt=entry.attempts)
        if is_final:
            _mark(self._unit_of_work, lambda work: work.claims.refused(entry, code))
        else:
            _mark(self._unit_of_work, lambda work: work.claims.failed(entry, code))


def webhook_message(entry: Claimed, log_head: str) -> WebhookMessage:
    """Return what a webhook says of an entry: names and ids, and nothing that anybody typed; and the log's head."""
    references: dict[str, object] = {"event": id_text(entry.event_id), "chain": entry.rec}
    if entry.obj_kind is not None and entry.obj_ref is not None:
        references["object"] = {"kind": entry.obj_kind, "id": id_text(entry.obj_ref)}
    if log_head:
        references["checkpoint"] = log_head
    return WebhookMessage(f"msg_{id_text(entry.id)}", entry.event_type, entry.created_at, references)


def _accepted(work: Work, entry: Claimed) -> None:
    work.claims.accepted(entry)


def _void(work: Work, entry: Claimed) -> None:
    work.claims.void(entry)


def _mark(unit_of_work: UnitOfWork, mark: Callable[[Work], None]) -> None:
    with unit_of_work.write(Actor.system()) as work:
        mark(work)
