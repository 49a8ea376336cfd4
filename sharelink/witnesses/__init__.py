"""Witnesses after C2SP tlog-witness: others who see the log grow and say so, so that it can show nobody another one."""
