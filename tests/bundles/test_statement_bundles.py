"""The bundle of a statement: what is in it, for whom, what its issue leaves behind, and what it never holds."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from sharelink.audit.leaves import disclosed_field, disclosure_digest
from sharelink.audit.tree import checkpoint_of_size, newest_checkpoint
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.link_keys import link_key_text
from sharelink.settings import Settings
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import leaf_hash, verify_consistency
from sharelink.tlog.proofs import ConsistencyProof
from sharelink.tlog.signed_notes import SignedNote, base64_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import Browser
from tests.bundles.downloaded import entry_names, fields_of, policy_of, proof_of, said_by_shell, unpacked
from tests.factories import Person, send_secret
from tests.statements.steps import Stated, stated


@pytest.fixture
def shown(unit_of_work: UnitOfWork, staff: Person) -> Stated:
    """Return a record with a link to its statement, and one send."""
    record = stated(unit_of_work, staff)
    send_secret(unit_of_work, staff, custody_id=record.custody_id)
    return record


def for_customer(client: Browser, record: Stated, **form: str) -> dict[str, bytes]:
    answer = client.post("/statement/bundle", data={"link": record.url} | form)
    assert answer.status_code == 200, answer.text
    return unpacked(answer.data)


def test_it_holds_the_whole_chain_up_to_its_own_issue_with_proofs(client: Browser, shown: Stated) -> None:
    files = for_customer(client, shown)
    names = entry_names(files)
    policy = policy_of(files)
    assert files["checkpoint"].startswith(b"localhost/audit\n")
    previous = None
    for position, name in enumerate(names):
        fields = fields_of(files, name)
        assert name == f"{position:04d}.json"
        assert (fields["rec"], fields["rseq"]) == (id_text(shown.custody_id), position)
        assert fields["prev"] == previous
        previous = base64_text(leaf_hash(files[name]))
        proof = proof_of(files, name)
        assert policy.check_entry(files[name], proof).origin == "localhost/audit"
        assert proof.checkpoint.to_bytes() == files["checkpoint"]
    assert fields["type"] == "custody.statement_issued"
    assert fields["facts"]["last_rseq"] == len(names) - 2
    assert fields["facts"]["page_sha256"] == base64_text(hashlib.sha256(files["statement.html"]).digest())


def test_it_leads_on_from_the_one_before_and_only_from_those_of_the_same_readers(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    first = for_customer(client, shown)
    staffs = bundle_of_staff(client, staff, shown)
    send_secret(unit_of_work, staff, custody_id=shown.custody_id)
    client.post("/sign-out", data={"csrf_token": client.token("/account")})
    second = for_customer(client, shown)
    old, new = checkpoint_in(first), checkpoint_in(second)
    assert not [name for name in first if name.startswith("consistency")]
    assert f"checkpoint-{checkpoint_in(staffs).size}" not in second
    assert second[f"checkpoint-{old.size}"] == first["checkpoint"]
    proof = ConsistencyProof.parse(second[f"consistency-{old.size}-{new.size}"])
    verify_consistency(old.size, old.root, new.size, new.root, proof.path)
    assert proof.checkpoint.to_bytes() == second["checkpoint"]


def test_nothing_leads_on_from_what_the_log_said_under_another_name(
    client: Browser, shown: Stated, make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    kept = for_customer(client, shown)["checkpoint"]
    renamed = make_app(settings.model_copy(update={"audit_origin": "localhost/audit-2"}))
    later = Browser.of(renamed)
    files = for_customer(later, shown)
    assert files["checkpoint"].startswith(b"localhost/audit-2\n")
    assert [name for name in files if name.startswith(("checkpoint-", "consistency-"))] == []
    assert [
        name for name in entry_names(files) if not policy_of(files).check_entry(files[name], proof_of(files, name))
    ] == []
    answer = later.post("/statement/bundle", data={"link": shown.url, "checkpoint": kept.decode()})
    assert answer.status_code == 422


def test_a_checkpoint_that_was_kept_is_led_on_from_too(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated
) -> None:
    with unit_of_work.read() as work:
        kept = newest_checkpoint(work.session)
    assert kept is not None
    # As a form sends it.
    files = for_customer(client, shown, checkpoint=kept.note.to_bytes().decode().strip().replace("\n", "\r\n"))
    assert files[f"checkpoint-{kept.size}"] == kept.note.to_bytes()
    new = checkpoint_in(files)
    proof = ConsistencyProof.parse(files[f"consistency-{kept.size}-{new.size}"])
    verify_consistency(kept.size, kept.root, new.size, new.root, proof.path)


def test_a_checkpoint_that_the_log_does_not_lead_on_from_is_named_as_evidence(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated
) -> None:
    keys = unit_of_work.log_keys
    forked = keys.sign(3, bytes(32)).to_bytes().decode()
    longer = keys.sign(10_000, bytes(32)).to_bytes().decode()
    for text, said in ((forked, "something else"), (longer, "shorter"), ("no checkpoint", "no checkpoint")):
        before = recorded_types(unit_of_work, id_text(shown.custody_id))
        answer = client.post("/statement/bundle", data={"link": shown.url, "checkpoint": text})
        assert (answer.status_code, said in answer.text) == (422, True)
        issued = set(recorded_types(unit_of_work, id_text(shown.custody_id))) - set(before)
        assert "custody.statement_issued" not in issued


def test_its_issue_is_an_event_and_its_checkpoint_is_remembered_as_handed_out(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated
) -> None:
    files = for_customer(client, shown)
    assert recorded_types(unit_of_work, id_text(shown.custody_id))[-1] == "custody.statement_issued"
    with unit_of_work.read() as work:
        stored = checkpoint_of_size(work.session, checkpoint_in(files).size)
    assert stored is not None
    assert stored.note.to_bytes() == files["checkpoint"]
    assert stored.handed_out_at is not None


def test_what_it_discloses_is_what_its_reader_may_see(client: Browser, staff: Person, shown: Stated) -> None:
    customers = disclosed(for_customer(client, shown))
    staffs = disclosed(bundle_of_staff(client, staff, shown))
    assert "actor_name" in customers
    assert customers["contact"] == "Carla Customer"
    assert not {"ip", "user_agent", "vault_reference", "code_waiver_reason"} & set(customers)
    assert "ip" in staffs
    assert "user_agent" not in staffs


def test_it_never_holds_a_link_a_token_a_key_or_a_secret(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    sent = send_secret(unit_of_work, staff, custody_id=shown.custody_id)
    client.post("/s/status", data={"link": sent.link.url("http://localhost")})
    both = (for_customer(client, shown), bundle_of_staff(client, staff, shown))
    hidden = [sent.link.token, link_key_text(sent.link.link_key), shown.link.token, link_key_text(shown.link.link_key)]
    for files in both:
        whole = b"".join(files.values()).decode()
        assert [text for text in hidden if text in whole] == []


def test_a_person_of_ours_at_the_customers_link_gets_none(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    client.sign_in(staff)
    assert client.post("/statement/bundle", data={"link": shown.url}).status_code == 403
    assert "custody.statement_issued" not in recorded_types(unit_of_work, id_text(shown.custody_id))


def test_looking_at_the_page_issues_nothing(client: Browser, unit_of_work: UnitOfWork, shown: Stated) -> None:
    assert "Download the files" in client.post("/statement/read", data={"link": shown.url}).text
    client.get("/statement/bundle")
    assert "custody.statement_issued" not in recorded_types(unit_of_work, id_text(shown.custody_id))


def test_the_page_in_it_needs_nothing_from_anywhere(client: Browser, shown: Stated) -> None:
    page = for_customer(client, shown)["statement.html"].decode()
    assert "Custody statement" in page
    assert "/static/" not in page
    assert "<script" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_commands_of_its_readme_accept_it_and_reject_it_with_one_byte_changed(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated, tmp_path: Path
) -> None:
    for_customer(client, shown)
    send_secret(unit_of_work, staff, custody_id=shown.custody_id)
    files = for_customer(client, shown)
    said = said_by_shell(files, tmp_path / "good")
    judged = [line for line in said if line.endswith((": ok", ": WRONG"))]
    key = policy_of(files).log_keys[0].text()
    assert said[0] == key
    assert [line for line in judged if line.endswith("WRONG")] == []
    expected = ["log signature", "0000.json", "0000.json follows", "statement.html", "disclosure"]
    assert [what for what in expected if not any(line.startswith(what) for line in judged)] == []
    older = next(name for name in files if name.startswith("checkpoint-"))
    assert f"{older}: ok" in judged
    consistency = f"consistency-{older.partition('-')[2]}-{checkpoint_in(files).size}"
    wrong = {
        "0002.json": {"0002.json", "0003.json follows"},
        "0001.tlog-proof": {"0001.json"},
        "statement.html": {"statement.html"},
        "disclosures.jsonl": {"disclosure"},
        consistency: {older},
    }
    # Each is found for itself, so one run finds all of them; the checkpoint is what the others are held against.
    for number, tampered in enumerate((wrong, {"checkpoint": {"log signature", "0000.json"}})):
        changed = {name: one_byte_changed(name, files[name]) for name in tampered}
        said = said_by_shell(files | changed, tmp_path / f"changed-{number}")
        refused = [line.removesuffix(": WRONG") for line in said if line.endswith("WRONG")]
        named = [what for whats in tampered.values() for what in whats]
        assert [what for what in named if not any(line.startswith(what) for line in refused)] == [], refused
        assert number or {"0000.json: ok", "0003.json: ok", "log signature: ok"} <= set(said)


def bundle_of_staff(client: Browser, staff: Person, record: Stated) -> dict[str, bytes]:
    client.sign_in(staff)
    page = f"/records/{id_text(record.custody_id)}/statement"
    answer = client.submit(f"{page}/bundle", {}, form_page=page)
    assert answer.status_code == 200, answer.text
    return unpacked(answer.data)


def checkpoint_in(files: dict[str, bytes]) -> Checkpoint:
    return Checkpoint.parse(SignedNote.parse(files["checkpoint"]).text)


def disclosed(files: dict[str, bytes]) -> dict[str, str]:
    """Return the disclosed fields by their names, once each was found in the entry that it names."""
    found = {}
    for line in files["disclosures.jsonl"].decode().splitlines():
        given = json.loads(line)
        assert disclosure_digest(given["disclosure"]) in fields_of(files, f"{given['entry']:04d}.json")["_sd"]
        name, value = disclosed_field(given["disclosure"])
        found[name] = value
    return found


def one_byte_changed(name: str, content: bytes) -> bytes:
    """Return the content with one letter of what matters changed: not the frame around it."""
    at = {"checkpoint": content.find(b"\n", 18) + 2}.get(name, len(content) // 2)
    if name.startswith("consistency") or name.endswith(".tlog-proof"):
        at = content.find(b"\n", content.find(b"old " if name.startswith("c") else b"index ")) + 3
    if name == "disclosures.jsonl":
        at = content.find(b'":"W') + 12
    other = b"A" if content[at : at + 1] != b"A" else b"B"
    return content[:at] + other + content[at + 1 :]
