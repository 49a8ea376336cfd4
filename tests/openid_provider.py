"""A small OpenID Connect provider in a process of its own, that does as it is told: claims, and faults.

    python -m tests.openid_provider        prints its address and serves until it is ended

Standard library and joserfc only. Clients are fixed: one id, one secret. `POST /told` changes how it behaves.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_ID = "sharelink-tests"
CLIENT_SECRET = "client-secret-canary-7f3a9c51d2"
STOP_SECONDS = 10

KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed-1", "use": "sig"}),
}


class State:
    """What the provider was told, and what it remembers."""

    told: ClassVar[dict[str, Any]] = {}
    codes: ClassVar[dict[str, dict[str, str]]] = {}
    tokens: ClassVar[list[str]] = []
    verifiers: ClassVar[list[str]] = []


def now() -> int:
    return int(State.told.get("now") or time.time())


def signed(claims: dict[str, Any]) -> str:
    """Return an ID token, or what the fault makes of it."""
    algorithm = State.told.get("alg", "RS256")
    if algorithm == "none":
        return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."
    if algorithm == "HS256":
        # The old confusion: the public key as the secret of a symmetric algorithm.
        import hmac  # noqa: PLC0415 - for this fault only

        head = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{encoded(claims)}"
        pem = KEYS["RS256"].as_pem(private=False)
        mac = hmac.digest(pem, head.encode(), "sha256")
        return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    key = RSAKey.generate_key(2048) if State.told.get("foreign_key") else KEYS[algorithm]
    kid = KEYS[algorithm].kid
    # Not `jwt.encode`: half a character must arrive as JSON spells it.
    return jws.serialize_compact({"alg": algorithm, "kid": kid}, json.dumps(claims), key, algorithms=[algorithm])


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    """Discovery, keys, a page to sign in, codes for tokens."""

    protocol_version = "HTTP/1.1"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]  # typed as its base class

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def answer(self, status: int, body: str, kind: str = "application/json", **headers: str) -> None:
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if State.told.get("down"):
            self.answer(503, "{}")
        elif State.told.get("redirects") and path != "/elsewhere":
            self.answer(302, "", Location=f"{self.issuer}/elsewhere")
        elif path in {"/.well-known/openid-configuration", "/elsewhere"}:
            self.answer(200, json.dumps(self.metadata()))
        elif path == "/keys":
            self.answer(200, json.dumps(KeySet(list(KEYS.values())).as_dict(private=False)))
        elif path == "/authorize":
            self.answer(200, self.page(), "text/html; charset=utf-8")
        elif path == "/seen":
            self.answer(200, json.dumps({"tokens": State.tokens, "verifiers": State.verifiers}))
        else:
            self.answer(404, "{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        path = urlsplit(self.path).path
        if path == "/told":
            State.told = json.loads(body)
            if State.told.pop("rotate", False):
                KEYS["RS256"] = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
            self.answer(200, "{}")
        elif State.told.get("down"):
            self.answer(503, "{}")
        elif path == "/authorize":
            self.authorize({name: values[0] for name, values in parse_qs(body).items()})
        elif path == "/token":
            self.token({name: values[0] for name, values in parse_qs(body).items()})
        else:
            self.answer(404, "{}")

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": State.told.get("calls_itself", self.issuer),
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": State.told.get("token_endpoint", f"{self.issuer}/token"),
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": list(KEYS),
        }

    def page(self) -> str:
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(values[0])}">'
            for name, values in parse_qs(urlsplit(self.path).query).items()
        )
        return (
            "<!doctype html><html lang=en><title>Provider</title><h1>Provider</h1>"
            f'<form method=post action="/authorize">{fields}'
            "<label>User <input name=user></label><button>Sign in there</button></form>"
        )

    def authorize(self, asked: dict[str, str]) -> None:
        if asked.get("client_id") != CLIENT_ID or asked.get("code_challenge_method") != "S256":
            self.answer(400, "{}")
            return
        if asked.get("user") == "nobody":
            back = {"error": "access_denied", "state": asked["state"]}
        else:
            code = f"code-canary-{secrets.token_urlsafe(16)}"
            State.codes[code] = asked
            back = {"code": code, "state": asked["state"], "iss": self.issuer}
        self.answer(303, "", Location=f"{asked['redirect_uri']}?{urlencode(back)}")

    def token(self, sent: dict[str, str]) -> None:
        asked = State.codes.pop(sent.get("code", ""), None)
        raw = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        client, _colon, secret = raw.partition(":")
        challenge = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or (unquote(client), unquote(secret)) != (CLIENT_ID, CLIENT_SECRET)
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
            or sent.get("redirect_uri") != asked["redirect_uri"]
        ):
            self.answer(400, json.dumps({"error": "invalid_grant"}))
            return
        State.verifiers.append(sent["code_verifier"])
        claims = {
            "iss": self.issuer,
            "sub": f"subject-of-{asked.get('user', 'anna')}",
            "aud": CLIENT_ID,
            "exp": now() + 300,
            "iat": now(),
            "auth_time": now() if asked.get("prompt") == "login" else now() - 3600,
            "nonce": asked["nonce"],
            "email": f"{asked.get('user', 'anna')}@example.com",
            "email_verified": True,
            "name": f"{asked.get('user', 'anna').title()} Example",
        }
        claims |= State.told.get("claims", {})
        token = signed({name: value for name, value in claims.items() if value is not None})
        access = f"access-canary-{secrets.token_urlsafe(16)}"
        State.tokens += [token, access]
        more = {"more": "x" * 600_000} if State.told.get("long_token_answer") else {}
        self.answer(200, json.dumps({"access_token": access, "token_type": "Bearer", "id_token": token, **more}))


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """Let the caller see the redirect."""


@dataclass(frozen=True)
class RunningProvider:
    """The provider's process, as tests talk to it."""

    issuer: str

    def tell(self, **behaviour: Any) -> None:
        """Make the provider behave so from now on, and in no other way that it was told before."""
        self._post("/told", json.dumps(behaviour))

    def sign_in(self, address: str, user: str = "anna") -> str:
        """Sign in on the page at `address` as a person does; return where the browser is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return str(self._post("/authorize", urlencode(asked | {"user": user})))

    def seen(self) -> dict[str, list[str]]:
        """Return the tokens that it made and the verifiers that it was shown."""
        with build_opener().open(f"{self.issuer}/seen", timeout=STOP_SECONDS) as answer:
            found: dict[str, list[str]] = json.load(answer)
        return found

    def _post(self, path: str, body: str) -> str | None:
        request = Request(f"{self.issuer}{path}", data=body.encode(), method="POST")  # noqa: S310 - our own process
        opener = build_opener(_NoRedirects())
        try:
            with opener.open(request, timeout=STOP_SECONDS) as answer:
                return answer.headers.get("Location")
        except OSError as error:
            headers = getattr(error, "headers", None)
            if headers is None or headers.get("Location") is None:
                raise
            error.close()  # type: ignore[attr-defined]  # an HTTPError, seen by its headers
            return str(headers["Location"])


@contextmanager
def running_provider() -> Iterator[RunningProvider]:
    """Run the provider until the block ends."""
    command = [sys.executable, "-m", "tests.openid_provider"]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield RunningProvider(process.stdout.readline().strip())
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def main() -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
