"""The files of a bundle: entries with their proofs, the checkpoint they lead to, and what it takes to check them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sharelink.audit.cosignatures import cosigned
from sharelink.audit.tree import LogTree, StoredCheckpoint
from sharelink.bundles.audiences import Audience
from sharelink.bundles.chain import Entry, disclosures
from sharelink.bundles.readme import ReadmeFacts, readme
from sharelink.bundles.verifier_page import verifier_page
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.policies import Policy
from sharelink.tlog.signed_notes import SignedNote

EVERY_NUMBERED = "[0-9]*.json"
ENTRIES_AT_ONCE = 100
"""So many proofs are read in one transaction."""

OpenReading = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a bundle says of itself in its README: a title, and a few sentences."""

    title: str
    about: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log says about some entries at one checkpoint; `note` is that with the lines of its witnesses."""

    checkpoint: StoredCheckpoint
    note: SignedNote
    entries: Mapping[str, Entry]
    proofs: Mapping[str, bytes]
    disclosures: tuple[tuple[int, str], ...]
    older: Mapping[int, SignedNote]
    consistency: Mapping[int, bytes]


def evidence(
    open_reading: OpenReading,
    checkpoint: StoredCheckpoint,
    entries: Mapping[str, Entry],
    *,
    audience: Audience | None,
    older: Sequence[tuple[int, SignedNote]] = (),
) -> Evidence:
    """Read the proofs of `entries` for `checkpoint`, in short transactions: what they are read from never changes.

    Args:
        open_reading: gives a short reading transaction; a long one would keep SQLite's writer waiting.
        checkpoint: the checkpoint that all proofs lead to; it covers the entries.
        entries: the entries, by the names of their files without ending.
        audience: who may read which disclosures; None: nobody reads any.
        older: checkpoints that the reader may have, by their sizes: it is proved that they are the beginning.
    """
    proofs: dict[str, bytes] = {}
    disclosed: list[tuple[int, str]] = []
    with open_reading() as session:
        note = cosigned(session, checkpoint)
        tree = LogTree(session, checkpoint.size)
        consistency = {size: tree.consistency(size, note).to_bytes() for size, _note in older}
    named = list(entries.items())
    for start in range(0, len(named), ENTRIES_AT_ONCE):
        batch = dict(named[start : start + ENTRIES_AT_ONCE])
        with open_reading() as session:
            # The same tree goes on: it remembers the roots that it has read.
            tree.session = session
            proofs |= {name: tree.inclusion(entry.index, note).to_bytes() for name, entry in batch.items()}
            if audience is not None:
                disclosed.extend(disclosures(session, list(batch.values()), audience))
    return Evidence(checkpoint, note, entries, proofs, tuple(disclosed), dict(older), consistency)


def bundle_files(
    found: Evidence, trusted: Policy, heading: Heading, *, shell_entries: str, page: bytes | None = None
) -> dict[str, bytes]:
    """Return the files of a bundle by their names.

    Args:
        found: what the log says.
        trusted: whose signatures its reader should ask for.
        heading: for the README.
        shell_entries: the entries' files as the commands of the README name them.
        page: the page to be read, for a statement; its entries are a whole chain then.
    """
    size = found.checkpoint.size
    files = {} if page is None else {"statement.html": page}
    files["verify.html"] = verifier_page()
    files["README.txt"] = readme(
        ReadmeFacts(
            title=heading.title,
            about=heading.about,
            made_at=heading.made_at,
            origin=Checkpoint.parse(found.note.text).origin,
            size=size,
            entries=shell_entries,
            has_chain=page is not None,
            has_disclosures=bool(found.disclosures),
            has_older=bool(found.older),
        )
    )
    files["policy.txt"] = trusted.text().encode("utf-8")
    files["checkpoint"] = found.note.to_bytes()
    for older, note in found.older.items():
        files[f"checkpoint-{older}"] = note.to_bytes()
        files[f"consistency-{older}-{size}"] = found.consistency[older]
    for name, entry in found.entries.items():
        files[f"{name}.json"] = entry.leaf
        files[f"{name}.tlog-proof"] = found.proofs[name]
    if found.disclosures:
        lines = [{"entry": rseq, "disclosure": text} for rseq, text in found.disclosures]
        # One spelling, so that the README's commands find what they look for.
        texts = [json.dumps(line, separators=(",", ":")) + "\n" for line in lines]
        files["disclosures.jsonl"] = "".join(texts).encode("ascii")
    return files
