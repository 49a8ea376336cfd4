"""What compose.yaml describes, without an engine: the shipped proxy in front of the shipped nodes, on this machine."""

import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from sharelink.settings import Settings
from tests.attacks.callers import Answer
from tests.attacks.servers import ROOT, START_SECONDS, environment, free_port, wait_until
from tests.mail_server import make_certificate
from tests.services import nginx_program

DEPLOY = ROOT / "deploy"
TOKEN = "a-monitor-that-holds-this-token-may-read"


@dataclass
class Node:
    """One node: gunicorn with its shipped configuration."""

    settings: Settings
    folder: Path
    workers: int
    variables: Mapping[str, object]
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        figures = self.folder / "figures"
        figures.mkdir(parents=True, exist_ok=True)
        changes = {"metrics_token": TOKEN, "metrics_directory": figures, "trusted_proxy_hops": 1, "log_level": "debug"}
        environ = environment(self.settings, changes | dict(self.variables))
        environ |= {"SHARELINK_NODE_BIND": f"127.0.0.1:{self.port}", "SHARELINK_NODE_WORKERS": str(self.workers)}
        command = [sys.executable, "-m", "gunicorn", "--config", DEPLOY / "gunicorn.conf.py", "wsgi:app"]
        with (self.folder / "output").open("ab") as written:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT
            )

    def wait_until_up(self) -> None:
        wait_until(lambda: self.answers("/healthz"), START_SECONDS, lambda: f"no node: {self.said()[-3000:]}")

    def answers(self, path: str) -> bool:
        assert self.process.poll() is None, self.said()[-3000:]
        with suppress(OSError, http.client.HTTPException):
            return self.get(path).status == 200
        return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return answer

    def raw(self, sent: bytes) -> bytes:
        """Send bytes, promise no more of them, and return everything that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def said(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@dataclass
class Proxy:
    """The shipped nginx.conf, byte for byte, with a `listen.conf` and a `nodes.conf` of this machine."""

    folder: Path
    nodes: list[Node]
    port: int = field(default_factory=free_port)

    @property
    def run(self) -> Path:
        """Return the folder that compose.yaml keeps in memory."""
        return self.folder / "run"

    def start(self) -> None:
        self.run.mkdir(parents=True)
        certificate, key = make_certificate(self.folder)
        self.context = ssl.create_default_context(cafile=str(certificate))
        shutil.copyfile(DEPLOY / "nginx" / "nginx.conf", self.folder / "nginx.conf")
        listen = (
            f"listen 127.0.0.1:{self.port} ssl http2;\nssl_certificate {certificate};\nssl_certificate_key {key};\n"
        )
        (self.folder / "listen.conf").write_text(listen)
        lines = (f"server 127.0.0.1:{node.port} max_fails=2 fail_timeout=1s;\n" for node in self.nodes)
        (self.folder / "nodes.conf").write_text("".join(lines))
        with (self.folder / "output").open("ab") as written:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, 20, lambda: f"no proxy: {self.said()}")

    def command(self, *arguments: str) -> list[str]:
        """Return the command of compose.yaml, in this folder."""
        # Started by root, nginx would hand over to a user who may not enter this folder.
        own = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        program = [str(nginx_program()), "-e", "stderr", "-p", f"{self.run}/", "-c", str(self.folder / "nginx.conf")]
        return [*program, "-g", own, *arguments]

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        with suppress(OSError, http.client.HTTPException):
            return self.get("/healthz").status == 200
        return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, b"", headers or {})

    def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", path, urlencode(fields).encode(), form | dict(headers or {}))

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=self.context)
        connection.request(method, path, body or None, dict(headers))
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return answer

    def tls_socket(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        try:
            return self.context.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise

    def said(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@contextmanager
def fleet(settings: Settings, folder: Path, redis_url: str) -> Iterator[tuple[Proxy, list[Node]]]:
    """Run two nodes, one of two processes, behind the proxy; they end with the block."""
    shared = {"rate_limit_store": redis_url}
    nodes = [Node(settings, folder / f"web-{number}", workers, dict(shared)) for number, workers in ((1, 2), (2, 1))]
    proxy = Proxy(folder / "proxy", nodes)
    for node in nodes:
        # The tests write through services of their own: one log has one name.
        named = {"base_url": f"https://localhost:{proxy.port}", "audit_origin": settings.log_origin}
        node.variables = shared | named
    try:
        for node in nodes:
            node.folder.mkdir()
            node.start()
        for node in nodes:
            node.wait_until_up()
        proxy.start()
        yield proxy, nodes
    finally:
        for part in (proxy, *nodes):
            if hasattr(part, "process"):
                part.stop()
