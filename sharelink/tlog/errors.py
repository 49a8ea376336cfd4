"""What can be wrong with a proof or a note. Each names the fact, so that a person hears which part does not fit."""

from sharelink.errors import SharelinkError


class ProofRejected(SharelinkError):
    """Something that claims to prove a log does not; the text says what is wrong with it."""

    code = "proof_rejected"


class NoteMalformed(ProofRejected):
    """A text is no signed note, checkpoint, key, proof or policy of the specified form."""

    code = "note_malformed"


class SignatureRejected(ProofRejected):
    """A signature by a known key is wrong, or no known key has signed."""

    code = "signature_rejected"


class TreeMismatch(ProofRejected):
    """A hash path does not lead to the root it should lead to."""

    code = "tree_mismatch"
