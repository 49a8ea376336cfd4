"""Sending one webhook: what is said, and how it is signed."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sharelink.crypto.webhook_secrets import webhook_signature
from sharelink.webhooks.posting import PATIENCE_SECONDS, TIMEOUT_SECONDS, Poster, PostFailed

_GONE = 410


class WebhookFailed(PostFailed):
    """It did not arrive; `code` says why in one word, and `is_final` that trying again is of no use."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """What is told: ids and times. Whoever wants more asks this service, which then knows who asked.

    `id` is the same for every try, so that a receiver sees repeats.
    """

    id: str
    type: str
    at: datetime
    references: Mapping[str, object]

    @property
    def body(self) -> bytes:
        """The exact bytes that are signed and sent."""
        content = {"type": self.type, "timestamp": self.at.isoformat(), "data": dict(self.references)}
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends messages to endpoints. `allow_private`: also to this machine and network, and by plain http."""

    allow_private: bool
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout_seconds: float = TIMEOUT_SECONDS
    patience_seconds: float = PATIENCE_SECONDS

    def send(self, url: str, secret: bytes, message: WebhookMessage, now: datetime) -> None:
        """Post `message` to `url`, signed with `secret`; return when the receiver has answered 2xx.

        Raises:
            WebhookFailed: it did not arrive, was refused, or must not go there.
        """
        body, at = message.body, int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Sharelink-Webhooks/1",
            "webhook-id": message.id,
            "webhook-timestamp": str(at),
            "webhook-signature": webhook_signature(secret, message.id, at, body),
        }
        poster = Poster(self.allow_private, self.tls, self.timeout_seconds, self.patience_seconds)
        try:
            status = poster.post(url, body, headers).status
        except PostFailed as failed:
            raise WebhookFailed(failed.code, is_final=failed.is_final) from None
        if not 200 <= status < 300:
            raise WebhookFailed(f"http_{status}", is_final=status == _GONE)
