"""Facts about versions of keys."""

from sharelink.errors import SharelinkError, StorageUnavailable


class SealingKeyRetired(StorageUnavailable):
    """What was about to be stored is sealed with a version that was retired meanwhile. The next try takes another."""

    code = "sealing_key_retired"


class KeyVersionUnknown(SharelinkError):
    """There is no such version of a key."""

    code = "key_version_unknown"


class KeyInUse(SharelinkError):
    """The version is the current one; another must take its place first."""

    code = "key_in_use"


class KeyStillNeeded(SharelinkError):
    """Something can be opened or verified with this version only."""

    code = "key_still_needed"


class KeyNotRotated(SharelinkError):
    """Keys of this purpose are not replaced."""

    code = "key_not_rotated"


class KeyNotGiven(SharelinkError):
    """The next version must come from the environment, and is not there."""

    code = "key_not_given"


class KeyNotLost(SharelinkError):
    """The key is here, so it cannot be given up as lost."""

    code = "key_not_lost"


class KeysOfAnother(SharelinkError):
    """The keyring holds another key under a name that the database knows."""

    code = "keys_of_another"
