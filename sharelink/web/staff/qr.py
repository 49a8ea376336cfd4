"""A link as a square that a phone reads: markup inside the page, because no picture may come from elsewhere."""

import segno
from markupsafe import Markup


def link_qr(link: str) -> Markup:
    """Return an SVG element of `link`; it holds nothing else, so it needs no escaping."""
    return Markup(segno.make(link, error="m", micro=False).svg_inline(scale=4, border=3, omitsize=True))  # noqa: S704
