"""Bundles where witnesses watch the log: their signatures come along, and what they have not seen yet is led up to."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from sharelink.actors import Actor
from sharelink.audit.tree import newest_checkpoint
from sharelink.settings import Settings
from sharelink.times import from_microseconds
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.cosignatures import Ed25519Cosigner
from sharelink.tlog.errors import SignatureRejected
from sharelink.tlog.merkle import verify_consistency
from sharelink.tlog.proofs import ConsistencyProof
from sharelink.tlog.signed_notes import SignedNote
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from sharelink.witnesses.client import Cosigned
from tests.browsers import Browser
from tests.bundles.downloaded import policy_of, proof_of, unpacked
from tests.factories import Person, make_person, send_secret
from tests.statements.steps import BASE, stated

SECONDS = 1_795_000_000
WITNESS = Ed25519Cosigner.from_seed("customer.example/witness", bytes(range(32)))


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application whose log a customer's witness must have seen."""
    entry = f"{WITNESS.key.text()} https://witness.customer.example/add-checkpoint"
    return make_app(settings.model_copy(update={"audit_witnesses": entry, "audit_quorum": 1}))


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    return make_person(unit_of_work, "Anna Example", "anna@example.com")


def cosign(unit_of_work: UnitOfWork) -> int:
    """Let the witness see the log as it is now; return its size."""
    with unit_of_work.write(Actor.system()) as work:
        newest = newest_checkpoint(work.session)
        assert newest is not None
        line = WITNESS.cosign(newest.note.text, SECONDS)
        witness = unit_of_work.witnesses.all[0]
        work.witnessing.take(witness)
        work.witnessing.keep(witness, newest.size, Cosigned(line, from_microseconds(SECONDS * 1_000_000)))
        return newest.size


def test_what_witnesses_saw_comes_along_and_the_rest_is_led_up_to(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    record = stated(unit_of_work, staff)
    seen = cosign(unit_of_work)
    files = unpacked(client.post("/statement/bundle", data={"link": record.url}).data)
    policy = policy_of(files)
    assert policy.witnesses == {WITNESS.key.name: WITNESS.key}
    with pytest.raises(SignatureRejected):
        policy.check(SignedNote.parse(files["checkpoint"]))
    old = policy.check(SignedNote.parse(files[f"checkpoint-{seen}"]))
    new = Checkpoint.parse(SignedNote.parse(files["checkpoint"]).text)
    proof = ConsistencyProof.parse(files[f"consistency-{seen}-{new.size}"])
    verify_consistency(old.size, old.root, new.size, new.root, proof.path)


def test_a_receipt_leads_to_the_newest_checkpoint_that_witnesses_have_signed(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    form = {"link": sent.link.url(BASE)}
    client.post("/s/reveal", data=form)
    cosign(unit_of_work)
    send_secret(unit_of_work, staff)
    files = unpacked(client.post("/s/receipt", data=form).data)
    policy_of(files).check_entry(files["revealed.json"], proof_of(files, "revealed.json"))
    assert not [name for name in files if name.startswith("consistency")]
