"""Asking a witness to cosign: POST add-checkpoint after C2SP tlog-witness, and what its answer means."""

from dataclasses import dataclass
from datetime import datetime

from sharelink.times import from_microseconds
from sharelink.tlog.checkpoints import number
from sharelink.tlog.cosignatures import Cosigner, cosigned_time_seconds
from sharelink.tlog.errors import ProofRejected
from sharelink.tlog.proofs import ConsistencyProof
from sharelink.tlog.signed_notes import SignatureLine
from sharelink.webhooks.posting import Poster, PostFailed
from sharelink.witnesses.configured import Witness

_OK, _CONFLICT, _UNPROCESSABLE = 200, 409, 422
_SIZE_TYPE = "text/x.tlog.size"
_MOST_LINES = 16
_LATEST_SECONDS = 253_402_300_799
"""The end of the year 9999: no time of a cosignature that can be kept is later."""


class WitnessFailed(Exception):
    """It has not cosigned, which says nothing about the log; `code` says why in one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OtherSize(Exception):
    """The witness has last seen another size than the one that was proven from."""

    def __init__(self, size: int) -> None:
        super().__init__("the witness has seen another size")
        self.size = size


class ProofRefused(Exception):
    """The witness holds that this log does not go on from the one that it has seen: a fork, or a fault of somebody."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A verified line of a witness, and the time in it."""

    line: SignatureLine
    at: datetime


def ask(poster: Poster, witness: Witness, proof: ConsistencyProof) -> Cosigned:
    """Ask a witness to cosign the checkpoint of `proof`.

    Raises:
        WitnessFailed: no answer, or one that is none.
        OtherSize: it wants a proof from another size.
        ProofRefused: it wants no proof at all any more.
    """
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "Sharelink-Log/1"}
    try:
        answer = poster.post(witness.url, proof.to_bytes(), headers)
    except PostFailed as failed:
        raise WitnessFailed(failed.code) from None
    if answer.status == _OK:
        return _cosigned(witness, proof.checkpoint.text, answer.body)
    if answer.status == _CONFLICT and answer.content_type.partition(";")[0].strip() == _SIZE_TYPE:
        raise OtherSize(_size(answer.body))
    if answer.status == _UNPROCESSABLE:
        raise ProofRefused
    raise WitnessFailed(f"http_{answer.status}")


def _cosigned(witness: Witness, text: str, body: bytes) -> Cosigned:
    try:
        lines = body.decode("utf-8").splitlines()
        if len(lines) > _MOST_LINES:
            raise WitnessFailed("no_cosignature")
        for line in map(SignatureLine.parse, lines):
            # A witness may answer with lines of further keys; those that are not configured say nothing here.
            if (line.name, line.key_id) == (witness.key.name, witness.key.id):
                Cosigner.of(witness.key).check(text, line.signature)
                seconds = min(cosigned_time_seconds(line.signature), _LATEST_SECONDS)
                return Cosigned(line, from_microseconds(seconds * 1_000_000))
    except (ProofRejected, UnicodeDecodeError):
        raise WitnessFailed("bad_cosignature") from None
    raise WitnessFailed("no_cosignature")


def _size(body: bytes) -> int:
    try:
        return number(body.decode("ascii").removesuffix("\n"))
    except (ProofRejected, UnicodeDecodeError):
        raise WitnessFailed("no_size") from None
