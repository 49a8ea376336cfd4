"""A checkpoint that somebody kept, brought along so that a bundle leads on from it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from sharelink.audit.signing import LogKeys
from sharelink.audit.tree import LogTree, newest_checkpoint
from sharelink.errors import InvalidInput
from sharelink.tlog.errors import ProofRejected
from sharelink.tlog.signed_notes import SignedNote

_FIELD = "checkpoint"


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint of ours as its reader has it, and the size that it speaks of."""

    size: int
    note: SignedNote


def kept_checkpoint(session: Session, keys: LogKeys, text: str) -> KeptCheckpoint | None:
    """Return the checkpoint that somebody pasted; None where nothing is pasted, or where it is of an empty log.

    Raises:
        InvalidInput: no checkpoint of this log; or one that the log does not lead on from, which is evidence.
    """
    if not text.strip():
        return None
    # Forms send other line ends, and take away the last.
    lines = text.replace("\r\n", "\n").strip("\n") + "\n"
    try:
        note = SignedNote.parse(lines.encode("utf-8"))
        checkpoint = keys.check(note)
    except ProofRejected as error:
        raise InvalidInput({_FIELD: "This is no checkpoint that our log has signed. Paste the whole file."}) from error
    newest = newest_checkpoint(session)
    if checkpoint.size == 0 or newest is None:
        return None
    if checkpoint.size > newest.size:
        raise InvalidInput(
            {_FIELD: "Our log is shorter than this checkpoint says. Keep it: it is evidence. Ask us why."}
        )
    if LogTree(session, newest.size).root_of_first(checkpoint.size) != checkpoint.root:
        raise InvalidInput({_FIELD: "Our log says something else than this checkpoint. Keep it: it is evidence."})
    return KeptCheckpoint(checkpoint.size, note)
