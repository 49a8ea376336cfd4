"""All given notes, proofs, tiles and bundles: the good ones are accepted, each bad one is refused."""

import json
from pathlib import Path

import pytest

from sharelink.tlog.checkpoints import Checkpoint, signed_checkpoint, verified_checkpoint
from sharelink.tlog.cosignatures import Ed25519Cosigner
from sharelink.tlog.errors import NoteMalformed, ProofRejected, SignatureRejected
from sharelink.tlog.merkle import inclusion_path, leaf_hash, root_of, subtree_roots, verify_consistency
from sharelink.tlog.policies import Policy
from sharelink.tlog.proofs import ConsistencyProof, InclusionProof
from sharelink.tlog.signed_notes import Ed25519Signer, Ed25519Verifier, SignedNote, VerifierKey, base64_text
from sharelink.tlog.tiles import TileName, bundled_entries, tile_hashes
from tests.tlog.given import (
    KEYS,
    LOG_SEED,
    NEXT_LOG_SEED,
    ORIGIN,
    VECTORS,
    checkpoint,
    consistency,
    given,
    policy,
)


def test_keys_are_the_given_ones():
    assert Ed25519Signer.from_seed(ORIGIN, LOG_SEED).key.text() == KEYS["log_vkey"]
    assert Ed25519Signer.from_seed(ORIGIN, NEXT_LOG_SEED).key.text() == KEYS["log_next_vkey"]
    assert VerifierKey.parse(KEYS["log_mldsa_vkey"]).text() == KEYS["log_mldsa_vkey"]
    for name, witness in KEYS["witness"].items():
        assert Ed25519Cosigner.from_seed(name, bytes.fromhex(witness["seed_hex"])).key.text() == witness["vkey"]


@pytest.mark.parametrize("size", [0, 1, 3, 7, 256, 300])
def test_checkpoints_are_signed_byte_for_byte_as_given(size: int):
    note = SignedNote.parse(given(f"checkpoint-{size}"))
    signed = signed_checkpoint([Ed25519Signer.from_seed(ORIGIN, LOG_SEED)], size, checkpoint(f"checkpoint-{size}").root)
    assert signed.text == note.text
    assert signed.signatures[0] in note.signatures
    assert note.to_bytes() == given(f"checkpoint-{size}")
    assert policy().check(note).size == size


def test_a_cosignature_is_the_given_one():
    note = SignedNote.parse(given("checkpoint-7"))
    name = "customer.example/witness"
    seed = bytes.fromhex(KEYS["witness"][name]["seed_hex"])
    assert Ed25519Cosigner.from_seed(name, seed).cosign(note.text, 1767323052) in note.signatures


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("checkpoint-7-ext", "policy.txt"),
        ("checkpoint-7-onewitness", "policy-any.txt"),
        ("checkpoint-7-nowitness", "policy-none.txt"),
        ("checkpoint-7-rotation", "policy.txt"),
        ("checkpoint-7-newkey", "policy.txt"),
        ("checkpoint-7-mldsa", "policy-mldsa.txt"),
        ("checkpoint-7-mldsa", "policy.txt"),
    ],
)
def test_checkpoints_satisfy_the_policy_that_is_meant_for_them(name: str, by: str):
    assert policy(by).check(SignedNote.parse(given(name))).size == 7


@pytest.mark.parametrize("name", sorted(path.name for path in (VECTORS / "bad").glob("checkpoint-*")))
def test_bad_checkpoints_are_refused(name: str):
    with pytest.raises(ProofRejected):
        policy("policy.txt").check(SignedNote.parse(given(f"bad/{name}")))


@pytest.mark.parametrize("name", ["checkpoint-7-onewitness", "checkpoint-7-nowitness"])
def test_a_quorum_that_is_not_there_is_missed(name: str):
    with pytest.raises(SignatureRejected):
        policy().check(SignedNote.parse(given(name)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: raw.replace(b"\n", b"\r\n"), "carriage returns"),
        (lambda raw: raw.removesuffix(b"\n"), "no final line feed"),
        (lambda raw: raw.replace(b"\n7\n", b"\n07\n"), "a leading zero"),
        (lambda raw: raw.replace(b"\n7\n", "\n\u0667\n".encode()), "an Arabic seven"),
        (lambda raw: raw.replace(b"\n\n", b"\n", 1), "no blank line"),
        (lambda raw: raw.replace("\u2014 ".encode(), b"- "), "hyphens"),
        (lambda raw: raw.replace(b"sharelink.example/audit\n", b"other.example/audit\n", 1), "another origin"),
        (lambda raw: b"\xff" + raw, "no UTF-8"),
        (lambda raw: raw + b"x\n", "a line that is none"),
        (lambda raw: raw.replace(b"3cLLLNIM", b"3cLLLNIN", 1), "one bit of the signature"),
    ],
)
def test_a_changed_checkpoint_is_refused(change, why: str):
    with pytest.raises(ProofRejected):
        policy().check(SignedNote.parse(change(given("checkpoint-7"))))


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("entry-*.tlog-proof")))
def test_entries_are_proven_by_their_proofs_and_proofs_are_written_as_they_were_read(name: str):
    proof = InclusionProof.parse(given(name))
    assert proof.to_bytes() == given(name)
    entry = f"entry-{name.split('-')[1]}.json"
    by = policy("policy.txt")
    assert by.check_entry(given(entry), proof).size == int(name.split("-")[3].split(".", maxsplit=1)[0])
    with pytest.raises(ProofRejected):
        by.check_entry(given(entry) + b" ", proof)


@pytest.mark.parametrize("name", sorted(path.name for path in (VECTORS / "bad").glob("proof-*")))
def test_bad_proofs_are_refused(name: str):
    with pytest.raises(ProofRejected):
        policy().check_entry(given("entry-3.json"), InclusionProof.parse(given(f"bad/{name}")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 3", b"index 03"),
        (b"index 3", b"index -3"),
        (b"@v1", b"@v2"),
        (b"\n\n", b"\n"),
        (b"extra ZGVtbw==", b"extra ZGVtbx=="),
    ],
)
def test_a_proof_in_another_form_is_refused(old: bytes, new: bytes):
    with pytest.raises(NoteMalformed):
        InclusionProof.parse(given("entry-3-of-7.tlog-proof").replace(old, new, 1))


def test_the_same_json_in_other_bytes_is_another_entry():
    proof = InclusionProof.parse(given("entry-3-of-7.tlog-proof"))
    assert json.loads(given("bad/entry-3-reserialised.json")) == json.loads(given("entry-3.json"))
    with pytest.raises(ProofRejected):
        policy().check_entry(given("bad/entry-3-reserialised.json"), proof)


def root_at(size: int) -> bytes:
    if size > 7:
        return checkpoint(f"checkpoint-{size}").root
    leaves = [(VECTORS / "bundle7" / f"{index:04d}.json").read_bytes() for index in range(size)]
    return root_of([leaf_hash(leaf) for leaf in leaves])


def check_consistency(proof: ConsistencyProof) -> None:
    new = policy().check(proof.checkpoint)
    verify_consistency(proof.old, root_at(proof.old), new.size, new.root, proof.path)


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("consistency-*")))
def test_consistency_proofs_hold_and_are_written_as_they_were_read(name: str):
    check_consistency(consistency(name))
    assert consistency(name).to_bytes() == given(name)


@pytest.mark.parametrize("name", sorted(path.name for path in (VECTORS / "bad").glob("consistency-*")))
def test_bad_consistency_proofs_are_refused(name: str):
    with pytest.raises(ProofRejected):
        check_consistency(consistency(f"bad/{name}"))


def check_bundle(folder: Path) -> None:
    previous: dict[str, tuple[int, str]] = {}
    for path in sorted(folder.glob("*.json")):
        leaf, proof = path.read_bytes(), InclusionProof.parse(path.with_suffix(".tlog-proof").read_bytes())
        policy().check_entry(leaf, proof)
        fields = json.loads(leaf)
        rseq, hashed = previous.get(fields["rec"], (-1, None))
        if (fields["rseq"], fields["prev"]) != (rseq + 1, hashed):
            raise SignatureRejected("the chain has a gap or forks")
        previous[fields["rec"]] = (fields["rseq"], base64_text(leaf_hash(leaf)))


def test_a_whole_bundle_holds_and_a_forked_one_does_not():
    check_bundle(VECTORS / "bundle7")
    with pytest.raises(ProofRejected):
        check_bundle(VECTORS / "bad" / "bundle-fork")


def check_tiles(folder: Path) -> None:
    held = policy().check(SignedNote.parse((folder / "checkpoint").read_bytes()))
    entries = bundled_entries((folder / "tile" / TileName(None, 0, held.size).path()).read_bytes())
    tile = tile_hashes((folder / "tile" / TileName(0, 0, held.size).path()).read_bytes())
    if [leaf_hash(entry) for entry in entries] != tile or root_of(tile) != held.root:
        raise SignatureRejected("the tiles do not belong to the checkpoint")


def test_tiles_give_the_checkpoints_root_and_changed_ones_do_not():
    check_tiles(VECTORS / "log7")
    with pytest.raises(ProofRejected):
        check_tiles(VECTORS / "bad" / "log7-tile-changed")


def test_proofs_from_the_entries_of_a_log_are_the_given_ones():
    leaves = [(VECTORS / "bundle7" / f"{index:04d}.json").read_bytes() for index in range(7)]
    hashed = [leaf_hash(leaf) for leaf in leaves]
    assert root_of(hashed) == checkpoint("checkpoint-7").root
    path = inclusion_path(3, 7, subtree_roots(hashed))
    assert tuple(path) == InclusionProof.parse(given("entry-3-of-7.tlog-proof")).path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none\n",
        "log nonsense\nquorum none\n",
        f"log {KEYS['log_vkey']}\n",
        f"log {KEYS['log_vkey']}\nquorum somebody\n",
        f"log {KEYS['log_vkey']}\ngroup one any unknown\nquorum one\n",
        f"log {KEYS['log_vkey']}\nquorum none\nquorum none\n",
        f"log {KEYS['log_vkey']}\nwitness none {KEYS['log_vkey']}\nquorum none\n",
    ],
)
def test_a_policy_that_could_be_read_in_two_ways_is_refused(text: str):
    with pytest.raises(NoteMalformed):
        Policy.parse(text)


def test_a_policy_is_written_so_that_it_reads_the_same():
    for name in ("policy.txt", "policy-any.txt", "policy-none.txt", "policy-mldsa.txt"):
        assert Policy.parse(policy(name).text()) == policy(name)


def test_a_log_signs_for_itself_only():
    note = SignedNote.parse(given("checkpoint-7"))
    key = Ed25519Verifier.of(VerifierKey.parse(KEYS["log_vkey"]))
    assert verified_checkpoint(note, ORIGIN, [key]) == Checkpoint.parse(note.text)
    with pytest.raises(SignatureRejected):
        verified_checkpoint(note, "other.example/audit", [key])
    with pytest.raises(SignatureRejected):
        verified_checkpoint(note, ORIGIN, [])
