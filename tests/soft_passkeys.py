"""Passkeys in software: what an authenticator and a browser do together, with every part open to being wrong."""

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

from sharelink.factors.passkeys import RelyingParty

PARTY = RelyingParty("localhost", "http://localhost", "Example Reseller")
"""The service as the fixtures set it up."""

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftPasskey:
    """One passkey. `counts` makes it count its uses, as security keys do; synced passkeys always say zero."""

    party: RelyingParty = PARTY
    counts: bool = False
    verifies: bool = True
    sign_count: int = 0
    account_id: bytes = b""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> str:
        """Return the answer to the options of a registration."""
        self.account_id = base64url_to_bytes(options["user"]["id"])
        credential = struct.pack(">16sH", bytes(16), len(self.credential_id)) + self.credential_id + self._public_key()
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._authenticator_data(ATTESTED) + credential}
        return self._answer(
            {
                "clientDataJSON": self._client_data("webauthn.create", options["challenge"]),
                "attestationObject": bytes_to_base64url(encode_cbor(attestation)),
                "transports": ["internal"],
            }
        )

    def get(self, options: dict[str, Any], *, challenge: str | None = None, origin: str | None = None) -> str:
        """Return the answer to the options of a sign-in or proof.

        `challenge` signs another one than was asked; `origin` is where the browser is, if not where the key was made.
        """
        if self.counts:
            self.sign_count += 1
        client_data = self._client_data("webauthn.get", challenge or options["challenge"], origin)
        authenticator_data = self._authenticator_data(0)
        signed = authenticator_data + hashlib.sha256(base64url_to_bytes(client_data)).digest()
        return self._answer(
            {
                "clientDataJSON": client_data,
                "authenticatorData": bytes_to_base64url(authenticator_data),
                "signature": bytes_to_base64url(self._key.sign(signed, ec.ECDSA(SHA256()))),
                "userHandle": bytes_to_base64url(self.account_id),
            }
        )

    def _answer(self, response: dict[str, Any]) -> str:
        identifier = bytes_to_base64url(self.credential_id)
        return json.dumps({"id": identifier, "rawId": identifier, "type": "public-key", "response": response})

    def _client_data(self, kind: str, challenge: str, origin: str | None = None) -> str:
        content = {"type": kind, "challenge": challenge, "origin": origin or self.party.origin, "crossOrigin": False}
        return bytes_to_base64url(json.dumps(content).encode())

    def _authenticator_data(self, more_flags: int) -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | more_flags
        return hashlib.sha256(self.party.id.encode()).digest() + struct.pack(">BI", flags, self.sign_count)

    def _public_key(self) -> bytes:
        numbers = self._key.public_key().public_numbers()
        # COSE (RFC 9053): an EC2 key for ES256 on P-256.
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
