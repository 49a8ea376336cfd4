"""Finding the record that an address names, for somebody who may do with it what the page does."""

from sharelink.accounts.permissions import Permission
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.web.authentication import authorise
from sharelink.web.wiring import current_unit_of_work


def record_id_of(text: str) -> bytes:
    """Return the id in an address.

    Raises:
        RecordNotFound: it is none.
    """
    try:
        return id_from_text(text)
    except ValueError:
        raise RecordNotFound("not the id of any record") from None


def record_for(text: str, permission: Permission) -> RecordDetail:
    """Return the record that an address names.

    Raises:
        RecordNotFound: there is none.
        PermissionDenied: the viewer may not do this with a record of its group.
    """
    with current_unit_of_work().read() as work:
        detail = record_detail(work.session, record_id_of(text))
    authorise(permission, detail.group_id)
    return detail
