"""What tests may stand in for: only time. Cryptography and databases are always the real ones."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the moment that the clock shows."""
        return self.now

    def move(self, **lengths: float) -> None:
        """Move by a length of time, such as `hours=2`; a negative one goes back."""
        self.now += timedelta(**lengths)
