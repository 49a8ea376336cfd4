"""Codes of authenticator apps (TOTP, RFC 6238): six digits that change every 30 seconds. Knows no database."""

import base64
import re
from datetime import datetime

from pyotp import TOTP
from pyotp.exceptions import OTPVerificationError

STEPS_OF_TOLERANCE = 1
"""Clocks of phones are rarely off by more than half a minute."""

_CODE = re.compile(r"[0-9]{6}")
_TYPED_MAX = 32


def secret_text(secret: bytes) -> str:
    """Return the secret as apps take it when it is typed."""
    return base64.b32encode(secret).decode("ascii")


def app_address(secret: bytes, *, email: str, issuer: str) -> str:
    """Return the otpauth: address that a QR code hands to an app.

    Args:
        secret: what the app is to have.
        email: whose account the app will show.
        issuer: whose service the app will show.
    """
    # A colon would end the issuer's name within the address.
    return TOTP(secret_text(secret)).provisioning_uri(name=email, issuer_name=issuer.replace(":", " "))


def normalised_one_time_code(typed: str) -> str | None:
    """Return the six digits that `typed` means, whatever white space people put between them; None if it is no code."""
    digits = "".join(typed.split()) if len(typed) <= _TYPED_MAX else ""
    return digits if _CODE.fullmatch(digits) else None


def matching_step(secret: bytes, typed: str, now: datetime) -> int | None:
    """Return the time step whose code `typed` is, at most one from now; None if it is not right."""
    code = normalised_one_time_code(typed)
    if code is None:
        return None
    try:
        return TOTP(secret_text(secret)).verify_and_get_timecode(code, for_time=now, valid_window=STEPS_OF_TOLERANCE)
    except OTPVerificationError:
        return None
