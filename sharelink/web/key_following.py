"""Lets what runs before the views follow the keys: the tokens of staff forms, and links that are counted one by one."""

from flask import Flask, request

from sharelink.crypto.keyring import Keyring
from sharelink.errors import StorageUnavailable
from sharelink.keys.live import LiveKeyring
from sharelink.web.wiring import current_unit_of_work

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask, keys: LiveKeyring) -> None:
    """Give Flask its keys, now and whenever they change, and look at them before a request that may change something.

    Pages that only show something ask nobody: the static pages of links must come without the database (promise 5).
    """

    def give(keyring: Keyring) -> None:
        *older, newest = keyring.form_keys
        app.secret_key = newest
        app.config["SECRET_KEY_FALLBACKS"] = older
        # itsdangerous takes a list: the last key signs, all of them verify.
        app.config["WTF_CSRF_SECRET_KEY"] = [*older, newest]

    give(keys.keyring)
    keys.when_changed(give)

    @app.before_request
    def follow_keys() -> None:
        if request.method in _SAFE:
            return
        try:
            current_unit_of_work().refresh_keys()
        except StorageUnavailable:
            # What cannot be read now is told by the view, which may need nothing of it.
            return
