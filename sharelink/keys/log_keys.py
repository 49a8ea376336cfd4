"""The keys that sign the audit log, of a process that follows its keyring.

Every version in the keyring signs, a staged one, too: readers who know only the older key accept a checkpoint that both
have signed. Of a retired version the public half stays, because its old signatures still count.
"""

from sharelink.audit.signing import LogKeys, retired_log_keys
from sharelink.crypto.keyring import Keyring
from sharelink.keys.live import LiveKeyring


class LiveLogKeys:
    """The log's keys as they are now, in `current`."""

    def __init__(self, origin: str, keys: LiveKeyring) -> None:
        """Begin with the keys of `keys`, and follow them.

        Raises:
            UnsafeStart: a file in the keyring holds no verifier key.
        """
        self._origin = origin
        self._directory = keys.source.directory
        self.current = self._made_of(keys.keyring)
        keys.when_changed(self._follow)

    def _follow(self, keyring: Keyring) -> None:
        self.current = self._made_of(keyring)

    def _made_of(self, keyring: Keyring) -> LogKeys:
        return LogKeys.of(self._origin, keyring.log_keys, retired_log_keys(self._directory))
