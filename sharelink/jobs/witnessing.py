"""Asking the witnesses to cosign the log. Nothing is open in the database while a witness takes its time."""

from collections.abc import Callable

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork
from sharelink.webhooks.posting import Poster
from sharelink.witnesses.client import OtherSize, ProofRefused, WitnessFailed, ask
from sharelink.witnesses.configured import Witness, Witnesses

_MOST_PROOFS = 3
"""A witness that names another size each time is not asked for ever: its clients may be several workers of ours."""

_log = get_logger("sharelink.jobs")


def _never() -> bool:
    return False


def ask_witnesses_once(
    unit_of_work: UnitOfWork, witnesses: Witnesses, poster: Poster, *, is_stopping: Callable[[], bool] = _never
) -> int:
    """Ask the witnesses that are due, one after the other; return how many have cosigned.

    Args:
        unit_of_work: what makes transactions.
        witnesses: those of the settings.
        poster: how they are reached.
        is_stopping: asked between witnesses.

    Raises:
        StorageUnavailable: the database could not do its work; the witness in hand is asked again later.
    """
    with unit_of_work.read() as work:
        due = work.witnessing.due(witnesses.all)
    count = 0
    for witness in due:
        if is_stopping():
            break
        with unit_of_work.write(Actor.system()) as work:
            if not work.witnessing.take(witness):
                continue
        count += _ask(unit_of_work, witness, poster)
    return count


def _ask(unit_of_work: UnitOfWork, witness: Witness, poster: Poster) -> bool:
    for _ in range(_MOST_PROOFS):
        with unit_of_work.write(Actor.system()) as work:
            question = work.witnessing.question(witness)
        if question is None:
            _refused(unit_of_work, witness, "log_shrank", 0)
            return False
        try:
            cosigned = ask(poster, witness, question.proof)
        except WitnessFailed as failed:
            _failed(unit_of_work, witness, failed.code)
            return False
        except ProofRefused:
            _refused(unit_of_work, witness, "proof_refused", question.size)
            return False
        except OtherSize as other:
            with unit_of_work.write(Actor.system()) as work:
                is_ours = work.witnessing.take_size(witness, other.size)
            if not is_ours:
                _refused(unit_of_work, witness, "log_shrank", other.size)
                return False
        else:
            with unit_of_work.write(Actor.system()) as work:
                work.witnessing.keep(witness, question.size, cosigned)
            return True
    _failed(unit_of_work, witness, "http_409")
    return False


def _failed(unit_of_work: UnitOfWork, witness: Witness, code: str) -> None:
    _log.warning("a witness did not cosign", witness=witness.name, code=code)
    with unit_of_work.write(Actor.system()) as work:
        work.witnessing.failed(witness, code)


def _refused(unit_of_work: UnitOfWork, witness: Witness, reason: str, size: int) -> None:
    _log.error("a witness says that this log is not the one that it has seen", witness=witness.name, reason=reason)
    with unit_of_work.write(Actor.system()) as work:
        work.witnessing.refused(witness, reason, size)
