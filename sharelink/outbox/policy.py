"""What the settings decide about telling people."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class OutboxPolicy:
    """Whether there is a mail server, and after how long an unopened link is worth a reminder (None: never)."""

    mail: bool = False
    remind_after: timedelta | None = None
