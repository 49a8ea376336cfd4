"""Measures Sharelink beside its peers: `make bench`; `python -m bench --quick` shows whether it still runs."""
