"""Checks ID tokens (OpenID Connect Core 1.0, section 3.1.3.7). Knows no network and no database."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from sharelink.sso.errors import Refusal, SignOnRefused
from sharelink.sso.models import SUBJECT_MAX
from sharelink.sso.provider import LEEWAY, Claims, claim_at

OLDEST_TOKEN = timedelta(minutes=10)
TOKEN_MAX_CHARACTERS = 65_536
RSA_BITS_MIN = 2048

_KEY_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("RS256",),
    "EC": ("ES256",),
    # The name of RFC 8037, which providers use, and its successor of RFC 9864.
    "OKP": ("EdDSA", "Ed25519"),
}
"""What a key of each kind may have signed with. A key is never tried as anything else, and `none` and the symmetric
algorithms, with which a public key would be a password, are not among them."""


class SignatureUnknown(Exception):
    """No key of the set signed the token; the provider may have changed its keys meanwhile."""


def verified_claims(token: str, keys: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the claims of a token that one of `keys` (members of a JWK set) signed.

    Raises:
        SignatureUnknown: none of them did, or by an algorithm that is not allowed.
    """
    if len(token) > TOKEN_MAX_CHARACTERS:
        raise SignatureUnknown
    for key in keys:
        kind = str(key.get("kty"))
        if kind not in _KEY_KINDS or key.get("use", "sig") != "sig":
            continue
        try:
            public = _KEY_KINDS[kind].import_key(dict(key))
            if isinstance(public, RSAKey) and public.public_key.key_size < RSA_BITS_MIN:
                continue
            read = jwt.decode(token, public, algorithms=_ALGORITHMS[kind])
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if _is_meant(read.header, key):
            return read.claims
    raise SignatureUnknown


def checked_claims(
    found: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, roles_claim: str, now: datetime
) -> Claims:
    """Return what the claims of a verified token say, if it was made for us, now, and for this very sign-in.

    Args:
        found: the claims.
        issuer: the provider, exactly as it calls itself.
        client_id: what it calls us.
        nonce: what this sign-in sent along.
        roles_claim: the claim with groups or roles; empty for none.
        now: the moment.

    Raises:
        SignOnRefused: anything is missing or wrong.
    """
    audience = found.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    told_nonce, subject = found.get("nonce"), found.get("sub")
    issued_at, expires_at = _moment(found.get("iat")), _moment(found.get("exp"))
    checks = {
        "iss": found.get("iss") == issuer,
        "aud": client_id in audiences,
        # Whoever the token was made for as well could have passed it on.
        "azp": found.get("azp") == client_id or ("azp" not in found and len(audiences) == 1),
        "nonce": isinstance(told_nonce, str) and hmac.compare_digest(_bytes(told_nonce), _bytes(nonce)),
        "exp": expires_at is not None and now < expires_at + LEEWAY,
        "iat": issued_at is not None and now - OLDEST_TOKEN - LEEWAY <= issued_at <= now + LEEWAY,
        "nbf": "nbf" not in found or ((not_before := _moment(found["nbf"])) is not None and not_before <= now + LEEWAY),
        "sub": isinstance(subject, str) and 0 < len(subject) <= SUBJECT_MAX and subject.isprintable(),
    }
    if wrong := [name for name, holds in checks.items() if not holds]:
        raise SignOnRefused(Refusal.TOKEN, f"the ID token's {', '.join(wrong)} cannot be accepted")
    return Claims(
        issuer=issuer,
        subject=str(subject),
        email=_text(found.get("email")),
        # Exactly true: a provider that says it in other words may mean something else.
        email_is_verified=found.get("email_verified") is True,
        name=_text(found.get("name")),
        methods=tuple(dict.fromkeys(one for one in _texts(found.get("amr")) if one.isascii() and " " not in one)),
        level=_text(found.get("acr")),
        authenticated_at=_moment(found.get("auth_time")),
        values=frozenset(_texts(claim_at(found, roles_claim)) if roles_claim else ()),
    )


def _is_meant(header: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    return "kid" not in header or "kid" not in key or header["kid"] == key["kid"]


def _moment(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(value: object) -> str:
    # Half a character, which JSON can spell, can be neither stored nor shown.
    return value.encode("utf-8", "ignore").decode("utf-8") if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
