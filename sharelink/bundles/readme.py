"""README.txt of a bundle: what it is, and the commands that check it with openssl alone.

The tests run the very commands of a downloaded bundle's text.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

_FOLDER = files("sharelink.bundles") / "readme"


@dataclass(frozen=True, slots=True)
class ReadmeFacts:
    """What a text says of its bundle. `entries` are the entries' files as a shell names them."""

    title: str
    about: str
    made_at: datetime
    origin: str
    size: int
    entries: str
    has_chain: bool
    has_disclosures: bool
    has_older: bool


def readme(facts: ReadmeFacts) -> bytes:
    """Return the text, with the steps that the bundle has files for."""
    wanted = {
        "chain": facts.has_chain,
        "page": facts.has_chain,
        "disclosures": facts.has_disclosures,
        "consistency": facts.has_older,
    }
    steps = [_text(name) for name, is_there in wanted.items() if is_there]
    numbered = [text.replace("[[N]]", str(number)) for number, text in enumerate(steps, start=4)]
    values = {
        "TITLE": facts.title,
        "UNDERLINE": "=" * len(facts.title),
        "ABOUT": facts.about,
        "MADE_AT": f"{facts.made_at:%Y-%m-%d %H:%M} UTC",
        "ORIGIN": facts.origin,
        "SIZE": str(facts.size),
        "STEPS": "".join(numbered),
        # Last: the steps name the entries, too.
        "ENTRIES": facts.entries,
    }
    text = _text("main")
    for name, value in values.items():
        text = text.replace(f"[[{name}]]", value)
    return text.encode("utf-8")


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
