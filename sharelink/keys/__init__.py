"""Versions of the server's keys: which one seals, which ones still open, and which are no more."""
