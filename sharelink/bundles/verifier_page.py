"""verify.html: one file that checks a bundle in a browser, from disk, without any network.

The page allows itself nothing but its own script and style, each by its hash.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from string import Template

SCRIPTS = ("bytes.js", "notes.js", "tree.js", "archive.js", "checks.js", "page.js")
_FOLDER = files("sharelink.bundles") / "verifier"


@cache
def verifier_page() -> bytes:
    """Return the page as it is put into every bundle: script and style inside, a policy that forbids all requests."""
    script = "\n(() => {\n" + '"use strict";\n' + "\n".join(_text(name) for name in SCRIPTS) + "})();\n"
    style = "\n" + _text("page.css")
    policy = (
        f"default-src 'none'; script-src '{_hash_source(script)}'; style-src '{_hash_source(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    page = Template(_text("page.html"))
    return page.substitute(policy=policy, style=style, script=script).encode("utf-8")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash_source(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
