"""A witness after C2SP tlog-witness, strict and small, without a line of the project: what a customer could run.

`python -m tests.witness_server STATE SEED_HEX NAME LOG_VKEY [PORT]` serves until it is killed, and prints its port.
What it has cosigned lies in the file STATE, written before it answers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY_ROOT = hashlib.sha256(b"").digest()
Answer = tuple[int, bytes, str]


class Malformed(Exception):
    """The body is no add-checkpoint request."""


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed from None
    if base64.b64encode(raw).decode() != text:
        raise Malformed
    return raw


def decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0"):
        raise Malformed
    return int(text)


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2, as it is written there."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path
    if not path:
        return False
    path = [old_root, *path] if old & (old - 1) == 0 else path
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(step, fr), node(step, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


@dataclass
class WitnessServer:
    """One witness of one log. `wrong` lets it misbehave: answer this instead, whatever is asked."""

    state: Path
    seed: bytes
    name: str
    log_vkey: str
    clock: Any = time.time
    url: str = ""
    wrong: Answer | None = None
    delay_seconds: float = 0.0
    asked: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def vkey(self) -> str:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([4]) + public).decode()}"

    @property
    def key_id(self) -> bytes:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n\x04" + public).digest()[:4]

    def seen(self) -> tuple[int, bytes]:
        if not self.state.exists():
            return 0, EMPTY_ROOT
        kept = json.loads(self.state.read_text())
        return kept["size"], base64.b64decode(kept["root"])

    def answer(self, body: bytes) -> Answer:
        """Answer one request."""
        self.asked.append(body)
        time.sleep(self.delay_seconds)
        if self.wrong is not None:
            return self.wrong
        try:
            with self.lock:
                return self._checked(body)
        except (Malformed, UnicodeDecodeError, IndexError, ValueError):
            return 400, b"malformed", "text/plain"

    def _checked(self, body: bytes) -> Answer:
        head, _, note = body.partition(b"\n\n")
        first, *hashes = head.decode("ascii").split("\n")
        if not first.startswith("old ") or len(hashes) > 63:
            raise Malformed
        old, path = decimal(first[4:]), [decoded(line) for line in hashes]
        text, _, signatures = note.decode().rpartition("\n\n")
        text += "\n"
        origin, size_text, root_text = text.split("\n")[:3]
        size, root = decimal(size_text), decoded(root_text)
        if not note.endswith(b"\n") or any(len(hashed) != 32 for hashed in [root, *path]):
            raise Malformed
        name, _, _ = self.log_vkey.split("+", 2)
        if origin != name:
            return 404, b"unknown log", "text/plain"
        if not self._is_signed(text, signatures):
            return 403, b"no known key has signed", "text/plain"
        if old > size:
            return 400, b"old is larger than the checkpoint", "text/plain"
        seen, seen_root = self.seen()
        if old != seen:
            return 409, f"{seen}\n".encode(), "text/x.tlog.size"
        if not is_consistent(seen, seen_root, size, root, path):
            return 422, b"not consistent", "text/plain"
        self._keep(size, root)
        return 200, self._cosignature(text).encode(), "text/plain; charset=utf-8"

    def _is_signed(self, text: str, signatures: str) -> bool:
        name, key_id, encoded = self.log_vkey.split("+", 2)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
        for line in signatures.splitlines():
            dash, signer, value = line.split(" ")
            raw = decoded(value)
            if dash != "\u2014":
                raise Malformed
            if signer == name and raw[:4].hex() == key_id:
                with suppress(InvalidSignature):
                    public.verify(raw[4:], text.encode())
                    return True
                return False
        return False

    def _keep(self, size: int, root: bytes) -> None:
        waiting = self.state.with_suffix(".new")
        waiting.write_text(json.dumps({"size": size, "root": base64.b64encode(root).decode()}))
        descriptor = os.open(waiting, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        waiting.replace(self.state)

    def _cosignature(self, text: str) -> str:
        seconds = int(self.clock())
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        raw = self.key_id + struct.pack(">Q", seconds) + signature
        return f"\u2014 {self.name} {base64.b64encode(raw).decode()}\n"


class _Handler(BaseHTTPRequestHandler):
    witness: WitnessServer

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.path.endswith("/add-checkpoint")
        status, content, kind = self.witness.answer(body) if known else (404, b"", "text/plain")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)


def server_of(witness: WitnessServer, port: int = 0) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"witness": witness}))
    server.daemon_threads = True
    witness.url = f"http://localhost:{server.server_port}/add-checkpoint"
    return server


@contextmanager
def running_witness(witness: WitnessServer) -> Iterator[WitnessServer]:
    """Serve a witness on a free port of this machine."""
    server = server_of(witness)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    state, seed, name, log_vkey, *port = sys.argv[1:]
    made = server_of(WitnessServer(Path(state), bytes.fromhex(seed), name, log_vkey), int(port[0]) if port else 0)
    sys.stdout.write(f"{made.server_port}\n")
    sys.stdout.flush()
    made.serve_forever()
