"""The public formats of a transparency log: trees, notes, checkpoints, proofs, tiles. No database, no clock."""
