"""How times and lengths are written for people."""

from datetime import UTC, datetime

from flask import Flask

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def utc_text(at: datetime) -> str:
    """Return `at` as "24 Nov 2026, 19:00 UTC": unambiguous everywhere, zone included."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def iso_text(at: datetime) -> str:
    """Return `at` for a `datetime` attribute: 2026-11-24T19:00:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration_text(seconds: float) -> str:
    """Return a length of time in its largest units: "7 days", "1 hour 30 minutes"."""
    left = max(0, int(seconds))
    parts = []
    for size, name in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def install(app: Flask) -> None:
    """Make the filters known to the templates."""
    app.add_template_filter(utc_text, "utc")
    app.add_template_filter(iso_text, "iso")
    app.add_template_filter(duration_text, "duration")
