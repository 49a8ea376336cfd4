"""Monitors: programs of others that read the whole log as tiles after C2SP tlog-tiles, by a token."""
