"""What a browser calls itself, in the few words that let its owner recognise it. Never used to decide anything."""

_BROWSERS = (
    # The first that matches: most browsers also carry the names of those they want to be taken for.
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_SHOWN_MAX = 60


def device_text(agent: str | None) -> str:
    """Return something like "Firefox on Windows" for a User-Agent header, or the beginning of what it says."""
    agent = agent or ""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "".join(filter(str.isprintable, agent))[:_SHOWN_MAX] or "Unknown device"
