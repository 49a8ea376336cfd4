"""statement.html: the page of a statement as one file, to be read and printed without us and without a network."""

import base64
import hashlib
import html
import re

from sharelink.assets import asset_directory

_STYLES = ("base.css", "shell.css", "parts.css", "statement.css")
_SPRITE = re.compile(r'href="[^"]*icons\.svg[^"#]*#')


def statement_page(article: str, *, title: str, number: str) -> bytes:
    """Return the page around a statement's sheet.

    Args:
        article: the sheet, rendered.
        title: for the window.
        number: random text that nobody can guess. The log keeps a digest of the page; without a part that is unknown,
            whoever has the log could try out which names were on it.
    """
    static = asset_directory("static")
    style = "\n" + "\n".join((static / "css" / name).read_text(encoding="utf-8") for name in _STYLES)
    style_hash = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    # The icons lie beside the page on our site; here they are inside of it.
    sheet = _SPRITE.sub('href="#', article)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{style_hash}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body class="wide">
<main class="container">
<div class="flow flow-large statement">
{sheet}
<p class="sheet-end">Statement no. {html.escape(number)}. The log holds a digest of this page: verify.html beside it \
tells whether it is still the page that was issued.</p>
</div>
</main>
<div hidden>{(static / "icons.svg").read_text(encoding="utf-8")}</div>
</body>
</html>
"""
    return page.encode("utf-8")
