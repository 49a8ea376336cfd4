"""What the built-in server adds to waitress: honest lengths, an end to dawdling, the usual headers on refusals."""

import time
from typing import Any, cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from sharelink.web.security_headers import headers_of_every_answer

MOST_CONNECTIONS = 450
CROWDED_CONNECTIONS = 300
"""From so many on patience is short: one that takes up a place without a whole request makes room for others."""
REQUEST_SECONDS = 20.0
CROWDED_SECONDS = 3.0
REQUEST_BYTES_PER_SECOND = 4096
"""A request has 20 s, and a second more for every 4 KiB that has arrived: the slowest telephones are faster.

waitress ends a connection that is silent; one byte in eight seconds keeps it for hours.
"""


class _UnambiguousParser(HTTPRequestParser):
    """Refuses a request that tells its length in two ways: a proxy in front may have believed the other one.

    waitress believes the chunks and reads on, so that what the proxy took for the body would be a second request
    (RFC 9112, section 6.1).
    """

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")


class _Refusal(ErrorTask):
    """The answer to what never reaches the application: short, and with the headers of all answers."""

    https = False

    def execute(self) -> None:
        error: Any = cast(Any, self.request).error
        body = f"{error.code} {error.reason}\nThis request could not be understood. Nothing was changed.\n".encode()
        self.status = f"{error.code} {error.reason}"
        always = headers_of_every_answer(https=self.https)
        own = {"Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8"}
        self.response_headers = [*(always | own).items()]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _HttpsRefusal(_Refusal):
    https = True


class Connection(HTTPChannel):
    """One connection. A request that does not come to its end in time ends it."""

    parser_class = _UnambiguousParser
    error_task_class = _Refusal
    _began_at = 0.0

    @classmethod
    def served(cls, *, https: bool) -> "type[Connection]":
        """Return the class for a service that people reach by https, or not."""
        return _HttpsConnection if https else cls

    def received(self, data: bytes) -> bool:
        """Take what has arrived, and note when a request begins."""
        before = self.request
        taken = bool(super().received(data))
        if self.request is not before:
            self._began_at = time.time()
        return taken

    def readable(self) -> bool:
        """Tell whether more is wanted; asked by the server's loop again and again, which is where dawdling ends."""
        if not self.requests and not self.total_outbufs_len and self._has_dawdled(time.time()):
            self.will_close = True
        return bool(super().readable())

    def _has_dawdled(self, now: float) -> bool:
        is_crowded = len(cast(Any, self.server).active_channels) >= CROWDED_CONNECTIONS
        request = cast(Any, self.request)
        if request is None:
            # Nothing of a request is here; how long that may be, the server's own clock says.
            return bool(is_crowded and now - self.last_activity > CROWDED_SECONDS)
        arrived = request.header_bytes_received + request.body_bytes_received
        patience = CROWDED_SECONDS if is_crowded else REQUEST_SECONDS
        return bool(now - self._began_at > patience + arrived / REQUEST_BYTES_PER_SECOND)


class _HttpsConnection(Connection):
    error_task_class = _HttpsRefusal
