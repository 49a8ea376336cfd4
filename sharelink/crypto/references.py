"""Short references that people say on the phone and write into tickets."""

import secrets

from sharelink.crypto.access_codes import ALPHABET

REFERENCE_SYMBOLS = 6


def new_reference(prefix: str) -> str:
    """Return `prefix`, a hyphen and 6 random unmistakable symbols, such as `CR-7K3M2Q`.

    Random, not counted: a number would tell every customer how many others there are. With 31^6 values two may
    coincide, so whoever stores one checks that it is new.
    """
    return prefix + "-" + "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE_SYMBOLS))
