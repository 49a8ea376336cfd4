"""What happened, provably: one append-only log of canonical JSON leaves, a gap-free chain per record."""
