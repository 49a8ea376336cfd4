"""Handing letters to a mail server: TLS that is verified, one connection for several letters, little patience."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

from sharelink.settings_mail import SmtpSecurityMode

TIMEOUT_SECONDS = 20.0
_PERMANENT = 500


class MailFailed(Exception):
    """The server did not take the letter; `code` says why in one word, `is_final` that it said so for good."""

    def __init__(self, code: str, *, is_final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where the mail server is, and how it is talked to. `ca_file`: whom to trust beside the system's authorities."""

    host: str
    port: int
    security: SmtpSecurityMode
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    timeout_seconds: float = TIMEOUT_SECONDS

    def connect(self) -> smtplib.SMTP:
        """Return a connection that may be used for letters.

        Raises:
            MailFailed: the server cannot be reached, is not who it should be, or does not let us in.
        """
        with _failures_told():
            context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
            connection = self._opened(context)
        try:
            with _failures_told():
                if self.security is SmtpSecurityMode.STARTTLS:
                    connection.starttls(context=context)
                connection.ehlo_or_helo_if_needed()
                if self.user:
                    connection.login(self.user, self.password)
        except MailFailed:
            connection.close()
            raise
        return connection

    def _opened(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.security is SmtpSecurityMode.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)


class MailRound:
    """One round of letters over one connection, made when the first letter comes; a broken one is made anew."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None
        self._out_of_reach: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def send(self, sender: str, recipient: str, message: EmailMessage) -> None:
        """Hand over one letter; return when the server has accepted it.

        Raises:
            MailFailed: it has not.
        """
        if self._out_of_reach is not None:
            # The server was tried a moment ago: the other letters of the round need not wait for the same silence.
            raise MailFailed(self._out_of_reach)
        if self._connection is None:
            try:
                self._connection = self._server.connect()
            except MailFailed as failed:
                self._out_of_reach = failed.code
                raise
        try:
            with _failures_told():
                self._connection.send_message(message, sender, [recipient])
        except MailFailed as failed:
            # After a refused letter the connection is good; after anything else nobody knows what the server thinks.
            if not failed.is_final:
                self._hang_up()
            raise

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()


@contextmanager
def _failures_told() -> Iterator[None]:
    """Turn whatever goes wrong into `MailFailed`, without a word of the server's: its texts repeat addresses."""
    try:
        yield
    except UnicodeError:
        raise MailFailed("address", is_final=True) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _failure(error) from None


def _failure(error: Exception) -> MailFailed:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
        return MailFailed("recipient_refused", is_final=all(code >= _PERMANENT for code in codes))
    if isinstance(error, smtplib.SMTPDataError):
        return MailFailed("content_refused", is_final=error.smtp_code >= _PERMANENT)
    return MailFailed(next((code for kind, code in _CODES if isinstance(error, kind)), "unreachable"))


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (smtplib.SMTPAuthenticationError, "sign_in_refused"),
    (smtplib.SMTPSenderRefused, "sender_refused"),
    (smtplib.SMTPNotSupportedError, "not_supported"),
    (smtplib.SMTPResponseException, "refused_for_now"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
)
"""None of these is about one letter, so each is tried again."""
