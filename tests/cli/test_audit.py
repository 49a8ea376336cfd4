"""`sharelink audit`: what an operator does with the log, and that proofs outlive what is erased."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import func, select, text

from sharelink.actors import Actor
from sharelink.acts import restoring
from sharelink.acts.verifying import verification
from sharelink.audit.errors import OriginUnchanged
from sharelink.audit.events import SYSTEM_CHAIN
from sharelink.audit.models import AuditActor, AuditDisclosure, AuditLeaf
from sharelink.cli.audit import audit
from sharelink.crypto.identifiers import id_text
from sharelink.custody.queries import record_detail
from sharelink.errors import UnsafeStart
from sharelink.jobs.log_head import keep_head_outside_once
from sharelink.settings import Settings
from sharelink.start import require_continuity
from sharelink.tlog.policies import Policy
from sharelink.tlog.proofs import InclusionProof
from sharelink.tlog.signed_notes import SignedNote
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, open_record, send_secret
from tests.fakes import MovableClock


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> bytes:
    record = open_record(unit_of_work, staff, "Example GmbH")
    send_secret(unit_of_work, staff, custody_id=record, code=False)
    return record


def run(*arguments: str) -> Result:
    return CliRunner().invoke(audit, list(arguments), catch_exceptions=False)


def count(unit_of_work: UnitOfWork, model: type) -> int:
    with unit_of_work.read() as work:
        return work.session.scalar(select(func.count()).select_from(model)) or 0


def test_what_is_printed_proves_what_is_written(unit_of_work: UnitOfWork, record: bytes, tmp_path: Path):
    into = tmp_path / "proofs"
    assert run("prove", "0", "2", "--into", str(into)).exit_code == 0
    policy = Policy.parse("".join(f"log {key}\n" for key in run("keys").output.split()) + "quorum none\n")
    for index in (0, 2):
        proof = InclusionProof.parse((into / f"{index:08d}.tlog-proof").read_bytes())
        assert proof.index == index
        policy.check_entry((into / f"{index:08d}.json").read_bytes(), proof)
    checkpoint = policy.check(SignedNote.parse(run("checkpoint").output.encode()))
    assert checkpoint.size == count(unit_of_work, AuditLeaf)


def test_an_event_that_is_not_there_cannot_be_proven(unit_of_work: UnitOfWork, record: bytes, tmp_path: Path):
    refused = CliRunner().invoke(audit, ["prove", "99999", "--into", str(tmp_path / "none")])
    assert refused.exit_code != 0
    assert not (tmp_path / "none").exists()


def test_an_export_holds_what_was_asked_for(unit_of_work: UnitOfWork, record: bytes, tmp_path: Path):
    with unit_of_work.read() as work:
        reference = record_detail(work.session, record).reference
    lines = [json.loads(line) for line in run("export", "--record", reference.lower()).output.splitlines()]
    assert {json.loads(line["leaf"])["rec"] for line in lines} == {id_text(record)}
    file = tmp_path / "out.csv"
    assert run("export", "--format", "csv", "--kind", "share.", "--output", str(file)).exit_code == 0
    assert [line.split(",")[2] for line in file.read_text().splitlines()] == ["type", "share.created"]
    assert CliRunner().invoke(audit, ["export", "--record", "C-NONE"]).exit_code == 2


def test_erased_fields_are_gone_and_every_proof_stays_valid(
    unit_of_work: UnitOfWork, settings: Settings, record: bytes, clock: MovableClock, tmp_path: Path
):
    with unit_of_work.read() as work:
        reference = record_detail(work.session, record).reference
        salted = set(work.session.scalars(select(AuditDisclosure.disclosure)))
    assert run("prove", "1", "--into", str(tmp_path)).exit_code == 0
    clock.move(days=200)
    assert "0 personal fields" in run("disclosures", "erase", "--yes", "--public-days", "300").output
    clock.move(days=200)
    of_record = "0 personal fields" not in run("disclosures", "erase", "--yes", "--keep", reference).output
    assert of_record
    with unit_of_work.read() as work:
        kept = work.session.scalars(
            select(AuditLeaf.rec).join(AuditDisclosure, AuditDisclosure.leaf_index == AuditLeaf.index).distinct()
        ).all()
    # What erasing itself has left is new.
    assert set(kept) == {id_text(record), SYSTEM_CHAIN}
    assert run("disclosures", "erase", "--yes").exit_code == 0
    with unit_of_work.read() as work:
        assert not salted & set(work.session.scalars(select(AuditDisclosure.disclosure)))
    assert count(unit_of_work, AuditActor) == 0
    checked = verification(unit_of_work, settings.checkpoint_file)
    assert list(checked.findings()) == []
    assert checked.counts.erased > 5
    key = unit_of_work.log_keys.public_keys[0]
    proof = InclusionProof.parse((tmp_path / "00000001.tlog-proof").read_bytes())
    Policy((key,), {}, {}, None).check_entry((tmp_path / "00000001.json").read_bytes(), proof)
    if settings.database_file is not None:
        stored = settings.database_file.read_bytes()
        assert not [disclosure for disclosure in salted if disclosure.encode() in stored]


def test_a_restored_log_goes_on_under_another_name_only(
    unit_of_work: UnitOfWork, settings: Settings, record: bytes, make_app, database_url: str
):
    assert keep_head_outside_once(unit_of_work, settings.checkpoint_file)
    with pytest.raises(OriginUnchanged):
        restoring.go_on_under_new_name(unit_of_work)
    with unit_of_work.write(Actor.operator()) as work:
        size = work.session.scalar(text("SELECT size FROM audit_head"))
    renamed: Flask = make_app(settings.model_copy(update={"audit_origin": "localhost/audit-2"}))
    with renamed.app_context():
        with pytest.raises(UnsafeStart, match=re.escape("signed as localhost/audit,")):
            require_continuity(settings)
        done = run("restored", "--yes")
        assert "localhost/audit goes on as localhost/audit-2" in done.output.replace("that was signed as ", "")
        require_continuity(settings)
        newest = run("checkpoint").output.splitlines()
        assert newest[:2] == ["localhost/audit-2", str(size + 1)]
