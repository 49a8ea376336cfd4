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

waitress ends a connection that is silent; one byte in eight seconds keeps it for hours. Whoever reads an answer has the
same time.
"""
MOST_WAITING = 4
"""So many requests may wait behind one that is being answered. Browsers send none ahead."""


class _UnambiguousParser(HTTPRequestParser):
    """Refuses a request that tells its length in two ways: a proxy in front may have believed the other one.

    waitress believes the chunks and reads on, so that what the proxy took for the body would be a second request
    (RFC 9112, section 6.1).
    """

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        found = cast(Any, self)
        if found.proxy_netloc:
            # A request line with a host of its own outdoes the header (RFC 9112, section 3.2.2).
            found.headers["HOST"] = found.proxy_netloc
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
    """One connection. A request that does not come to its end in time ends it, and so does an answer that nobody reads.

    Requests sent ahead are answered one at a time, each when the answer before it has left: else one client that reads
    nothing would fill memory, and open files, with answers (measured: 3,000 files by 100 connections).
    """

    parser_class = _UnambiguousParser
    error_task_class = _Refusal
    _began_at = 0.0
    _answered_at = 0.0
    _answer_bytes = 0

    @classmethod
    def served(cls, *, https: bool) -> "type[Connection]":
        """Return the class for a service that people reach by https, or not."""
        return _HttpsConnection if https else cls

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._waiting: list[Any] = []
        super().__init__(*arguments, **named)

    def received(self, data: bytes) -> bool:
        """Take what has arrived, note when a request begins, and set aside what was sent ahead."""
        before = self.request
        taken = bool(super().received(data))
        if self.request is not before:
            self._began_at = time.time()
        channel = cast(Any, self)
        with channel.requests_lock:
            self._waiting += channel.requests[1:]
            del channel.requests[1:]
        if len(self._waiting) > MOST_WAITING:
            self.will_close = True
        return taken

    def readable(self) -> bool:
        """Tell whether more is wanted; asked by the server's loop again and again, which is where dawdling ends."""
        now = time.time()
        if self.total_outbufs_len:
            if self._is_not_read(now):
                # Ended here: waitress ends a connection only when it can be written to, and this one never can.
                self.handle_close()
                self.will_close = self.close_when_flushed = False
                return False
        else:
            self._answer_bytes = 0
            if not self.requests:
                self.will_close = self.will_close or self._has_dawdled(now)
        if self._waiting:
            self._take_next()
            return False
        return bool(super().readable())

    def _take_next(self) -> None:
        if self.will_close or self.close_when_flushed or self.total_outbufs_len:
            return
        channel = cast(Any, self)
        with channel.requests_lock:
            if not channel.requests:
                channel.requests.append(self._waiting.pop(0))
                channel.server.add_task(self)

    def _is_not_read(self, now: float) -> bool:
        patience, left = self._patience_seconds, self.total_outbufs_len
        if left > self._answer_bytes:
            self._answered_at, self._answer_bytes = now, left
        if now - self._answered_at <= patience:
            return False
        # What has left since the last look; the first megabytes only go into the system's buffer.
        read, self._answered_at, self._answer_bytes = self._answer_bytes - left, now, left
        return bool(read < patience * REQUEST_BYTES_PER_SECOND)

    def _has_dawdled(self, now: float) -> bool:
        request = cast(Any, self.request)
        if request is None:
            # Nothing of a request is here; how long that may be, the server's own clock says.
            return bool(self._is_crowded and now - self.last_activity > CROWDED_SECONDS)
        arrived = request.header_bytes_received + request.body_bytes_received
        return bool(now - self._began_at > self._patience_seconds + arrived / REQUEST_BYTES_PER_SECOND)

    @property
    def _is_crowded(self) -> bool:
        return len(cast(Any, self.server).active_channels) >= CROWDED_CONNECTIONS

    @property
    def _patience_seconds(self) -> float:
        return CROWDED_SECONDS if self._is_crowded else REQUEST_SECONDS


class _HttpsConnection(Connection):
    error_task_class = _HttpsRefusal
