"""Facts about the audit."""

from sharelink.errors import StorageUnavailable


class AuditUnavailable(StorageUnavailable):
    """The event could not be written, so the act it belongs to did not happen (promise 2)."""

    code = "audit_unavailable"
