"""AWS KMS as the wrapper of keys, by boto3.

Each key is wrapped with an encryption context that names installation, purpose and version. KMS authenticates it: a
blob from another installation, or under another version's name, does not unwrap. The context stands in CloudTrail.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from sharelink.crypto.errors import KeyWrappingFailed
from sharelink.crypto.key_purposes import KeyName

CONNECT_SECONDS = 2
READ_SECONDS = 3
TRIES = 2
"""At the worst ten seconds and a pause of one for one key, of a service that is silent."""

_NO_CREDENTIALS = "AWS does not know the credentials of this service"
_BROKEN = "AWS KMS is broken or overloaded for now"
_REFUSALS = {
    "AccessDeniedException": "AWS KMS does not let this service use the key",
    "DependencyTimeoutException": _BROKEN,
    "DisabledException": "the key in AWS KMS is disabled",
    "ExpiredTokenException": "the credentials of this service have expired",
    "IncorrectKeyException": "it was wrapped by another key of AWS KMS than SHARELINK_KMS_KEY_ID names",
    "InvalidCiphertextException": "it was wrapped for another installation, purpose or version, or was changed",
    "InvalidClientTokenId": _NO_CREDENTIALS,
    "InvalidKeyUsageException": "the key in AWS KMS is not one that encrypts",
    "InvalidSignatureException": "the secret part of this service's credentials is wrong, or its clock is",
    "KMSInternalException": _BROKEN,
    "KeyUnavailableException": "the key in AWS KMS is not available now",
    "KMSInvalidStateException": "the key in AWS KMS is in no state to be used (waiting for its deletion?)",
    "NotFoundException": "AWS KMS has no key of the name in SHARELINK_KMS_KEY_ID",
    "ThrottlingException": "AWS KMS answers no more requests for now",
    "UnrecognizedClientException": _NO_CREDENTIALS,
}
_UNASKED: dict[type[Exception], str] = {
    ConnectionClosedError: "AWS KMS ended the connection without an answer",
    ConnectTimeoutError: "AWS KMS cannot be reached",
    EndpointConnectionError: "AWS KMS cannot be reached",
    NoCredentialsError: "this service has no credentials of AWS",
    PartialCredentialsError: "this service has only a part of its credentials of AWS",
    ReadTimeoutError: f"AWS KMS gave no answer within {READ_SECONDS} seconds, {TRIES} times",
}


class AwsKeyWrapping:
    """A symmetric key of AWS KMS. Asked once for each wrapped key; no answer is kept on a disk."""

    def __init__(self, key_id: str, installation: str, *, region: str = "", endpoint_url: str = "") -> None:
        """Prepare, without a connection.

        Args:
            key_id: id, ARN or alias of the key that wraps.
            installation: what the context calls this installation.
            region: of KMS; empty for the one of the AWS environment.
            endpoint_url: of KMS; empty for the public one.
        """
        self._key_id = key_id
        self._installation = installation
        self._region = region or None
        self._endpoint_url = endpoint_url or None

    def wrap(self, name: KeyName, key: bytes) -> bytes:
        """Return the ciphertext blob of `key`; see `KeyWrapping`."""
        return self._asked("encrypt", "CiphertextBlob", name, Plaintext=key)

    def unwrap(self, name: KeyName, wrapped: bytes) -> bytes:
        """Return the key in a ciphertext blob; see `KeyWrapping`."""
        return self._asked("decrypt", "Plaintext", name, CiphertextBlob=wrapped)

    def context(self, name: KeyName) -> dict[str, str]:
        """Return the encryption context of a key. It is no secret."""
        return {
            "sharelink:installation": self._installation,
            "sharelink:purpose": name.purpose.value,
            "sharelink:version": str(name.version),
        }

    def _asked(self, operation: str, answered: str, name: KeyName, **arguments: bytes) -> bytes:
        failed = "cannot be wrapped" if operation == "encrypt" else "cannot be unwrapped"
        # `from None`: a botocore error may hold the request that failed.
        try:
            answer = getattr(self._client(), operation)(
                KeyId=self._key_id, EncryptionContext=self.context(name), **arguments
            )
            return bytes(answer[answered])
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise KeyWrappingFailed(f"{failed}: {_REFUSALS.get(code, 'AWS KMS refuses')} ({code})") from None
        except (KeyError, TypeError, AttributeError, ResponseParserError) as error:
            # A proxy's page, say, with status 200.
            raise KeyWrappingFailed(
                f"{failed}: what answered does not speak as AWS KMS does ({type(error).__name__})"
            ) from None
        except (BotoCoreError, ValueError) as error:
            why = _UNASKED.get(type(error), "AWS KMS cannot be asked")
            raise KeyWrappingFailed(f"{failed}: {why} ({type(error).__name__})") from None

    def _client(self) -> Any:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
        )
        # A session of its own: the default one keeps the first credentials that it was given.
        session = boto3.Session()
        return session.client("kms", region_name=self._region, endpoint_url=self._endpoint_url, config=config)
