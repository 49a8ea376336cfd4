"""The given vectors: fixed keys, checkpoints, proofs, tiles; good ones, and bad ones that must be refused."""

import base64
import json
from pathlib import Path
from typing import Any

from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.policies import Policy
from sharelink.tlog.proofs import ConsistencyProof
from sharelink.tlog.signed_notes import SignedNote

VECTORS = Path(__file__).parent / "vectors"
KEYS: dict[str, Any] = json.loads((VECTORS / "keys.json").read_text())
TREES: dict[str, Any] = json.loads((VECTORS / "rfc6962.json").read_text())
LOG_SEED = bytes.fromhex(KEYS["log_seed_hex"])
NEXT_LOG_SEED = bytes.fromhex(KEYS["log_next_seed_hex"])
ORIGIN = KEYS["origin"]


def given(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def policy(name: str = "policy.txt") -> Policy:
    return Policy.parse(given(name).decode())


def checkpoint(name: str) -> Checkpoint:
    return Checkpoint.parse(SignedNote.parse(given(name)).text)


def consistency(name: str) -> ConsistencyProof:
    return ConsistencyProof.parse(given(name))


def hashes(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]
