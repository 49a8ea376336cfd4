"""A text as a square that a phone reads: markup inside the page, because no picture may come from elsewhere."""

from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """Return an SVG element of `text`, black on white in every scheme: not every phone reads an inverted one."""
    import segno

    drawn = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return Markup(drawn)  # noqa: S704 - drawn by segno, which writes squares and never the text
