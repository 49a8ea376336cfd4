"""verify.html from disk, with the network off: green for what is right, red with file and reason for what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.signed_notes import Ed25519Signer, SignedNote
from tests.browser.verify_steps import RIGHT, WRONG, check, page_from_disk
from tests.bundles.downloaded import entry_names, packed, policy_of, unpacked
from tests.factories import send_secret
from tests.statements.steps import stated
from tests.tlog.given import VECTORS, given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sharelink.unit_of_work import UnitOfWork
    from tests.browsers import Browser as Client
    from tests.factories import Person

    Files = dict[str, bytes]
    Change = Callable[[Files, UnitOfWork], Files]

pytestmark = pytest.mark.browser
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""The bytes of a bundle do not depend on the database; tests/bundles makes them on both."""


@pytest.fixture
def offline(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Yield the page as it was saved to disk, in a browser without a network."""
    with page_from_disk(browser, tmp_path) as page:
        yield page


@pytest.fixture
def files(client: Client, unit_of_work: UnitOfWork, staff: Person) -> Files:
    """Return a downloaded bundle that leads on from an earlier one."""
    record = stated(unit_of_work, staff)
    client.post("/statement/bundle", data={"link": record.url})
    send_secret(unit_of_work, staff, custody_id=record.custody_id)
    return unpacked(client.post("/statement/bundle", data={"link": record.url}).data)


def changed(files: Files, name: str, old: bytes, new: bytes) -> Files:
    assert old in files[name], name
    return files | {name: files[name].replace(old, new, 1)}


def without(files: Files, *names: str) -> Files:
    return {name: content for name, content in files.items() if name not in names}


def swapped(files: Files, one: str, other: str) -> Files:
    return files | {
        f"{to}.{end}": files[f"{source}.{end}"]
        for source, to in ((one, other), (other, one))
        for end in ("json", "tlog-proof")
    }


def resigned(files: Files, signer: Ed25519Signer) -> Files:
    """Return the bundle with every checkpoint signed by another key of the same name."""
    note = SignedNote.parse(files["checkpoint"])
    forged = SignedNote(note.text, (signer.sign(note.text),)).to_bytes()
    return {name: content.replace(note.to_bytes(), forged) for name, content in files.items()}


def split_view(files: Files, unit_of_work: UnitOfWork) -> Files:
    """Return the bundle with an older checkpoint that the real key has signed, over another past."""
    name = older_name(files)
    old = Checkpoint.parse(SignedNote.parse(files[name]).text)
    return files | {name: unit_of_work.log_keys.sign(old.size, bytes(32)).to_bytes()}


def older_name(files: Files) -> str:
    return next(name for name in files if name.startswith("checkpoint-"))


def consistency_name(files: Files) -> str:
    return next(name for name in files if name.startswith("consistency-"))


def last_number(files: Files) -> str:
    return entry_names(files)[-1].removesuffix(".json")


def with_hash_dropped(files: Files, name: str, after: bytes) -> Files:
    lines = files[name].split(b"\n")
    at = next(number for number, line in enumerate(lines) if line.startswith(after)) + 1
    return files | {name: b"\n".join(lines[:at] + lines[at + 1 :])}


def other_root(files: Files) -> Files:
    root = files["checkpoint"].split(b"\n")[2]
    return {name: content.replace(root, b"A" * 43 + b"=") for name, content in files.items()}


def other_signature(files: Files) -> Files:
    line = files["checkpoint"].splitlines()[-1]
    at = len(line) - 20
    forged = line[:at] + (b"B" if line[at : at + 1] == b"A" else b"A") + line[at + 1 :]
    return {name: content.replace(line, forged) for name, content in files.items()}


TAMPERED: dict[str, tuple[Change, str]] = {
    "an entry was changed": (
        lambda files, _: changed(files, "0001.json", b'"outcome":"success"', b'"outcome":"refused"'),
        "0001.tlog-proof: It does not prove 0001.json",
    ),
    "an entry was spelled in another way": (
        lambda files, _: changed(files, "0001.json", b'"outcome":', b'"outcome": '),
        "0001.json: It is not spelled in the one way",
    ),
    "an entry was left out": (
        lambda files, _: without(files, "0001.json", "0001.tlog-proof"),
        "0002.json: Entry 1 is missing before it",
    ),
    "the last entries were left out": (
        lambda files, _: without(files, f"{last_number(files)}.json", f"{last_number(files)}.tlog-proof"),
        "entries were left out after it",
    ),
    "entries were exchanged": (
        lambda files, _: swapped(files, "0001", "0002"),
        "0001.json: It says that it is entry 2",
    ),
    "a proof was shortened": (
        lambda files, _: with_hash_dropped(files, "0002.tlog-proof", b"index "),
        "0002.tlog-proof: ",
    ),
    "a proof was taken away": (
        lambda files, _: without(files, "0002.tlog-proof"),
        "0002.tlog-proof: This file is missing",
    ),
    "the root was changed": (
        lambda files, _: other_root(files),
        "checkpoint: The signature of localhost/audit is not right",
    ),
    "the signature was changed": (
        lambda files, _: other_signature(files),
        "checkpoint: The signature of localhost/audit is not right",
    ),
    "another key has signed": (
        lambda files, _: resigned(files, Ed25519Signer.from_seed("localhost/audit", bytes(range(32)))),
        "checkpoint: It is not signed by the key of the log that you trust",
    ),
    "another log has signed": (
        lambda files, _: files | {"policy.txt": given("policy-none.txt")},
        "checkpoint: It is of the log localhost/audit, which is not the one you trust",
    ),
    "the past was rewritten": (split_view, "It does not lead to the older checkpoint: the past was changed"),
    "a consistency proof was shortened": (
        lambda files, _: with_hash_dropped(files, consistency_name(files), b"old "),
        "consistency-",
    ),
    "a consistency proof was taken away": (
        lambda files, _: without(files, consistency_name(files)),
        "This bundle does not prove what happened since",
    ),
    "a name was changed": (
        lambda files, _: changed(files, "disclosures.jsonl", b'"disclosure":"W', b'"disclosure":"X'),
        "disclosures.jsonl: Line 1 was changed",
    ),
    "a name was put to another entry": (
        lambda files, _: changed(files, "disclosures.jsonl", b'"entry":0', b'"entry":1'),
        "disclosures.jsonl: Line 1 says entry 1, and belongs to entry 0",
    ),
    "the page to read was changed": (
        lambda files, _: changed(files, "statement.html", b"Carla", b"Clara"),
        "statement.html: It is not the page that was issued",
    ),
    "the checkpoint was taken away": (
        lambda files, _: without(files, "checkpoint"),
        "checkpoint: This file is missing",
    ),
    "the keys were taken away": (lambda files, _: without(files, "policy.txt"), "policy.txt: This file is missing"),
}


@one_database
def test_a_good_bundle_is_green_and_each_tampered_one_red_with_file_and_reason(
    offline: Page, files: Files, unit_of_work: UnitOfWork
) -> None:
    said = check(offline, packed(files))
    assert RIGHT in said
    assert f"{len(entry_names(files))} entries were checked" in said
    expect(offline.get_by_role("list", name="Keys").locator("code")).to_have_text(policy_of(files).log_keys[0].text())
    for name, (change, reason) in TAMPERED.items():
        said = check(offline, packed(change(files, unit_of_work)))
        assert WRONG in said, name
        problems = [said, *offline.get_by_role("list", name="What is not right").locator("li").all_inner_texts()]
        wanted = reason.replace(": ", " ", 1)
        assert any(reason in text or wanted in text for text in problems), (name, problems)
    assert RIGHT in check(offline, packed(files)), "the page keeps something of the file before"


@one_database
def test_single_files_do_as_well_as_a_zip_and_a_torn_zip_is_refused(offline: Page, files: Files) -> None:
    chosen = [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
    offline.locator("#files").set_input_files(chosen)  # type: ignore[arg-type]
    expect(offline.locator("#state-title")).to_have_text(RIGHT)
    assert "bundle.zip" in check(offline, packed(files)[:-30])
    twice = packed(files).replace(b"0001.json", b"0002.json")
    assert "two files of this name" in check(offline, twice)


@one_database
def test_the_readers_own_key_and_own_checkpoint_count_more_than_what_came_along(
    offline: Page, files: Files, unit_of_work: UnitOfWork
) -> None:
    forger = Ed25519Signer.from_seed("localhost/audit", bytes(range(32)))
    contract = policy_of(files).log_keys[0].text()
    forged = resigned(files, forger) | {"policy.txt": f"log {forger.key.text()}\nquorum none\n".encode()}
    forged = without(forged, older_name(files), consistency_name(files))
    assert RIGHT in check(offline, packed(forged)), "a bundle proves itself to whoever trusts its keys"
    offline.get_by_text("Use your own keys").click()
    offline.get_by_label("Key of the log from your contract").fill(contract)
    offline.get_by_role("button", name="Check again").click()
    expect(offline.locator("#state")).to_contain_text("not signed by the key of the log that you trust")

    own = {"name": "kept", "mimeType": "", "buffer": files[older_name(files)]}
    check(offline, packed(files))
    offline.get_by_text("Use your own keys").click()
    offline.get_by_label("Your last bundle").set_input_files(own)  # type: ignore[arg-type]
    expect(offline.get_by_role("list", name="What was checked")).to_contain_text("Your own checkpoint")
    own["buffer"] = split_view(files, unit_of_work)[older_name(files)]
    offline.get_by_label("Your last bundle").set_input_files(own)  # type: ignore[arg-type]
    expect(offline.locator("#state")).to_contain_text("the past was changed")


def test_the_given_vectors_get_the_verdicts_they_should(offline: Page) -> None:
    whole = {path.name: path.read_bytes() for path in (VECTORS / "bundle7").iterdir()}
    fork = {path.name: path.read_bytes() for path in (VECTORS / "bad" / "bundle-fork").iterdir()}
    policy = {"policy.txt": given("policy.txt")}
    for verdict, found in {
        RIGHT: [
            whole | policy,
            whole | policy | {"checkpoint": given("checkpoint-7")},
            whole | policy | {name: given(name) for name in ("checkpoint-3", "consistency-3-7")},
            whole | {"policy.txt": given("policy-any.txt")},
        ],
        WRONG: [
            fork | policy,
            *(
                whole | policy | {"checkpoint": path.read_bytes()}
                for path in sorted((VECTORS / "bad").glob("checkpoint-*"))
            ),
            *(
                whole | policy | {"checkpoint-3": given("checkpoint-3"), "consistency-3-7": path.read_bytes()}
                for path in sorted((VECTORS / "bad").glob("consistency-*"))
            ),
            *(
                whole | policy | {"0003.tlog-proof": path.read_bytes()}
                for path in (VECTORS / "bad").glob("*.tlog-proof")
            ),
            whole | policy | {"0003.json": given("bad/entry-3-reserialised.json")},
            whole | policy | {"checkpoint": given("checkpoint-7-nowitness")},
        ],
    }.items():
        for number, files in enumerate(found):
            assert verdict in check(offline, packed(files)), (verdict, number)


def test_a_quorum_may_be_met_by_what_witnesses_saw_before(offline: Page) -> None:
    whole = {path.name: path.read_bytes() for path in (VECTORS / "bundle7").iterdir()}
    older = {name: given(name) for name in ("checkpoint-3", "consistency-3-7", "policy.txt")}
    bare = {
        name: content.replace(given("checkpoint-7"), given("checkpoint-7-nowitness"))
        for name, content in (whole | older | {"checkpoint": given("checkpoint-7")}).items()
    }
    assert RIGHT in check(offline, packed(bare))
    expect(offline.get_by_role("list", name="What was checked")).to_contain_text("signed the log up to 3 entries")
    assert "lacks signatures of witnesses" in check(offline, packed(without(bare, "checkpoint-3", "consistency-3-7")))
