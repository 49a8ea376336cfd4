"""The secrets of webhooks, when the keys that they are kept with are replaced."""

from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.webhook_secrets import seal_webhook_secret, unseal_webhook_secret
from sharelink.keys.sealed_column import SealedColumn, SealedRow
from sharelink.outbox.models import WebhookEndpoint

SEALED_ENDPOINTS = SealedColumn(
    KeyPurpose.WEBHOOK,
    WebhookEndpoint.id,
    WebhookEndpoint.id,
    WebhookEndpoint.sealed_secret,
    WebhookEndpoint.created_at,
    (WebhookEndpoint.removed_at.is_(None),),
)


def rewrapped(row: SealedRow, keyring: Keyring) -> bytes:
    """Return the webhook's secret sealed with the current webhook key.

    Raises:
        SealBroken, WebhookKeyMissing: it does not open.
    """
    secret = unseal_webhook_secret(keyring.webhook_keys, row.id, row.value)
    return seal_webhook_secret(keyring.webhook_keys, row.id, secret)
