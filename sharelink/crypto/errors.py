"""Facts about keys, tokens and seals."""

from sharelink.errors import SharelinkError, StorageUnavailable


class SealBroken(SharelinkError):
    """The bytes do not open with these keys; one fact for every cause, so that it tells an attacker nothing."""

    code = "seal_broken"


class TokenRejected(SharelinkError):
    """The token was not made by this service for this purpose, is too old, or is not in its one spelling."""

    code = "token_rejected"


class LinkKeyRejected(SharelinkError):
    """The text is not the one spelling of 32 bytes."""

    code = "link_key_rejected"


class KeyUnusable(StorageUnavailable):
    """A key of the keyring cannot be used. The text says why, as the end of a sentence about it, and holds no value."""

    code = "key_unusable"


class KeyMissing(KeyUnusable):
    """The keyring has no key of that name."""

    code = "key_missing"


class KeyWrappingFailed(StorageUnavailable):
    """Whoever wraps keys did not wrap or unwrap one. The text says why, as above."""

    code = "key_wrapping_failed"


class MasterKeyMissing(StorageUnavailable):
    """A row names a master key version that this process does not hold."""

    code = "master_key_missing"


class FactorKeyMissing(StorageUnavailable):
    """A second factor was kept with a key version that this process does not hold."""

    code = "factor_key_missing"


class WebhookKeyMissing(StorageUnavailable):
    """A webhook's secret was kept with a key version that this process does not hold."""

    code = "webhook_key_missing"


class EpochKeyMissing(SharelinkError):
    """The epoch key of that day does not exist (any more): what it sealed cannot be opened by anybody."""

    code = "epoch_key_missing"


class PasswordHashingBusy(SharelinkError):
    """So many passwords are being checked that this one had to be turned away; nothing was decided about it."""

    code = "password_hashing_busy"
