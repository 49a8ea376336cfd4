"""Facts about the audit."""

from sharelink.errors import SharelinkError, StorageUnavailable


class AuditUnavailable(StorageUnavailable):
    """The event could not be written, so the act it belongs to did not happen (promise 2)."""

    code = "audit_unavailable"


class EventNotFound(SharelinkError):
    """There is no event with this index."""

    code = "event_not_found"


class LogEmpty(SharelinkError):
    """Nothing has happened yet, so there is nothing to sign or to prove."""

    code = "log_empty"


class OriginUnchanged(SharelinkError):
    """A restored log must go on under another name than the one under which its lost part was signed."""

    code = "origin_unchanged"
