"""AWS KMS as its reference describes its answers, on this machine: seals by one key, refuses as told, or is silent.

It speaks AWS JSON 1.1 (the operation in `X-Amz-Target`, names of errors in `__type` and `x-amzn-ErrorType`), with the
statuses of the reference of `Decrypt` and of the errors that all actions share.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sharelink.kms.aws import AwsKeyWrapping
from tests.kms.kms_server import CREDENTIALS, REGION

STATUSES = {
    "AccessDeniedException": 400,
    "DependencyTimeoutException": 500,
    "DisabledException": 400,
    "ExpiredTokenException": 403,
    "IncorrectKeyException": 400,
    "InvalidCiphertextException": 400,
    "InvalidClientTokenId": 403,
    "InvalidKeyUsageException": 400,
    "InvalidSignatureException": 400,
    "KMSInternalException": 500,
    "KMSInvalidStateException": 400,
    "KeyUnavailableException": 500,
    "NotFoundException": 400,
    "ThrottlingException": 400,
    "UnrecognizedClientException": 400,
    "ValidationException": 400,
}
KEY_ID = "arn:aws:kms:eu-central-1:111122223333:key/0f0f0f0f-0000-4000-8000-000000000000"
ACCOUNT = "111122223333"
_TARGET = "TrentService."
SILENT, CLOSING = "silent", "closing"
"""Takes requests and says nothing; ends connections without an answer."""


@dataclass
class RefusingKms:
    """A running server. `asked` are the operations of all requests, in order."""

    url: str
    asked: list[str] = field(default_factory=list)
    _answers: dict[str, str | bytes] = field(default_factory=dict)
    _allowed: dict[str, int] = field(default_factory=dict)
    _aead: AESGCM = field(default_factory=lambda: AESGCM(secrets.token_bytes(32)))
    _over: threading.Event = field(default_factory=threading.Event)

    def refuses(self, name: str, *operations: str, after: int = 0) -> None:
        """Refuse by the error of that name (or be `SILENT`, or `CLOSING`), once `after` of each operation were done."""
        for operation in operations or ("Encrypt", "Decrypt"):
            self._answers[operation], self._allowed[operation] = name, after

    def answers(self, body: bytes) -> None:
        """Answer everything with status 200 and this body from now on."""
        self._answers = {"Encrypt": body, "Decrypt": body}
        self._allowed = {}

    def works(self) -> None:
        """Be AWS KMS again."""
        self._answers, self._allowed = {}, {}

    def wrapping(self) -> AwsKeyWrapping:
        """Return what Sharelink asks it with."""
        return AwsKeyWrapping(KEY_ID, "production", region=REGION, endpoint_url=self.url)

    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it, without their prefix."""
        return {
            "KMS_KEY_ID": KEY_ID,
            "KMS_INSTALLATION": "production",
            "KMS_REGION": REGION,
            "KMS_ENDPOINT_URL": self.url,
        }

    def reply(self, operation: str, arguments: dict[str, Any]) -> tuple[int, str, bytes] | None:
        """Return status, name of the error and body; None to hang up."""
        self.asked.append(operation)
        told = self._answers.get(operation)
        if self._allowed.get(operation, 0):
            self._allowed[operation] -= 1
            told = None
        if isinstance(told, bytes):
            return 200, "", told
        if told == SILENT:
            self._over.wait(60)
        if told in (SILENT, CLOSING):
            return None
        return _refused(told) if told else self._done(operation, arguments)

    def _done(self, operation: str, arguments: dict[str, Any]) -> tuple[int, str, bytes]:
        context = json.dumps(arguments["EncryptionContext"], sort_keys=True).encode()
        if operation == "Encrypt":
            nonce = secrets.token_bytes(12)
            sealed = nonce + self._aead.encrypt(nonce, base64.b64decode(arguments["Plaintext"]), context)
            return _body({"KeyId": KEY_ID, "CiphertextBlob": base64.b64encode(sealed).decode()})
        blob = base64.b64decode(arguments["CiphertextBlob"])
        try:
            key = self._aead.decrypt(blob[:12], blob[12:], context)
        except InvalidTag:
            return _refused("InvalidCiphertextException")
        return _body({"KeyId": KEY_ID, "Plaintext": base64.b64encode(key).decode()})


def _refused(name: str) -> tuple[int, str, bytes]:
    # Texts of AWS name accounts, people and keys.
    _status, _name, body = _body({"__type": name, "message": f"User: arn:aws:iam::{ACCOUNT}:user/x: {KEY_ID}: no."})
    return STATUSES[name], name, body


def _body(content: dict[str, str]) -> tuple[int, str, bytes]:
    return 200, "", json.dumps(content).encode()


@contextmanager
def refusing_kms() -> Iterator[RefusingKms]:
    """Run a server during the block. It works until it is told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert f"Credential={CREDENTIALS['AWS_ACCESS_KEY_ID']}/" in self.headers["Authorization"]
            reply = kms.reply(self.headers["X-Amz-Target"].removeprefix(_TARGET), arguments)
            if reply is None:
                self.close_connection = True
                return
            status, error, body = reply
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        kms = RefusingKms(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield kms
        finally:
            kms._over.set()
            server.shutdown()
            thread.join()
