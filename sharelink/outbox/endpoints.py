"""Webhooks: where they go, who added them, and the secret that signs them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.webhook_secrets import (
    new_webhook_secret,
    seal_webhook_secret,
    unseal_webhook_secret,
    webhook_secret_text,
)
from sharelink.errors import InvalidInput
from sharelink.keys.holding import hold
from sharelink.outbox.errors import EndpointNotFound
from sharelink.outbox.models import NAME_MAX, URL_MAX, OutboxEntry, WebhookEndpoint
from sharelink.outbox.states import DeliveryState
from sharelink.webhooks.addresses import AddressRefused, destination_of

MOST_ENDPOINTS = 10
_WORDS = {
    "no_address": "Write a whole web address such as https://tickets.example.com/hooks, without user and password.",
    "not_https": "Use https: whoever reads along would learn what happens on records.",
    "private_address": "This is an address of a private network, where webhooks must not go.",
}


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A webhook that was just added; its secret is shown this once."""

    id: bytes
    secret_text: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Adding and removing webhooks, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    actor: Actor
    now: datetime

    def add(self, name: str, url: str, *, allow_private: bool) -> NewEndpoint:
        """Add a webhook; from now on it hears of every event of a record that anybody is told of.

        Raises:
            InvalidInput: name or address cannot be used, or there are too many already.
        """
        name, url = " ".join(name.split()), url.strip()
        errors = {}
        if not name or len(name) > NAME_MAX or not name.isprintable():
            errors["name"] = f"Say what it is for, in up to {NAME_MAX} characters."
        try:
            destination_of(url, allow_private=allow_private)
        except AddressRefused as refused:
            errors["url"] = _WORDS[refused.code]
        if len(url) > URL_MAX:
            errors["url"] = f"Use an address of up to {URL_MAX} characters."
        if len(self.session.scalars(_present).all()) >= MOST_ENDPOINTS:
            errors["url"] = f"There are {MOST_ENDPOINTS} already. Remove one first."
        account_id = self.actor.account_id
        if errors or account_id is None:
            raise InvalidInput(errors)
        endpoint_id, secret = new_id(), new_webhook_secret()
        hold(self.session.connection(), KeyPurpose.WEBHOOK, self.keyring.current_version(KeyPurpose.WEBHOOK))
        sealed = seal_webhook_secret(self.keyring.webhook_keys, endpoint_id, secret)
        self.session.add(
            WebhookEndpoint(
                id=endpoint_id,
                name=name,
                url=url,
                sealed_secret=sealed,
                created_at=self.now,
                created_by=account_id,
                removed_at=None,
                removed_by=None,
            )
        )
        self._append(AuditEvent.WEBHOOK_ADDED, endpoint_id, name, url)
        return NewEndpoint(endpoint_id, webhook_secret_text(secret))

    def remove(self, endpoint_id: bytes) -> None:
        """Stop a webhook: what waits for it is not sent any more. Its deliveries stay readable.

        Raises:
            EndpointNotFound: there is none, or it was removed.
        """
        removed = self.session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.removed_at.is_(None))
            .values(removed_at=self.now, removed_by=self.actor.account_id, sealed_secret=b"")
            .returning(WebhookEndpoint.name, WebhookEndpoint.url),
            execution_options={"synchronize_session": False},
        ).one_or_none()
        if removed is None:
            raise EndpointNotFound("no such webhook")
        self.session.execute(
            update(OutboxEntry)
            .where(OutboxEntry.audience_ref == endpoint_id, OutboxEntry.state == DeliveryState.QUEUED)
            .values(state=DeliveryState.VOID, lease=None),
            execution_options={"synchronize_session": False},
        )
        self._append(AuditEvent.WEBHOOK_REMOVED, endpoint_id, removed.name, removed.url)

    def destination(self, endpoint_id: bytes) -> tuple[str, bytes]:
        """Return the address and the secret of a webhook.

        Raises:
            EndpointNotFound: there is none, or it was removed.
            SealBroken: its secret does not open.
            WebhookKeyMissing: the key of its secret is missing.
        """
        endpoint = self.session.get(WebhookEndpoint, endpoint_id)
        if endpoint is None or endpoint.removed_at is not None:
            raise EndpointNotFound("no such webhook")
        secret = unseal_webhook_secret(self.keyring.webhook_keys, endpoint_id, endpoint.sealed_secret)
        return endpoint.url, secret

    def _append(self, event: AuditEvent, endpoint_id: bytes, name: str, url: str) -> None:
        self.audit.append(
            event,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("webhook", endpoint_id),
            # An address may hold a key of its owner, so only the host is told.
            personal={"webhook_name": name, "webhook_host": destination_of(url, allow_private=True).host_header},
        )


_present = select(WebhookEndpoint.id).where(WebhookEndpoint.removed_at.is_(None)).limit(MOST_ENDPOINTS)
