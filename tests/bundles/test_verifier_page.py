"""verify.html as a text: it could ask nobody anything, and makes no markup out of what it reads."""

import base64
import hashlib
import re

from sharelink.bundles.verifier_page import verifier_page

PAGE = verifier_page().decode("utf-8")


def inside(tag: str) -> str:
    (found,) = re.findall(f"<{tag}>(.*?)</{tag}>", PAGE, flags=re.DOTALL)
    return str(found)


def test_its_policy_allows_its_own_script_and_style_and_nothing_else() -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', PAGE)
    assert policy is not None
    hashes = {
        tag: "'sha256-" + base64.b64encode(hashlib.sha256(inside(tag).encode()).digest()).decode() + "'"
        for tag in ("script", "style")
    }
    assert policy[1].split("; ") == [
        "default-src 'none'",
        f"script-src {hashes['script']}",
        f"style-src {hashes['style']}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    # It counts only for what comes after it.
    assert PAGE.index("Content-Security-Policy") < PAGE.index("<style>") < PAGE.index("<script>")


def test_it_names_no_address_and_makes_no_code_or_markup_out_of_text() -> None:
    assert re.findall(r"https?://|(?:src|href|action)=", PAGE) == []
    sinks = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(")
    assert [sink for sink in sinks if sink in PAGE] == []
