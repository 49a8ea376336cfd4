"""A mail server in a process of its own, with TLS and a sign-in, that keeps every letter as a file.

    python -m tests.mail_server FOLDER starttls|tls        prints its port and serves until it is ended

What a recipient's name begins with decides: `refused` and `later` are turned away, `slow` takes half a second.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "sharelink", "smtp-password-canary-1f8b7c"
STOP_SECONDS = 10


class Keeper:
    """Takes letters, and answers as the recipient's name says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("refused"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.3.0 not now"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if any(address.startswith("slow") for address in envelope.rcpt_tos):
            await asyncio.sleep(0.5)
        content = envelope.original_content or b""
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {','.join(envelope.rcpt_tos)}\r\n"
        name = uuid.uuid4().hex
        (self._folder / f"{name}.part").write_bytes(head.encode() + content)
        (self._folder / f"{name}.part").rename(self._folder / f"{name}.eml")
        return "250 OK"


def sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    # Not handled: the server itself says no to whoever is wrong.
    return AuthResult(success=right, handled=right)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost that signs itself; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


async def serve(folder: Path, security: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    implicit = security == "tls"

    def session() -> SMTP:
        return SMTP(
            Keeper(folder / "letters"),
            hostname="localhost",
            tls_context=None if implicit else context,
            require_starttls=not implicit,
            authenticator=sign_in,
            auth_required=True,
            # Implicit TLS is below this protocol, which does not know that it is safe.
            auth_require_tls=not implicit,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=context if implicit else None)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - how the parent learns the port
    async with server:
        await server.serve_forever()


@dataclass(frozen=True)
class RunningMailServer:
    """The server's process, as tests see it."""

    folder: Path
    port: int
    security: str

    @property
    def settings(self) -> dict[str, object]:
        """Return the settings of a service that writes through this server."""
        return {
            "smtp_host": "localhost",
            "smtp_port": self.port,
            "smtp_security": self.security,
            "smtp_ca_file": self.folder / "certificate.pem",
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "smtp_from": "sharelink@example.com",
        }

    @property
    def letters(self) -> list[EmailMessage]:
        """Return the letters that came, parsed, in the order of their dates."""
        return sorted(
            (parsed(raw) for raw in self.raw), key=lambda letter: (letter["Date"].datetime, str(letter["Message-ID"]))
        )

    @property
    def raw(self) -> list[bytes]:
        """Return the letters as they came."""
        return [path.read_bytes() for path in (self.folder / "letters").glob("*.eml")]

    def forget_letters(self) -> None:
        """Throw away what came."""
        for path in (self.folder / "letters").iterdir():
            path.unlink()

    def letters_to(self, address: str) -> list[EmailMessage]:
        """Return the letters to one address."""
        return [letter for letter in self.letters if letter["X-Envelope-To"] == address]


def parsed(raw: bytes) -> EmailMessage:
    """Return a letter as a mail program reads it."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    """Return one of the two bodies of a letter."""
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@contextmanager
def running_mail_server(folder: Path, security: str = "starttls") -> Iterator[RunningMailServer]:
    """Yield a mail server; it ends with the block."""
    make_certificate(folder)
    (folder / "letters").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mail_server", str(folder), security],
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield RunningMailServer(folder, int(process.stdout.readline()), security)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
