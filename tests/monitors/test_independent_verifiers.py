"""What the service hands out is accepted by verifiers that it has no line in common with, and nothing else is."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pymerkle
import pytest
from pymerkle.core import _inclusion_path_layout

from sharelink.audit.tree import LogTree, newest_checkpoint
from sharelink.tlog.tiles import bundled_entries, tiles_of
from tests.monitors.conftest import Monitor

ROOT = Path(__file__).resolve().parents[2]
OLD, SIZE = 213, 300
INDICES = (0, 1, 127, 128, 255, 256, 298, 299)


@pytest.fixture
def fetched(unit_of_work, monitor: Monitor, grow_to, tmp_path):
    """Return a folder of all that a monitor has fetched at two sizes, and of proofs."""
    folder = tmp_path / "fetched"
    folder.mkdir()
    grow_to(OLD)
    (folder / "old").write_bytes(monitor.get("checkpoint").data)
    grow_to(SIZE)
    (folder / "new").write_bytes(monitor.get("checkpoint").data)
    for tile in tiles_of(SIZE):
        path = folder / "tile" / tile.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(monitor.get(f"tile/{tile.path()}").data)
    entries = entries_in(folder)
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
        assert newest is not None
        tree = LogTree(work.session, SIZE)
        for index in INDICES:
            (folder / f"{index}.json").write_bytes(entries[index])
            (folder / f"{index}.tlog-proof").write_bytes(tree.inclusion(index, newest.note).to_bytes())
        (folder / "consistency").write_bytes(tree.consistency(OLD, newest.note).to_bytes())
    return folder


def entries_in(folder):
    names = ("000", "001.p/44")
    return [entry for name in names for entry in bundled_entries((folder / "tile" / "entries" / name).read_bytes())]


def root_in(folder, name):
    return base64.b64decode((folder / name).read_text().split("\n")[2])


def path_in(folder, name):
    lines = (folder / name).read_text().split("\n\n")[0].split("\n")
    return [base64.b64decode(line) for line in lines if " " not in line and "@" not in line]


def test_pymerkle_grows_the_same_tree_and_accepts_the_proofs(fetched):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries_in(fetched):
        tree.append_entry(entry)
    old_root, new_root = root_in(fetched, "old"), root_in(fetched, "new")
    assert [tree.get_root(OLD), tree.get_root(SIZE)] == [old_root, new_root]
    for index in INDICES:
        rule, _ = _inclusion_path_layout(index + 1, SIZE)
        leaf = tree.get_leaf(index + 1)
        path = [leaf, *path_in(fetched, f"{index}.tlog-proof")]
        proof = pymerkle.InclusionProof("sha256", True, SIZE, index + 1, rule, path)
        pymerkle.verify_inclusion(leaf, new_root, proof)
        with pytest.raises(pymerkle.InvalidProof):
            pymerkle.verify_inclusion(leaf, old_root, proof)
    theirs = tree.prove_consistency(OLD, SIZE)
    pymerkle.verify_consistency(old_root, new_root, theirs)
    assert sorted(theirs.path) == sorted(path_in(fetched, "consistency"))


def openssl(fetched, unit_of_work, index, vkey=None):
    """Run the script of docs/audit.md."""
    (script,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", (ROOT / "docs/audit.md").read_text("utf-8"), re.DOTALL)
    (fetched / "check.sh").write_text(script)
    key = vkey or unit_of_work.log_keys.public_keys[0].text()
    names = [str(fetched / f"{index}.json"), str(fetched / f"{index}.tlog-proof")]
    done = subprocess.run(
        ["sh", str(fetched / "check.sh"), key, *names], check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout.strip()


def test_openssl_and_a_shell_accept_an_event_and_refuse_what_was_changed(fetched, unit_of_work):
    for index in (0, 255, 299):
        told = f"The log localhost/audit of 300 events holds this one at {index}."
        assert openssl(fetched, unit_of_work, index) == (0, told)
    event, proof = fetched / "255.json", fetched / "255.tlog-proof"
    whole, text = event.read_bytes(), proof.read_text()
    event.write_bytes(whole.replace(b'"success"', b'"refused"'))
    assert openssl(fetched, unit_of_work, 255) == (1, "WRONG: the path")
    event.write_bytes(whole)
    for changed, told in (
        (text.replace("\n300\n", "\n301\n"), "WRONG: the signature"),
        (text.replace("index 255", "index 254"), "WRONG: the path"),
        (text.replace("index 255", "index 300"), "WRONG: the index"),
        (text.replace("\nlocalhost/audit\n", "\nother/audit\n"), "WRONG: another log"),
    ):
        proof.write_text(changed)
        assert openssl(fetched, unit_of_work, 255) == (1, told)


@pytest.mark.soak
def test_the_go_library_accepts_every_tile_and_proof_and_refuses_what_was_changed(fetched, unit_of_work):
    if shutil.which("go") is None or not Path("/usr/share/gocode/src/golang.org/x/mod").is_dir():
        pytest.skip("Go and its x/mod come from the packages golang-go and golang-golang-x-mod-dev")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
    source = Path(__file__).with_name("go") / "verify.go"
    program = fetched / "verify"
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True, env=environment, timeout=300)
    arguments = [str(program), unit_of_work.log_keys.public_keys[0].text(), str(fetched)]

    def verify():
        done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    assert verify() == (0, f"300 events, {len(INDICES)} proofs\n")
    for name in ("tile/0/000", "tile/1/000.p/1", "old", "consistency", "128.json"):
        path = fetched / name
        whole = path.read_bytes()
        at = len(whole) // 2
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert verify()[0] == 1, name
        path.write_bytes(whole)
    assert verify()[0] == 0
